// Bytes in order, on their way to one client, in pooled buffers: appended by copying once, moved from queue to queue and
// handed to a socket without copying. A queue that holds nothing has no memory.

const SMALL_BYTES = 2 * 1024;
const LARGE_BYTES = 64 * 1024;

/** Buffers of each size that are kept for later: more than a pass of the loop uses, and a bounded part of the memory. */
const SPARE_SMALL = 2048;
const SPARE_LARGE = 64;

/** A loop copies what is shorter than this sooner than the native call does. */
const LOOP_BELOW = 64;

/** Where queues get their buffers: one per thread. */
export class BufferPool {
  readonly #small: Buffer[] = [];
  readonly #large: Buffer[] = [];

  small(): Buffer {
    return this.#small.pop() ?? Buffer.allocUnsafeSlow(SMALL_BYTES);
  }

  large(): Buffer {
    return this.#large.pop() ?? Buffer.allocUnsafeSlow(LARGE_BYTES);
  }

  /** Takes back a buffer that nobody reads any more. Others than its own are left to the collector. */
  give(buffer: Buffer): void {
    if (buffer.length === SMALL_BYTES) {
      if (this.#small.length < SPARE_SMALL) this.#small.push(buffer);
    } else if (buffer.length === LARGE_BYTES && this.#large.length < SPARE_LARGE) {
      this.#large.push(buffer);
    }
  }
}

/** A full buffer, or one that another queue has handed over. */
interface Chunk {
  readonly buffer: Buffer;
  readonly end: number;
}

export class ByteQueue {
  readonly #pool: BufferPool;
  #chunks: Chunk[] | null = null;
  #chunkBytes = 0;
  /** The buffer that is being filled. */
  #buffer: Buffer | null = null;
  #end = 0;

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  get length(): number {
    return this.#chunkBytes + this.#end;
  }

  append(from: Uint8Array, start: number, end: number): void {
    const length = end - start;
    const buffer = this.#buffer ?? this.#open(length);
    if (this.#end + length > buffer.length) {
      this.#appendAcross(from, start, end);
      return;
    }
    if (length < LOOP_BELOW) {
      let at = this.#end;
      for (let i = start; i < end; i++) buffer[at++] = from[i]!;
    } else {
      buffer.set(from.subarray(start, end), this.#end);
    }
    this.#end += length;
  }

  /** Appends latin1 text. */
  text(text: string): void {
    const bytes = Buffer.from(text, "latin1");
    this.append(bytes, 0, bytes.length);
  }

  /** Moves all that `other` holds behind what is here. */
  take(other: ByteQueue): void {
    if (other.#chunks === null) {
      const buffer = other.#buffer;
      if (buffer === null) return;
      if (other.#end <= SMALL_BYTES) {
        this.append(buffer, 0, other.#end);
        other.clear();
        return;
      }
    }
    this.#seal();
    other.#seal();
    const chunks = (this.#chunks ??= []);
    if (other.#chunks !== null) chunks.push(...other.#chunks);
    this.#chunkBytes += other.#chunkBytes;
    other.#chunks = null;
    other.#chunkBytes = 0;
  }

  /**
   * Hands everything to `write` and forgets it.
   *
   * @param write returns true when nobody reads the pieces any more
   * @param lend gets the buffers that are still read; they are to be given to the pool later
   */
  flush(write: (pieces: Buffer[]) => boolean, lend: Buffer[]): void {
    if (this.#chunks === null) {
      const buffer = this.#buffer;
      if (buffer === null) return;
      this.#buffer = null;
      const end = this.#end;
      this.#end = 0;
      if (write([buffer.subarray(0, end)])) this.#pool.give(buffer);
      else lend.push(buffer);
      return;
    }
    this.#seal();
    const chunks = this.#chunks;
    this.#chunks = null;
    this.#chunkBytes = 0;
    const taken = write(chunks.map(({ buffer, end }) => buffer.subarray(0, end)));
    for (const { buffer } of chunks) {
      if (taken) this.#pool.give(buffer);
      else lend.push(buffer);
    }
  }

  /** Copies the bytes `[start, end)`, counted from the oldest, to the end of another queue. */
  copyTo(other: ByteQueue, start: number, end: number): void {
    let base = 0;
    if (this.#chunks !== null) {
      for (const chunk of this.#chunks) {
        const from = Math.max(start, base);
        const to = Math.min(end, base + chunk.end);
        if (from < to) other.append(chunk.buffer, from - base, to - base);
        base += chunk.end;
      }
    }
    const from = Math.max(start, base);
    if (from < end && this.#buffer !== null) other.append(this.#buffer, from - base, end - base);
  }

  /** Forgets everything. */
  clear(): void {
    if (this.#buffer !== null) this.#pool.give(this.#buffer);
    this.#buffer = null;
    this.#end = 0;
    if (this.#chunks !== null) for (const { buffer } of this.#chunks) this.#pool.give(buffer);
    this.#chunks = null;
    this.#chunkBytes = 0;
  }

  #open(bytes: number): Buffer {
    const buffer = bytes <= SMALL_BYTES ? this.#pool.small() : this.#pool.large();
    this.#buffer = buffer;
    return buffer;
  }

  #seal(): void {
    if (this.#buffer === null) return;
    (this.#chunks ??= []).push({ buffer: this.#buffer, end: this.#end });
    this.#chunkBytes += this.#end;
    this.#buffer = null;
    this.#end = 0;
  }

  /** What doesn't fit goes on in the next buffer, a large one: who fills a small one has more to say. */
  #appendAcross(from: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end) {
      let buffer = this.#buffer;
      if (buffer === null || this.#end === buffer.length) {
        this.#seal();
        buffer = this.#buffer = this.#pool.large();
      }
      const length = Math.min(end - at, buffer.length - this.#end);
      buffer.set(from.subarray(at, at + length), this.#end);
      this.#end += length;
      at += length;
    }
  }
}

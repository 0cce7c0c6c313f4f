// Bytes of one connection that could not be used yet: half a line, half a small value, or what waits while the
// session is parked. The buffers are used again: the collector would let tens of megabytes of them lie.

/** Sizes that are kept for later: half a request, and what one read can leave behind; doubled when more comes. */
const SIZES = [2 * 1024, 32 * 1024, 64 * 1024, 128 * 1024] as const;

/** All spare buffers together take at most this many bytes. */
const SPARE_BYTES = 1024 * 1024;

/** Where pending bytes get their memory: one per thread. */
export class PendingPool {
  readonly #spare: readonly Buffer[][] = SIZES.map(() => []);
  #spareBytes = 0;

  /** Bytes that lie spare. */
  get spareBytes(): number {
    return this.#spareBytes;
  }

  /** A buffer of at least `bytes`. */
  take(bytes: number): Buffer {
    const size = SIZES.findIndex((sizeBytes) => bytes <= sizeBytes);
    if (size < 0) return Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(bytes)));
    const spare = this.#spare[size]!.pop();
    if (spare === undefined) return Buffer.allocUnsafeSlow(SIZES[size]!);
    this.#spareBytes -= spare.length;
    return spare;
  }

  give(buffer: Buffer): void {
    const { length } = buffer;
    const size = SIZES.findIndex((sizeBytes) => length === sizeBytes);
    if (size < 0 || this.#spareBytes + length > SPARE_BYTES) return;
    this.#spare[size]!.push(buffer);
    this.#spareBytes += length;
  }
}

export class PendingBytes {
  readonly #pool: PendingPool;
  buffer: Buffer;
  start = 0;
  end = 0;

  constructor(pool: PendingPool, bytes: number) {
    this.#pool = pool;
    this.buffer = pool.take(bytes);
  }

  get length(): number {
    return this.end - this.start;
  }

  /** Takes `from[start, end)`; doubles when full, so that feeding it piece by piece costs linear time. */
  append(from: Buffer, start: number, end: number): void {
    const more = end - start;
    if (this.end + more > this.buffer.length) this.#makeRoom(more);
    from.copy(this.buffer, this.end, start, end);
    this.end += more;
  }

  /** Gives its buffer back; not to be used afterwards. */
  release(): void {
    this.#pool.give(this.buffer);
  }

  #makeRoom(more: number): void {
    const { length, buffer } = this;
    const needed = length + more;
    // Moving is worth a new buffer only when the old one is too small.
    const target = needed > buffer.length ? this.#pool.take(Math.max(needed, length * 2)) : buffer;
    buffer.copy(target, 0, this.start, this.end);
    this.buffer = target;
    this.start = 0;
    this.end = length;
    if (target !== buffer) this.#pool.give(buffer);
  }
}

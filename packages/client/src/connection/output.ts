// Bytes on their way to one socket: written in place into one buffer that is used again as soon as the kernel has taken
// it, with large values passed along by reference. Knows no protocol.

import type { ByteSocket } from "@marugoto/transport";

const BUFFER_BYTES = 64 * 1024;

/** Writes up to this length have a view that is made once. Lone requests are this short, and the view would cost as much as
 * writing them. */
const SHORT_WRITE_BYTES = 128;

/** From here on a block is sent from where it lies and not copied. */
export const BY_REFERENCE_FROM = 32 * 1024;

/** A loop copies what is shorter than this sooner than the native call does. */
const LOOP_BELOW = 64;

/** What one tick writes. Write at `buffer[end]` after `reserve`, then move `end`. */
export class Output {
  buffer: Buffer = Buffer.allocUnsafeSlow(4096);
  end = 0;
  /** Where in `buffer` the part that is not in `#chunks` begins. */
  #begin = 0;
  #chunks: Buffer[] = [];
  /** Views of the beginning of `buffer`, by length. */
  #views: (Buffer | undefined)[] = [];
  #chunkBytes = 0;

  /** Bytes not handed to the socket. */
  get bytes(): number {
    return this.#chunkBytes + this.end - this.#begin;
  }

  /** Sees to room for `bytes` at `buffer[end]`. */
  reserve(bytes: number): void {
    if (this.buffer.length - this.end < bytes) this.#makeRoom(bytes);
  }

  #makeRoom(bytes: number): void {
    this.#seal();
    this.buffer = Buffer.allocUnsafeSlow(Math.max(BUFFER_BYTES, bytes));
    this.end = this.#begin = 0;
    this.#views = [];
  }

  #seal(): void {
    if (this.end > this.#begin) {
      this.#chunks.push(this.buffer.subarray(this.#begin, this.end));
      this.#chunkBytes += this.end - this.#begin;
      this.#begin = this.end;
    }
  }

  /** Appends a copy. */
  append(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.reserve(length);
    if (length < LOOP_BELOW) {
      const { buffer } = this;
      let at = this.end;
      for (let i = start; i < end; i++) buffer[at++] = bytes[i]!;
    } else {
      this.buffer.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), this.end);
    }
    this.end += length;
  }

  /** Appends without copying: `bytes` must stay as they are until the socket has taken them. */
  appendReference(bytes: Uint8Array): void {
    this.#seal();
    this.#chunks.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    this.#chunkBytes += bytes.length;
  }

  /** Hands everything to the socket in one write (one writev when it lies in several places). */
  flushTo(socket: ByteSocket): void {
    let isTaken: boolean;
    if (this.#chunks.length === 0) {
      if (this.end === this.#begin) return;
      isTaken = socket.write(this.#view());
    } else {
      this.#seal();
      isTaken = socket.writePieces(this.#chunks);
      this.#chunks = [];
      this.#chunkBytes = 0;
    }
    // When the kernel has it all, the buffer is free again. Otherwise the socket still reads from it: go on behind that.
    if (isTaken) this.end = 0;
    this.#begin = this.end;
  }

  #view(): Buffer {
    if (this.#begin > 0 || this.end > SHORT_WRITE_BYTES) return this.buffer.subarray(this.#begin, this.end);
    return (this.#views[this.end] ??= this.buffer.subarray(0, this.end));
  }

  /** Forgets what has not been handed on. */
  clear(): void {
    this.#chunks = [];
    this.#chunkBytes = 0;
    this.end = this.#begin = 0;
  }
}

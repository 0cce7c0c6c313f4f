// Bytes of one client that could not be used yet: half a line, half a small value, or what had arrived when the session
// stopped reading. Most clients have none, and no buffer then.

import type { BufferPool } from "./byte-queue.ts";

export class PendingBytes {
  readonly #pool: BufferPool;
  buffer: Buffer;
  start = 0;
  end = 0;

  constructor(pool: BufferPool) {
    this.#pool = pool;
    this.buffer = pool.small();
  }

  get length(): number {
    return this.end - this.start;
  }

  /** Takes `from[start, end)`; grows so that feeding it piece by piece costs linear time. */
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
    const { length, buffer, start, end } = this;
    const needed = length + more;
    let target = buffer;
    if (needed > buffer.length / 2) {
      const large = this.#pool.large();
      target = needed <= large.length ? large : Buffer.allocUnsafeSlow(2 * needed);
      if (target !== large) this.#pool.give(large);
    }
    buffer.copy(target, 0, start, end);
    this.buffer = target;
    this.start = 0;
    this.end = length;
    if (target !== buffer) this.#pool.give(buffer);
  }
}

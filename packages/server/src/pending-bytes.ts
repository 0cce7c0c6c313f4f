// Bytes of one connection that could not be used yet: half a line, half a small value, or what waits while the
// session is parked. The buffers are used again: the collector would let tens of megabytes of them lie.

const SMALL_BYTES = 2 * 1024;
const LARGE_BYTES = 32 * 1024;
/** Buffers of each size kept for later. */
const SPARE_BUFFERS = 64;

/** Where pending bytes get their memory: one per thread. */
export class PendingPool {
  readonly #small: Buffer[] = [];
  readonly #large: Buffer[] = [];

  /** A buffer of at least `bytes`. */
  take(bytes: number): Buffer {
    if (bytes <= SMALL_BYTES) return this.#small.pop() ?? Buffer.allocUnsafeSlow(SMALL_BYTES);
    if (bytes <= LARGE_BYTES) return this.#large.pop() ?? Buffer.allocUnsafeSlow(LARGE_BYTES);
    return Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(bytes)));
  }

  give(buffer: Buffer): void {
    const spare = buffer.length === SMALL_BYTES ? this.#small : buffer.length === LARGE_BYTES ? this.#large : undefined;
    if (spare !== undefined && spare.length < SPARE_BUFFERS) spare.push(buffer);
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

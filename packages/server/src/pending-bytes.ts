// Bytes of one connection that could not be used yet: half a line, half a small value, or what waits while the
// session is parked. Grows by doubling, so that feeding it piece by piece costs linear time.

const FIRST_BYTES = 256;

export class PendingBytes {
  buffer: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  start = 0;
  end = 0;

  get length(): number {
    return this.end - this.start;
  }

  append(from: Buffer, start: number, end: number): void {
    const more = end - start;
    if (this.end + more > this.buffer.length) this.#makeRoom(more);
    from.copy(this.buffer, this.end, start, end);
    this.end += more;
  }

  #makeRoom(more: number): void {
    const { length } = this;
    let capacity = this.buffer.length;
    while (capacity < length + more) capacity *= 2;
    // Moving is worth a new buffer only when the old one is too small.
    const target = capacity === this.buffer.length ? this.buffer : Buffer.allocUnsafeSlow(capacity);
    this.buffer.copy(target, 0, this.start, this.end);
    this.buffer = target;
    this.start = 0;
    this.end = length;
  }
}

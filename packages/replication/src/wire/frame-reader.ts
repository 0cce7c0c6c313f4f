// Cuts the bytes of a link into records and messages, as they come. What arrived whole is handed on in place; only a
// part is copied. Lengths are checked before anything is kept. Room for a frame of some MiB is taken at once and kept for
// the next; beyond that it grows with what has arrived, not with what was announced.

const HEAD = 8;
const FIRST_ROOM = 4096;

/** Room for as much is taken when it is announced, and kept. */
const READY_ROOM = 2 * 1024 * 1024;

/** Gets one record or message at `buffer[at, end)`, valid during the call. @returns false to stop reading for good */
export type OnFrame = (buffer: Buffer, at: number, end: number) => boolean;

export class FrameReader {
  /** A frame longer than this is a violation; may change between frames. */
  maxBytes: number;
  readonly #onFrame: OnFrame;
  #rest: Buffer = Buffer.alloc(0);
  #restLength = 0;
  #stopped = false;

  constructor(maxBytes: number, onFrame: OnFrame) {
    this.maxBytes = maxBytes;
    this.#onFrame = onFrame;
  }

  /** @returns what is wrong with the bytes, or undefined; after a fault or a stop everything is ignored */
  push(buffer: Buffer, start: number, end: number): string | undefined {
    let at = start;
    while (this.#restLength > 0 && at < end && !this.#stopped) {
      const wanted = this.#restLength < HEAD ? HEAD : this.#rest.readUInt32BE(4);
      const take = Math.min(wanted - this.#restLength, end - at);
      this.#keep(buffer, at, at + take, wanted);
      at += take;
      if (this.#restLength < HEAD) break;
      const length = this.#rest.readUInt32BE(4);
      const fault = this.#fault(length);
      if (fault !== undefined) return fault;
      if (this.#restLength < length) continue;
      const rest = this.#rest;
      this.#restLength = 0;
      if (rest.length > READY_ROOM) this.#rest = Buffer.alloc(0);
      this.#stopped = !this.#onFrame(rest, 0, length);
    }
    while (end - at >= HEAD && !this.#stopped) {
      const length = buffer.readUInt32BE(at + 4);
      const fault = this.#fault(length);
      if (fault !== undefined) return fault;
      if (end - at < length) break;
      this.#stopped = !this.#onFrame(buffer, at, at + length);
      at += length;
    }
    if (at < end && !this.#stopped && this.#restLength === 0) {
      this.#keep(buffer, at, end, end - at < HEAD ? HEAD : buffer.readUInt32BE(at + 4));
    }
    return undefined;
  }

  #fault(length: number): string | undefined {
    if (length >= HEAD && length <= this.maxBytes) return undefined;
    this.#stopped = true;
    return `frame of ${length} bytes, from ${HEAD} to ${this.maxBytes} expected`;
  }

  /** @param wanted the frame's length, as far as it is known */
  #keep(buffer: Buffer, start: number, end: number, wanted: number): void {
    const length = this.#restLength + end - start;
    if (length > this.#rest.length) {
      const room = Math.min(wanted, Math.max(READY_ROOM, 2 * length));
      const larger = Buffer.allocUnsafeSlow(Math.max(FIRST_ROOM, room));
      this.#rest.copy(larger, 0, 0, this.#restLength);
      this.#rest = larger;
    }
    buffer.copy(this.#rest, this.#restLength, start, end);
    this.#restLength = length;
  }
}

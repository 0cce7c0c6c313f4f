// Where a session writes its answers: a window into a slab that all sessions of a thread share. At the end of an
// event the bytes go to the transport; when it took them at once the same window serves the next session, otherwise
// the slab moves on and the waiting bytes stay where they are.

/** A slab holds the answers of one event, the largest value that is copied, and waiting bytes of slower clients. */
const SLAB_BYTES = 512 * 1024;

/** A session stops executing when this much waits to be sent. */
export const OUTPUT_LIMIT = 64 * 1024;

/** At the start of an event at least this much lies free behind `at`, so that the common answers need no check. */
const HEADROOM = OUTPUT_LIMIT * 3;

export class Output {
  /** Write here, at `at`, after `reserve(n)`. Both change when the slab has to move. */
  buffer: Buffer = Buffer.allocUnsafeSlow(SLAB_BYTES);
  at = 0;
  /** First byte that is not yet handed to a transport. */
  start = 0;

  /** Bytes written and not yet handed on. */
  get length(): number {
    return this.at - this.start;
  }

  /** Makes sure that `bytes` more fit behind `at`. */
  reserve(bytes: number): void {
    if (this.at + bytes > this.buffer.length) this.#move(bytes);
  }

  /** Called before a session writes: a window with room, nothing in it. */
  open(): void {
    this.at = this.start;
    if (this.buffer.length - this.start < HEADROOM) this.#move(HEADROOM);
  }

  /** The transport has copied or sent the bytes: the window is free again. */
  taken(): void {
    this.at = this.start;
  }

  /** Somebody still reads the bytes: leave them in place and go on behind them. */
  kept(): void {
    this.start = this.at;
  }

  /** Appends a constant line. */
  line(bytes: Buffer): void {
    const length = bytes.length;
    this.reserve(length);
    const { buffer } = this;
    let at = this.at;
    for (let i = 0; i < length; i++) buffer[at++] = bytes[i]!;
    this.at = at;
  }

  /** Appends text, for the rare commands. */
  text(text: string): void {
    this.reserve(text.length * 3);
    this.at += this.buffer.write(text, this.at, "latin1");
  }

  #move(bytes: number): void {
    const { length } = this;
    const next = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, (length + bytes) * 2));
    this.buffer.copy(next, 0, this.start, this.at);
    this.buffer = next;
    this.start = 0;
    this.at = length;
  }
}

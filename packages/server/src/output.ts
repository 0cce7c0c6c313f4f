// Where a session writes its answers: a window into a slab that all sessions of a thread share. At the end of an
// event the bytes go to the transport. When it took them at once the same window serves the next session; otherwise the
// slab goes on behind them, and is used again from its start once everybody is through with it.

/** A slab holds the answers of one event, the largest value that is copied, and waiting bytes of slower clients. */
const SLAB_BYTES = 512 * 1024;

/** A session stops executing when this much waits to be sent. */
export const OUTPUT_LIMIT = 64 * 1024;

/** At the start of an event at least this much lies free behind `at`, so that the common answers need no check. */
const HEADROOM = OUTPUT_LIMIT * 3;

/** Slabs kept for later. The collector would free them too, but hears of buffers only when 64 MiB of them are gone. */
const SPARE_SLABS = 4;

/** Memory for answers. */
export class Slab {
  readonly buffer: Buffer;
  /** How many windows of it are still to be sent. */
  users = 0;

  constructor(bytes: number) {
    this.buffer = Buffer.allocUnsafeSlow(bytes);
  }
}

export class Output {
  #slab = new Slab(SLAB_BYTES);
  readonly #spare: Slab[] = [];
  /** Write here, at `at`, after `reserve(n)`. Both change when the slab has to move. */
  buffer: Buffer = this.#slab.buffer;
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

  /** Somebody still reads the bytes: leaves them in place and goes on behind them. Give the slab to `release`, later. */
  kept(): Slab {
    const slab = this.#slab;
    slab.users++;
    this.start = this.at;
    return slab;
  }

  /** The bytes of one `kept` are no longer read. */
  release(slab: Slab): void {
    slab.users--;
    if (slab.users > 0) return;
    if (slab === this.#slab) {
      // Nothing before this window is needed: an empty one may go back to the start.
      if (this.length === 0) this.start = this.at = 0;
    } else {
      this.#recycle(slab);
    }
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
    const old = this.#slab;
    const wanted = (length + bytes) * 2;
    const next = wanted > SLAB_BYTES ? new Slab(wanted) : (this.#spare.pop() ?? new Slab(SLAB_BYTES));
    this.buffer.copy(next.buffer, 0, this.start, this.at);
    this.#slab = next;
    this.buffer = next.buffer;
    this.start = 0;
    this.at = length;
    if (old.users === 0) this.#recycle(old);
  }

  #recycle(slab: Slab): void {
    if (slab.buffer.length === SLAB_BYTES && this.#spare.length < SPARE_SLABS) this.#spare.push(slab);
  }
}

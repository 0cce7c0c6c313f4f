// The text `name-0`, `name-1`, … that is hashed for a server's points, written in place.

/** One server's point names in one buffer. */
export class PointName {
  readonly bytes: Uint8Array;
  readonly #at: number;

  /** @param prefix everything before the number, the dash included */
  constructor(prefix: string) {
    const head = Buffer.from(prefix, "utf8");
    this.#at = head.length;
    this.bytes = new Uint8Array(head.length + 10);
    this.bytes.set(head);
  }

  /** Writes the name of point `index`, at most 10 digits; returns where it ends in `bytes`. */
  write(index: number): number {
    let end = this.#at + 1;
    for (let rest = index; rest >= 10; rest = Math.floor(rest / 10)) end++;
    let rest = index;
    for (let i = end - 1; i >= this.#at; i--) {
      this.bytes[i] = 0x30 + (rest % 10);
      rest = Math.floor(rest / 10);
    }
    return end;
  }
}

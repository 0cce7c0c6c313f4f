// A Buffer that grows while a value is written into it, up to a limit.

import { tooLarge } from "./codec.ts";

/** Up to this many bytes a loop is faster than a call into the native writer. */
const SHORT = 24;

export class ByteWriter {
  #bytes: Buffer;
  #length = 0;
  readonly #limit: number;

  /** @param limit most bytes that may be written; more throws `value_too_large` */
  constructor(limit: number) {
    this.#limit = limit;
    this.#bytes = Buffer.allocUnsafe(256);
  }

  /** Text whose every character is below 0x80. */
  ascii(text: string): void {
    this.#put(text, text.length, "latin1");
  }

  /** `byteLength` must be Buffer.byteLength(text). */
  utf8(text: string, byteLength: number): void {
    this.#put(text, byteLength, "utf8");
  }

  bytes(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** What was written. The writer must not be used afterwards. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #put(text: string, byteLength: number, encoding: "latin1" | "utf8"): void {
    const at = this.#reserve(byteLength);
    if (byteLength <= SHORT && byteLength === text.length) {
      for (let i = 0; i < byteLength; i++) this.#bytes[at + i] = text.charCodeAt(i);
    } else {
      this.#bytes.write(text, at, byteLength, encoding);
    }
  }

  #reserve(count: number): number {
    const at = this.#length;
    const length = at + count;
    if (length > this.#limit) throw tooLarge("the value", length, this.#limit);
    if (length > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(length, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
    }
    this.#length = length;
    return at;
  }
}

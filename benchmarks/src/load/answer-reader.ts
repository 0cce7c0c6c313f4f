// Reads the answers of one connection against what was asked. Because the length of every possible answer is known, it
// looks at the first byte of each and checks that a line end stands where it must, instead of parsing: a few
// nanoseconds per answer whatever its size. An answer out of step throws. Not a protocol parser: see @marugoto/protocol.

import { CacheError } from "@marugoto/core";
import { Kind } from "./batch.ts";

const LF = 10;
const LETTER = { E: 69, H: 72, S: 83, V: 86 } as const;

export class AnswerReader {
  /** Values, stored sets, refused sets and bytes since the counters were last cleared. */
  hits = 0;
  stored = 0;
  refused = 0;
  bytes = 0;
  /** The first refusal, such as `SERVER_ERROR out of memory storing object`. */
  refusal = "";

  private kinds: Uint8Array = new Uint8Array(0);
  private valueBytes: Int32Array = new Int32Array(0);
  private hitsOf: Uint16Array | undefined;
  private request = 0;
  /** Bytes of the present block still to come; 0 between blocks. */
  private left = 0;
  /** Whether the present block is the last of its answer. */
  private last = false;
  private inRefusal = false;
  private refusalText = "";

  /**
   * Announces requests. All earlier ones are answered.
   *
   * @param kinds      one Kind per request
   * @param valueBytes per request, bytes of one value block of its answer
   * @param hitsOf     if given, gets the number of values per request; must be zero at the start
   */
  expect(kinds: Uint8Array, valueBytes: Int32Array, hitsOf?: Uint16Array): void {
    this.kinds = kinds;
    this.valueBytes = valueBytes;
    this.hitsOf = hitsOf;
    this.request = 0;
  }

  /** True when every announced request is answered. */
  get done(): boolean {
    return this.request === this.kinds.length;
  }

  /** Takes the next `length` bytes of `chunk`. @throws CacheError `protocol_violation` when they are no answer */
  read(chunk: Uint8Array, length: number): void {
    this.bytes += length;
    let at = 0;
    while (at < length) {
      if (this.inRefusal) {
        at = this.readRefusal(chunk, at, length);
        continue;
      }
      if (this.left === 0) this.begin(chunk, at, length);
      const take = Math.min(this.left, length - at);
      at += take;
      this.left -= take;
      if (this.left > 0) return;
      if (chunk[at - 1] !== LF) {
        // "SERVER_E" has as many letters as "STORED\r\n" has bytes: the answer to a set that was refused.
        const kind = this.kinds[this.request];
        if (kind !== Kind.set && kind !== Kind.metaSet) throw this.outOfStep(chunk, Math.max(0, at - 64), length);
        this.inRefusal = true;
        this.refusalText = Buffer.from(chunk.buffer, chunk.byteOffset + Math.max(0, at - 8), Math.min(8, at)).toString(
          "latin1",
        );
      } else if (this.last) {
        if (this.kinds[this.request] === Kind.set || this.kinds[this.request] === Kind.metaSet) this.stored++;
        this.request++;
      }
    }
  }

  clear(): void {
    this.hits = this.stored = this.refused = this.bytes = 0;
    this.refusal = "";
  }

  private begin(chunk: Uint8Array, at: number, length: number): void {
    if (this.request === this.kinds.length) throw this.outOfStep(chunk, at, length);
    const kind = this.kinds[this.request];
    const letter = chunk[at];
    this.last = true;
    if (letter === LETTER.V && (kind === Kind.get || kind === Kind.metaGet)) {
      this.left = this.valueBytes[this.request]!;
      this.last = kind === Kind.metaGet;
      this.hits++;
      if (this.hitsOf !== undefined) this.hitsOf[this.request]!++;
    } else if (letter === LETTER.E && kind === Kind.get) this.left = 5;
    else if (letter === LETTER.E && kind === Kind.metaGet) this.left = 4;
    else if (letter === LETTER.S && kind === Kind.set) this.left = 8;
    else if ((letter === LETTER.H || letter === LETTER.S) && kind === Kind.metaSet) this.left = 4;
    else throw this.outOfStep(chunk, at, length);
  }

  private readRefusal(chunk: Uint8Array, at: number, length: number): number {
    const end = chunk.indexOf(LF, at);
    const stop = end < 0 || end >= length ? length : end + 1;
    this.refusalText += Buffer.from(chunk.buffer, chunk.byteOffset + at, stop - at).toString("latin1");
    if (this.refusalText.endsWith("\n")) {
      this.refused++;
      this.refusal ||= this.refusalText.trim();
      this.inRefusal = false;
      this.request++;
    }
    return stop;
  }

  private outOfStep(chunk: Uint8Array, at: number, length: number): CacheError {
    const excerpt = Buffer.from(chunk.subarray(at, Math.min(length, at + 80))).toString("latin1");
    return new CacheError(
      "protocol_violation",
      `request ${this.request + 1} of ${this.kinds.length} was answered ${JSON.stringify(excerpt)}`,
    );
  }
}

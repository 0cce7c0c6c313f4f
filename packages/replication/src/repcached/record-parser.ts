// What a repcached sends to its peer, read from bytes as they come: incremental, in place where a record lies whole in
// one chunk. Not the rules of replication: what a record does is its handler's. docs/migrating-from-repcached.md has the
// wire; versions 2.2 and 2.3 differ in one optional field of `delete`.

import { MAX_KEY_BYTES } from "@marugoto/core";
import { parseInt32, parseUint32, parseUint64 } from "@marugoto/protocol";

/** The whole new state of one item. Valid during the call only; the buffers are the parser's. */
export interface RepRecord {
  /** 1 to 250 bytes. */
  readonly key: Buffer;
  /** Client flags, unsigned 32 bits. */
  readonly flags: number;
  /** By memcached's rule: 0 never, up to 30 days from now, above that a Unix time in seconds. */
  readonly exptime: number;
  /** Upper 32 bits of the cas number, unsigned; 0 from a real repcached, which cuts it. */
  readonly casHigh: number;
  /** Lower 32 bits, unsigned. */
  readonly casLow: number;
  readonly value: Buffer;
}

/** What `RecordParser` calls, in the order of the stream. */
export interface RecordHandler {
  onRep(record: RepRecord): void;
  /** A value longer than this side takes was skipped; an older value of that key must not stay. */
  onTooLarge(key: Buffer, valueBytes: number): void;
  onDelete(key: Buffer): void;
  /** `at`: as an exptime, 0 or less = at once. */
  onFlush(at: number): void;
  /** `marugoto_end`: everything has been copied. */
  onCopyEnd(): void;
}

export interface RecordParserOptions {
  /** Longest value in bytes; longer ones are skipped and told by `onTooLarge`. */
  readonly maxValueBytes: number;
}

/** The longest line in bytes: `rep`, a key and four numbers need fewer than 320. */
const MAX_LINE_BYTES = 1024;

/** More tokens than any known line has. */
const MAX_TOKENS = 8;

/** A value that arrives in pieces gets this much room at first, so that a claimed length alone costs nothing. */
const FIRST_ROOM_BYTES = 64 * 1024;

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const nothing = Buffer.alloc(0);

type Writable<T> = { -readonly [K in keyof T]: T[K] };

export class RecordParser {
  readonly #handler: RecordHandler;
  readonly #maxValueBytes: number;
  /** Start and end of each token of the present line. */
  readonly #tokens = new Int32Array(MAX_TOKENS * 2);
  readonly #record: Writable<RepRecord> = {
    key: nothing,
    flags: 0,
    exptime: 0,
    casHigh: 0,
    casLow: 0,
    value: nothing,
  };
  readonly #cas = { high: 0, low: 0 };
  /** Half a line, from earlier chunks. */
  #line = nothing;
  /** Bytes of the present data block, its CRLF included; 0 = between records. */
  #blockBytes = 0;
  /** Bytes of that block seen so far. */
  #blockSeen = 0;
  /** The block as far as it has come; empty while the value is skipped. */
  #block = nothing;
  #isSkipping = false;
  #failure: string | undefined;

  constructor(handler: RecordHandler, options: RecordParserOptions) {
    this.#handler = handler;
    this.#maxValueBytes = options.maxValueBytes;
  }

  /**
   * Takes the next bytes of the stream, and calls the handler for each record that is complete. An unknown line is
   * ignored, as repcached ignores it.
   *
   * @returns undefined, or why the stream can't be read any further: the connection must be closed, nothing after the
   *   fault is looked at
   */
  push(chunk: Buffer): string | undefined {
    let at = 0;
    while (at < chunk.length && this.#failure === undefined) {
      at = this.#blockBytes > 0 ? this.#takeBlock(chunk, at) : this.#takeLine(chunk, at);
    }
    return this.#failure;
  }

  // ---- lines ----

  #takeLine(chunk: Buffer, start: number): number {
    const end = chunk.indexOf(LF, start);
    const lineEnd = end < 0 ? chunk.length : end;
    const length = this.#line.length + lineEnd - start;
    if (length > MAX_LINE_BYTES) return this.#fail(`a line of more than ${MAX_LINE_BYTES} bytes`, chunk);
    if (end < 0) {
      this.#line = Buffer.concat([this.#line, chunk.subarray(start)]);
      return chunk.length;
    }
    if (this.#line.length === 0) {
      this.#readLine(chunk, start, end);
    } else {
      const line = Buffer.concat([this.#line, chunk.subarray(start, end)]);
      this.#line = nothing;
      this.#readLine(line, 0, line.length);
    }
    return this.#failure === undefined ? end + 1 : chunk.length;
  }

  #readLine(bytes: Buffer, start: number, lineEnd: number): void {
    const end = lineEnd > start && bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    const count = this.#tokenize(bytes, start, end);
    if (count === 0) return;
    if (this.#is(bytes, 0, "rep")) this.#readRep(bytes, count);
    else if (this.#is(bytes, 0, "delete")) this.#readDelete(bytes, count);
    else if (this.#is(bytes, 0, "flush_all")) this.#readFlush(bytes, count);
    else if (count === 1 && this.#is(bytes, 0, "marugoto_end")) this.#handler.onCopyEnd();
  }

  /** `rep <key> <flags> <exptime> <bytes> <cas>`; a data block of `<bytes>` follows. */
  #readRep(bytes: Buffer, count: number): void {
    const key = count === 6 ? this.#key(bytes) : undefined;
    const flags = this.#signedOrNot(bytes, 2);
    const exptime = this.#signedOrNot(bytes, 3);
    const valueBytes = parseInt32(bytes, this.#start(4), this.#end(4));
    const isCas = parseUint64(bytes, this.#start(5), this.#end(5), this.#cas);
    // A wrong head leaves it open where the next record begins.
    if (key === undefined || !isCas || Number.isNaN(flags) || Number.isNaN(exptime) || !(valueBytes >= 0)) {
      this.#fail("a rep line that can't be read", bytes);
      return;
    }
    const record = this.#record;
    record.key = Buffer.from(key);
    // Flags from 2^31 on come as negative numbers.
    record.flags = flags >>> 0;
    record.exptime = exptime;
    record.casHigh = this.#cas.high >>> 0;
    record.casLow = this.#cas.low >>> 0;
    this.#blockBytes = valueBytes + 2;
    this.#blockSeen = 0;
    this.#isSkipping = valueBytes > this.#maxValueBytes;
  }

  /** `delete <key>`, in 2.2 also `delete <key> <exptime>`: the key is gone at once in either. */
  #readDelete(bytes: Buffer, count: number): void {
    const key = count === 2 || count === 3 ? this.#key(bytes) : undefined;
    if (key !== undefined) this.#handler.onDelete(key);
  }

  /** `flush_all ` (with its space) or `flush_all <at>`. */
  #readFlush(bytes: Buffer, count: number): void {
    if (count > 2) return;
    const at = count === 1 ? 0 : this.#signedOrNot(bytes, 1);
    if (!Number.isNaN(at)) this.#handler.onFlush(at);
  }

  // ---- data blocks ----

  #takeBlock(chunk: Buffer, start: number): number {
    const end = Math.min(chunk.length, start + this.#blockBytes - this.#blockSeen);
    const isWhole = this.#blockSeen === 0 && end - start === this.#blockBytes;
    if (isWhole && !this.#isSkipping) {
      this.#endBlock(chunk, start);
      return this.#failure === undefined ? end : chunk.length;
    }
    if (!this.#isSkipping) this.#gather(chunk, start, end);
    this.#blockSeen += end - start;
    if (this.#blockSeen === this.#blockBytes) {
      const block = this.#block;
      this.#block = nothing;
      if (this.#isSkipping) this.#endSkipped();
      else this.#endBlock(block, 0);
    }
    return this.#failure === undefined ? end : chunk.length;
  }

  #gather(chunk: Buffer, start: number, end: number): void {
    const needed = this.#blockSeen + end - start;
    if (needed > this.#block.length) {
      const room = Math.min(this.#blockBytes, Math.max(needed, this.#block.length * 2, FIRST_ROOM_BYTES));
      const larger = Buffer.allocUnsafeSlow(room);
      this.#block.copy(larger, 0, 0, this.#blockSeen);
      this.#block = larger;
    }
    chunk.copy(this.#block, this.#blockSeen, start, end);
  }

  #endBlock(bytes: Buffer, start: number): void {
    const valueEnd = start + this.#blockBytes - 2;
    this.#blockBytes = 0;
    if (bytes[valueEnd] !== CR || bytes[valueEnd + 1] !== LF) {
      this.#fail("a value without its line end", bytes);
      return;
    }
    this.#record.value = bytes.subarray(start, valueEnd);
    this.#handler.onRep(this.#record);
    this.#record.value = nothing;
  }

  #endSkipped(): void {
    const valueBytes = this.#blockBytes - 2;
    this.#blockBytes = 0;
    this.#handler.onTooLarge(this.#record.key, valueBytes);
  }

  // ---- tokens ----

  /** Notes where tokens begin and end; @returns how many there are, those beyond `MAX_TOKENS` included. */
  #tokenize(bytes: Buffer, start: number, end: number): number {
    const tokens = this.#tokens;
    let count = 0;
    for (let at = start; at < end;) {
      if (bytes[at] === SPACE) {
        at++;
        continue;
      }
      const space = bytes.indexOf(SPACE, at);
      const tokenEnd = space < 0 || space > end ? end : space;
      if (count < MAX_TOKENS) {
        tokens[count * 2] = at;
        tokens[count * 2 + 1] = tokenEnd;
      }
      count++;
      at = tokenEnd;
    }
    return count;
  }

  #start(token: number): number {
    return this.#tokens[token * 2]!;
  }

  #end(token: number): number {
    return this.#tokens[token * 2 + 1]!;
  }

  #is(bytes: Buffer, token: number, word: string): boolean {
    const start = this.#start(token);
    return this.#end(token) - start === word.length && bytes.toString("latin1", start, this.#end(token)) === word;
  }

  /** 32 bits, with a sign or without. NaN when it is neither. */
  #signedOrNot(bytes: Buffer, token: number): number {
    const signed = parseInt32(bytes, this.#start(token), this.#end(token));
    return Number.isNaN(signed) ? parseUint32(bytes, this.#start(token), this.#end(token)) : signed;
  }

  #key(bytes: Buffer): Buffer | undefined {
    const key = bytes.subarray(this.#start(1), this.#end(1));
    return key.length <= MAX_KEY_BYTES ? key : undefined;
  }

  #fail(what: string, bytes: Buffer): number {
    this.#failure ??= what;
    return bytes.length;
  }
}

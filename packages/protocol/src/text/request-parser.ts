// Bytes to requests of the text protocols: lines, data blocks, and nothing else. It keeps no bytes but the head of a
// data block that is on its way: what `parse` doesn't consume, the caller keeps and passes again with more behind it.
// No sockets, no time, no answers.

import { Command } from "../command.ts";
import { TextRequest, Verdict, type RequestHandler } from "../request.ts";
import { RequestErrors } from "./request-errors.ts";
import { INCOMPLETE, parseLine } from "./request-line.ts";

const SPACE = 0x20;
const LF = 0x0a;
const CR = 0x0d;

/** Longest base64 key is 250 bytes of text. */
const KEY_SCRATCH_BYTES = 256;
/** Most spaces in front of a get line that is longer than `maxLineBytes`. */
const MAX_LEADING_SPACES = 100;

/** Where the parser stands between two calls. */
const Mode = { line: 0, value: 1, valueEnd: 2, swallow: 3 } as const;
type Mode = (typeof Mode)[keyof typeof Mode];

/** Buffers that any number of parsers may share, because a request lives no longer than its handler call. */
export class RequestScratch {
  readonly request = new TextRequest();
  readonly key: Buffer = Buffer.alloc(KEY_SCRATCH_BYTES);
}

export interface RequestParserOptions {
  /** Shared among parsers whose handlers don't call each other's `parse`. Default: its own. */
  readonly scratch?: RequestScratch;
  /** Bytes of a line without its LF at which the connection is given up, get and gets apart. Default 2048. */
  readonly maxLineBytes?: number;
  /** The same for get and gets; memcached has no such bound. Default 16 MiB. */
  readonly maxGetLineBytes?: number;
  /** A data block longer than this many bytes is handed on in pieces when it isn't wholly there. Default 16384. */
  readonly largeValueBytes?: number;
}

/** An incremental, in-place parser for one connection. */
export class TextRequestParser {
  readonly #scratch: RequestScratch;
  readonly #maxLineBytes: number;
  readonly #maxGetLineBytes: number;
  readonly #largeValueBytes: number;
  #mode: Mode = Mode.line;
  /** Bytes of the block, its CRLF included, that are still to come. */
  #remaining = 0;
  /** In `value`: the CRLF is right so far. */
  #terminated = true;
  #skipped = false;
  /** Bytes of the incomplete line at the head of the input that are known to have no LF. */
  #scanned = 0;
  /** Copy of the line whose data block is on its way. */
  #head: Buffer | null = null;

  constructor(options: RequestParserOptions = {}) {
    this.#scratch = options.scratch ?? new RequestScratch();
    this.#maxLineBytes = options.maxLineBytes ?? 2048;
    this.#maxGetLineBytes = options.maxGetLineBytes ?? 16 * 1024 * 1024;
    this.#largeValueBytes = options.largeValueBytes ?? 16_384;
  }

  /** The request that handlers are given. */
  get request(): TextRequest {
    return this.#scratch.request;
  }

  /** True between a request and the next: nothing of a data block is outstanding. */
  get idle(): boolean {
    return this.#mode === Mode.line;
  }

  /**
   * Parses whole requests in `buffer[start, end)` and calls `handler` for each, until the bytes end or a verdict says
   * so. Never throws for what the bytes are; what a handler throws passes through.
   *
   * After `error.close` nothing more should be parsed.
   *
   * @returns the offset of the first byte not consumed; pass it and all behind it again, with more
   */
  parse(buffer: Buffer, start: number, end: number, handler: RequestHandler): number {
    const request = this.#scratch.request;
    const key = this.#scratch.key;
    let position = start;
    if (this.#mode !== Mode.line) {
      position = this.#resume(buffer, position, end, handler);
      // Not back at a line: more bytes are wanted. A negative offset says that the handler stopped.
      if (position < 0) return -position - 1;
      if (!this.idle) return position;
    }
    if (this.#scanned > 0 && !this.#lineHasEnded(buffer, position, end)) {
      return this.#incompleteLine(buffer, position, end, handler);
    }

    while (position < end) {
      const next = parseLine(request, buffer, position, end, key);
      if (next === INCOMPLETE) return this.#incompleteLine(buffer, position, end, handler);
      let verdict: Verdict;
      let after = next;
      const length = request.valueBytes;
      if (request.error !== null) {
        verdict = handler.onError(request.error, request.noreply, request);
        if (verdict === Verdict.HOLD) return position;
        if (length >= 0) {
          this.#mode = Mode.swallow;
          this.#remaining = length + 2;
          after = this.#swallow(next, end);
        }
      } else if (length < 0) {
        verdict = handler.onRequest(request);
        if (verdict === Verdict.HOLD) return position;
      } else if (next + length + 2 <= end) {
        after = next + length + 2;
        if (buffer[after - 2] === CR && buffer[after - 1] === LF) {
          request.valueStart = next;
          request.valueEnd = after - 2;
          verdict = handler.onRequest(request);
        } else {
          request.error = RequestErrors.badDataChunk;
          const quiet = request.noreply && request.command !== Command.metaSet;
          verdict = handler.onError(RequestErrors.badDataChunk, quiet, request);
        }
        if (verdict === Verdict.HOLD) return position;
      } else if (length > this.#largeValueBytes) {
        verdict = handler.onValueStart(request);
        if (verdict === Verdict.HOLD) return position;
        this.#head = Buffer.from(buffer.subarray(position, next));
        this.#remaining = length + 2;
        this.#terminated = true;
        this.#skipped = verdict === Verdict.SKIP;
        this.#mode = Mode.value;
        if (verdict === Verdict.STOP) return next;
        after = this.#resume(buffer, next, end, handler);
        if (after < 0) return -after - 1;
      } else {
        return position;
      }
      position = after;
      if (verdict === Verdict.STOP) return position;
      if (!this.idle) return position;
    }
    return position;
  }

  // ---- lines ----

  /** Looks for an LF behind what was searched before; keeps lines that come in many pieces linear. */
  #lineHasEnded(buffer: Buffer, start: number, end: number): boolean {
    const lf = buffer.indexOf(LF, start + this.#scanned);
    if (lf < 0 || lf >= end) return false;
    this.#scanned = 0;
    return true;
  }

  #incompleteLine(buffer: Buffer, start: number, end: number, handler: RequestHandler): number {
    const length = end - start;
    this.#scanned = length;
    if (length <= this.#maxLineBytes) return start;
    if (length <= this.#maxGetLineBytes && isLongGet(buffer, start, end)) return start;
    const request = this.#scratch.request;
    request.command = Command.unknown;
    request.error = RequestErrors.lineTooLong;
    const verdict = handler.onError(RequestErrors.lineTooLong, false, request);
    if (verdict === Verdict.HOLD) return start;
    this.#scanned = 0;
    return end;
  }

  // ---- data blocks ----

  /** Goes on with a data block. Returns the offset reached; -1 - offset when the handler said STOP or HOLD. */
  #resume(buffer: Buffer, start: number, end: number, handler: RequestHandler): number {
    if (this.#mode === Mode.swallow) return this.#swallow(start, end);
    let position = start;
    if (this.#mode === Mode.value) {
      if (this.#remaining > 2) {
        const piece = Math.min(this.#remaining - 2, end - position);
        if (piece > 0) {
          if (!this.#skipped) handler.onValuePiece(buffer, position, position + piece);
          position += piece;
          this.#remaining -= piece;
        }
      }
      while (this.#remaining > 0 && this.#remaining <= 2 && position < end) {
        if (buffer[position] !== (this.#remaining === 2 ? CR : LF)) this.#terminated = false;
        position++;
        this.#remaining--;
      }
      if (this.#remaining > 0) return position;
      this.#mode = Mode.valueEnd;
    }

    const { request, key } = this.#scratch;
    const head = this.#head!;
    parseLine(request, head, 0, head.length, key);
    const verdict = handler.onValueEnd(request, this.#terminated || this.#skipped, this.#skipped);
    if (verdict === Verdict.HOLD) return -1 - position;
    this.#mode = Mode.line;
    this.#head = null;
    return verdict === Verdict.STOP ? -1 - position : position;
  }

  #swallow(start: number, end: number): number {
    const bytes = Math.min(this.#remaining, end - start);
    this.#remaining -= bytes;
    if (this.#remaining === 0) this.#mode = Mode.line;
    return start + bytes;
  }
}

/** True when the bytes start, after at most 100 spaces, with `get ` or `gets `. */
function isLongGet(buffer: Buffer, start: number, end: number): boolean {
  let i = start;
  while (i < end && buffer[i] === SPACE) i++;
  if (i - start > MAX_LEADING_SPACES) return false;
  if (buffer[i] !== 0x67 || buffer[i + 1] !== 0x65 || buffer[i + 2] !== 0x74) return false;
  return buffer[i + 3] === SPACE || (buffer[i + 3] === 0x73 && buffer[i + 4] === SPACE);
}

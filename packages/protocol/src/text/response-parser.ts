// Bytes to answers of the text protocols: the client's half of request-parser.ts, with the same contract for bytes that
// aren't consumed. It does not know what was asked; matching answers to requests is the connection's work.

import { Verdict } from "../request.ts";
import { TextResponse, type ResponseHandler } from "../response.ts";
import { parseResponseLine } from "./response-line.ts";

const LF = 0x0a;
const CR = 0x0d;

/** Below this a loop finds the LF sooner than the native search does. */
const NATIVE_SEARCH_FROM = 48;

const Mode = { line: 0, value: 1, valueEnd: 2, broken: 3 } as const;
type Mode = (typeof Mode)[keyof typeof Mode];

export interface ResponseParserOptions {
  /** The object that is filled in; may be shared as a RequestScratch may. Default: its own. */
  readonly response?: TextResponse;
  /** Longest line without its LF; beyond it the answer is a violation. Default 8192. */
  readonly maxLineBytes?: number;
  /** Longest data block; beyond it the answer is a violation. Default 1 GiB. */
  readonly maxValueBytes?: number;
  /** A data block longer than this many bytes is handed on in pieces when it isn't wholly there. Default 16384. */
  readonly largeValueBytes?: number;
}

/** An incremental, in-place parser for the answers on one connection. */
export class TextResponseParser {
  readonly response: TextResponse;
  readonly #maxLineBytes: number;
  readonly #maxValueBytes: number;
  readonly #largeValueBytes: number;
  #mode: Mode = Mode.line;
  /** Bytes of the block, its CRLF included, that are still to come. */
  #remaining = 0;
  #skipped = false;
  /** Copy of the line whose data block is on its way. */
  #head: Buffer | null = null;

  constructor(options: ResponseParserOptions = {}) {
    this.response = options.response ?? new TextResponse();
    this.#maxLineBytes = options.maxLineBytes ?? 8192;
    this.#maxValueBytes = options.maxValueBytes ?? 1024 * 1024 * 1024;
    this.#largeValueBytes = options.largeValueBytes ?? 16_384;
  }

  /** True between an answer and the next: nothing of a data block is outstanding. */
  get idle(): boolean {
    return this.#mode === Mode.line;
  }

  /** True after a violation: `parse` then consumes nothing. */
  get broken(): boolean {
    return this.#mode === Mode.broken;
  }

  /**
   * Parses whole answers in `buffer[start, end)` and calls `handler` for each. Never throws for what the bytes are.
   *
   * @returns the offset of the first byte not consumed; pass it and all behind it again, with more
   */
  parse(buffer: Buffer, start: number, end: number, handler: ResponseHandler): number {
    const response = this.response;
    let position = start;
    if (this.#mode !== Mode.line) {
      if (this.#mode === Mode.broken) return start;
      position = this.#resume(buffer, position, end, handler);
      // A negative offset says that the handler stopped.
      if (position < 0) return -position - 1;
      if (!this.idle) return position;
    }

    while (position < end) {
      const lf = findLf(buffer, position, end);
      if (lf < 0) {
        if (end - position <= this.#maxLineBytes) return position;
        return this.#violation(handler, `a line of at most ${this.#maxLineBytes} bytes`, buffer, position, end);
      }
      const fault = parseResponseLine(response, buffer, position, lf);
      if (fault !== null) return this.#violation(handler, fault, buffer, position, lf + 1);
      const length = response.valueBytes;
      let after = lf + 1;
      let verdict: Verdict;
      if (length < 0) {
        verdict = handler.onResponse(response);
        if (verdict === Verdict.HOLD) return position;
      } else if (length > this.#maxValueBytes) {
        const expected = `a data block of at most ${this.#maxValueBytes} bytes`;
        return this.#violation(handler, expected, buffer, position, lf + 1);
      } else if (after + length + 2 <= end) {
        response.valueStart = after;
        after += length + 2;
        response.valueEnd = after - 2;
        if (buffer[after - 2] !== CR || buffer[after - 1] !== LF) {
          return this.#violation(handler, "CRLF behind the data block", buffer, after - 2, after);
        }
        verdict = handler.onResponse(response);
        if (verdict === Verdict.HOLD) return position;
      } else if (length > this.#largeValueBytes) {
        verdict = handler.onValueStart(response);
        if (verdict === Verdict.HOLD) return position;
        this.#head = Buffer.from(buffer.subarray(position, after));
        this.#remaining = length + 2;
        this.#skipped = verdict === Verdict.SKIP;
        this.#mode = Mode.value;
        if (verdict === Verdict.STOP) return after;
        after = this.#resume(buffer, after, end, handler);
        if (after < 0) return -after - 1;
      } else {
        return position;
      }
      position = after;
      if (verdict === Verdict.STOP || !this.idle) return position;
    }
    return position;
  }

  /** Goes on with a data block. Returns the offset reached; -1 - offset when nothing more is to be parsed now. */
  #resume(buffer: Buffer, start: number, end: number, handler: ResponseHandler): number {
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
        if (buffer[position] !== (this.#remaining === 2 ? CR : LF)) {
          return -1 - this.#violation(handler, "CRLF behind the data block", buffer, position, position + 1);
        }
        position++;
        this.#remaining--;
      }
      if (this.#remaining > 0) return position;
      this.#mode = Mode.valueEnd;
    }

    const head = this.#head!;
    parseResponseLine(this.response, head, 0, head.length - 1);
    const verdict = handler.onValueEnd(this.response, this.#skipped);
    if (verdict === Verdict.HOLD) return -1 - position;
    this.#mode = Mode.line;
    this.#head = null;
    return verdict === Verdict.STOP ? -1 - position : position;
  }

  #violation(handler: ResponseHandler, expected: string, input: Buffer, start: number, end: number): number {
    this.#mode = Mode.broken;
    this.#head = null;
    handler.onViolation(expected, input, start, end);
    return start;
  }
}

function findLf(buffer: Buffer, start: number, end: number): number {
  const near = Math.min(end, start + NATIVE_SEARCH_FROM);
  let i = start;
  let byte: number;
  do {
    byte = buffer[i]!;
    i = (i + 1) | 0;
  } while (byte !== LF && i < near);
  if (byte === LF) return i - 1;
  if (i >= end) return -1;
  const lf = buffer.indexOf(LF, i);
  return lf >= end ? -1 : lf;
}

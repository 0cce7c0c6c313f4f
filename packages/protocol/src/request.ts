// A request of the text protocols, as a server sees it: the fields that TextRequestParser fills in, and what it calls.
// One TextRequest is filled again and again; nothing in it outlives the handler call it was made for.

import { Command } from "./command.ts";
import type { RequestError } from "./text/request-errors.ts";
import { parseInt32, parseUint32 } from "./text/numbers.ts";

/** What a handler wants to happen next. */
export const Verdict = {
  /** Consumed; go on with the next request. */
  CONTINUE: 0,
  /** Consumed; `parse` returns now, at the byte after this request. */
  STOP: 1,
  /** Not consumed: `parse` returns now, and the next `parse` calls the handler with the same request again. */
  HOLD: 2,
  /** For `onValueStart` only: swallow the data block, then call `onValueEnd` with `skipped` true. */
  SKIP: 3,
} as const;

export type Verdict = (typeof Verdict)[keyof typeof Verdict];

/** Bits of `TextRequest.metaFlags`, named by the letter on the wire. */
export const MetaFlag = {
  b: 1 << 0,
  c: 1 << 1,
  f: 1 << 2,
  h: 1 << 3,
  k: 1 << 4,
  l: 1 << 5,
  q: 1 << 6,
  s: 1 << 7,
  t: 1 << 8,
  u: 1 << 9,
  v: 1 << 10,
  x: 1 << 11,
  C: 1 << 12,
  D: 1 << 13,
  E: 1 << 14,
  F: 1 << 15,
  I: 1 << 16,
  J: 1 << 17,
  L: 1 << 18,
  M: 1 << 19,
  N: 1 << 20,
  O: 1 << 21,
  P: 1 << 22,
  R: 1 << 23,
  T: 1 << 24,
} as const;

/** `TextRequest.mode`: flag M of `ms` and `ma`, normalised (`+` is increment, `-` decrement, nothing is the default). */
export const MetaMode = {
  set: 0x53,
  add: 0x45,
  append: 0x41,
  prepend: 0x50,
  replace: 0x52,
  increment: 0x49,
  decrement: 0x44,
} as const;

/** Most tokens that are looked at in a line other than get's: those behind are ignored, as in memcached. */
export const MAX_TOKENS = 23;

const nothing = Buffer.alloc(0);

/**
 * The current request. Every field is valid inside a handler call only, and only where its comment names the command;
 * elsewhere it holds what an earlier request left there.
 *
 * All offsets count from the start of `input`, but for `keyStart` and `keyEnd`, which count in `buffer`.
 */
export class TextRequest {
  command: Command = Command.unknown;

  /** Holds the command line, and the data block if it is wholly there. */
  input: Buffer = nothing;
  /** Holds the key: `input`, or a scratch with the decoded key when flag b was given. */
  buffer: Buffer = nothing;
  /** Offsets of the line in `input`; `lineEnd` is behind its LF. */
  lineStart = 0;
  lineEnd = 0;

  // ---- keys ----
  /** The first key, at most 250 bytes, in `buffer`. All commands with a key. */
  keyStart = 0;
  keyEnd = 0;
  /** Number of keys. get, gets, gat, gats: 1 or more; other commands with a key: 1 (but `keyOffsets` isn't filled). */
  keyCount = 0;
  /** Start and end of every key, in `input`; grows. get, gets, gat, gats. */
  keyOffsets: Int32Array;

  // ---- numbers ----
  /** Client flags, unsigned 32 bit. Storage commands; `ms` (flag F, default 0). */
  flags = 0;
  /**
   * Exptime as on the wire: seconds, signed 32 bit. Storage commands, gat, gats, touch; meta flag T (default 0: look at
   * `metaFlags`); flush_all: the delay, default 0.
   */
  exptime = 0;
  /** Expected cas, two unsigned 32-bit halves. cas; meta flag C. */
  casHigh = 0;
  casLow = 0;
  /** Amount. incr, decr; ma (flag D, default 1). */
  deltaHigh = 0;
  deltaLow = 0;
  /** True when the plain answer isn't wanted: `noreply`, or meta flag q. Which answers q hides is the server's to know. */
  noreply = false;

  // ---- data block ----
  /** Length of the data block without its CRLF; -1: the command has none. */
  valueBytes = -1;
  /** Where it lies in `input`. In onRequest only. */
  valueStart = 0;
  valueEnd = 0;

  // ---- meta ----
  /** Set of `MetaFlag`. */
  metaFlags = 0;
  /** ms: set, add, append, prepend, replace; ma: increment, decrement (`MetaMode`). */
  mode = 0;
  /** Flag N: exptime of an item made on a miss. */
  vivifyExptime = 0;
  /** Flag R: a remaining TTL below this wins. Exptime rules apply. */
  recacheExptime = 0;
  /** Flag E: the cas to give. */
  newCasHigh = 0;
  newCasLow = 0;
  /** Flag J of ma: the value to start from, default 0. */
  initialHigh = 0;
  initialLow = 0;
  /** The key as sent (base64 under flag b). */
  rawKeyStart = 0;
  rawKeyEnd = 0;
  /** Flag O, its letter included, ready to be echoed; equal when not given. */
  opaqueStart = 0;
  opaqueEnd = 0;

  // ---- tokens: stats, lru_crawler and the like ----
  /** Tokens behind the command word (at most 22), `noreply` included. Not get, gets, gat, gats. */
  argCount = 0;
  /** Tokens of the line, command word first. */
  tokenCount = 0;
  /** Start and end of each token. */
  readonly tokens = new Int32Array(2 * MAX_TOKENS);

  /** What is wrong, inside onError; null elsewhere. */
  error: RequestError | null = null;

  constructor(keyCapacity = 128) {
    this.keyOffsets = new Int32Array(2 * keyCapacity);
  }

  /** Number of meta flags. Flag `i` is token `flagToken(i)`, in request order. */
  get flagCount(): number {
    return this.tokenCount - (this.command === Command.metaSet ? 3 : 2);
  }

  /** Offset of the letter of meta flag `i`, 0-based, in `input`. */
  flagStart(i: number): number {
    return this.tokens[2 * (i + (this.command === Command.metaSet ? 3 : 2))]!;
  }

  /** Offset behind meta flag `i`. */
  flagEnd(i: number): number {
    return this.tokens[2 * (i + (this.command === Command.metaSet ? 3 : 2)) + 1]!;
  }

  // ---- for the rare commands; these allocate ----

  /** Argument `i`, 0-based, as latin1 text; "" when there is none. */
  text(i: number): string {
    if (i >= this.argCount) return "";
    return this.input.toString("latin1", this.tokens[2 * i + 2], this.tokens[2 * i + 3]);
  }

  /** Argument `i` as memcached reads an unsigned 32-bit number: up to 11 digits and nothing else; undefined: it isn't one. */
  argUint32(i: number): number | undefined {
    if (i >= this.argCount) return undefined;
    const value = parseUint32(this.input, this.tokens[2 * i + 2]!, this.tokens[2 * i + 3]!);
    return Number.isNaN(value) ? undefined : value;
  }

  /** Argument `i` as a signed 32-bit number; undefined: it isn't one. */
  argInt32(i: number): number | undefined {
    if (i >= this.argCount) return undefined;
    const value = parseInt32(this.input, this.tokens[2 * i + 2]!, this.tokens[2 * i + 3]!);
    return Number.isNaN(value) ? undefined : value;
  }

  /** The (first) key as latin1 text. */
  keyText(): string {
    return this.buffer.toString("latin1", this.keyStart, this.keyEnd);
  }
}

/** Who executes requests. `request` is the parser's own object, see `TextRequest`. */
export interface RequestHandler {
  /** A whole request, its data block included. */
  onRequest(request: TextRequest): Verdict;
  /**
   * The head of a storage request whose data block is longer than `largeValueBytes` and not wholly there. `valueBytes`
   * is known, `valueStart` and `valueEnd` are not. SKIP swallows the block.
   */
  onValueStart(request: TextRequest): Verdict;
  /** Next bytes of that data block, never its CRLF. Not called while skipping. */
  onValuePiece(buffer: Buffer, start: number, end: number): void;
  /**
   * The data block is complete; the head's fields are valid again (`input` is the parser's copy of the line).
   *
   * @param terminated false: no CRLF behind it; the answer is `CLIENT_ERROR bad data chunk`, which noreply hides for the
   *   classic commands and nothing hides for `ms`. Always true when skipped.
   * @param skipped `onValueStart` had said SKIP
   */
  onValueEnd(request: TextRequest, terminated: boolean, skipped: boolean): Verdict;
  /**
   * A malformed request. The parser swallows the data block where memcached does; the handler queues `error.line`
   * unless `quiet`, and closes once that is out if `error.close`.
   *
   * @param quiet noreply was understood before the error was found
   * @param request its `command` is valid, and whatever was parsed before the error
   */
  onError(error: RequestError, quiet: boolean, request: TextRequest): Verdict;
}

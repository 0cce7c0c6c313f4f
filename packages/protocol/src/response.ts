// An answer of the text protocols, as a client sees it: the fields that TextResponseParser fills in, and what it calls.
// One TextResponse is filled again and again; nothing in it outlives the handler call it was made for.

import type { Verdict } from "./request.ts";
import { parseUint64, type Uint64 } from "./text/numbers.ts";

/** What kind of answer came: small integers. */
export const Reply = {
  // ---- with a data block ----
  /** `VALUE <key> <flags> <bytes> [<cas>]` and the block: one row of get, gets, gat, gats. */
  value: 1,
  /** `VA <bytes> <flag>*` and the block: mg, ma. */
  metaValue: 2,
  // ---- ends and statuses ----
  /** `END`: behind the rows of a retrieval or of stats. */
  end: 3,
  stored: 4,
  notStored: 5,
  exists: 6,
  notFound: 7,
  deleted: 8,
  touched: 9,
  ok: 10,
  reset: 11,
  /** A lone decimal number, in `numberHigh`, `numberLow`: incr, decr. */
  number: 12,
  /** `VERSION <text>`. */
  version: 13,
  // ---- meta ----
  /** `HD <flag>*`. */
  metaHit: 14,
  /** `EN <flag>*`; also the end of mgdump. */
  metaMiss: 15,
  /** `NF <flag>*`. */
  metaNotFound: 16,
  /** `NS <flag>*`. */
  metaNotStored: 17,
  /** `EX <flag>*`. */
  metaExists: 18,
  /** `MN`. */
  metaNoop: 19,
  /** `ME <key> <text>`. */
  metaDebug: 20,
  // ---- rows ----
  /** `STAT <name> <value>`. */
  stat: 21,
  /** A row of a dump or a log, the whole line in `text`: `ITEM`, `PREFIX`, `key=`, `mg`, `ts=`, `skipped=`. */
  row: 22,
  // ---- errors ----
  /** `ERROR [<text>]`. */
  error: 23,
  /** `CLIENT_ERROR <text>`. */
  clientError: 24,
  /** `SERVER_ERROR <text>`. */
  serverError: 25,
  /** A refused control command, the whole line in `text`: `BUSY`, `BADCLASS`, `NOSPARE`, `SAME`, `NOTSTARTED`, `MEMLIMIT_…`, `WATCHER_…`. */
  refused: 26,
} as const;

export type Reply = (typeof Reply)[keyof typeof Reply];

/** Bits of `TextResponse.metaFlags`, named by the letter on the wire. */
export const MetaReplyFlag = {
  b: 1 << 0,
  c: 1 << 1,
  f: 1 << 2,
  h: 1 << 3,
  k: 1 << 4,
  l: 1 << 5,
  s: 1 << 6,
  t: 1 << 7,
  O: 1 << 8,
  /** This client won the right to recache. */
  W: 1 << 9,
  /** The item is stale. */
  X: 1 << 10,
  /** Another client has won already. */
  Z: 1 << 11,
} as const;

/** Most flags of a meta answer that are kept; a memcached sends at most 20. */
export const MAX_REPLY_FLAGS = 32;

const nothing = Buffer.alloc(0);

/** The current answer. A field is valid inside a handler call, for the replies that its comment names. */
export class TextResponse {
  reply: Reply = 3;
  /** All offsets count from the start of this buffer. */
  input: Buffer = nothing;
  /** The line as it came, for who passes it on; `lineEnd` is behind its LF. Not behind a value that came in pieces. */
  lineStart = 0;
  lineEnd = 0;
  /** value: the key; metaDebug: the key; stat: the name; meta answers with flag k: the key as sent. */
  keyStart = 0;
  keyEnd = 0;
  /** Errors: the text behind the word; version, row, refused, metaDebug (behind the key): the text; stat: the value. */
  textStart = 0;
  textEnd = 0;

  // ---- data block: value, metaValue ----
  /** Length without CRLF; -1: no block. */
  valueBytes = -1;
  /** In onResponse only. */
  valueStart = 0;
  valueEnd = 0;
  /** Client flags, unsigned 32 bit. value; meta flag f. */
  flags = 0;
  /** value: a cas was sent. */
  hasCas = false;
  /** value with `hasCas`; meta flag c. */
  casHigh = 0;
  casLow = 0;

  // ---- number ----
  numberHigh = 0;
  numberLow = 0;

  // ---- meta ----
  /** Set of `MetaReplyFlag`; letters that have no bit are only in `flagOffsets`. */
  metaFlags = 0;
  /** Flag t: remaining seconds, -1 never expires. */
  ttl = 0;
  /** Flag s. */
  sizeBytes = 0;
  /** Flag l: seconds since the last access. */
  lastAccessSec = 0;
  /** Flag h: hit before. */
  hitBefore = false;
  /** Flag O without its letter. */
  opaqueStart = 0;
  opaqueEnd = 0;
  flagCount = 0;
  /** Start (the letter) and end of every flag, in order. */
  readonly flagOffsets = new Int32Array(2 * MAX_REPLY_FLAGS);

  // ---- for tools; these allocate ----

  keyText(): string {
    return this.input.toString("latin1", this.keyStart, this.keyEnd);
  }

  text(): string {
    return this.input.toString("latin1", this.textStart, this.textEnd);
  }

  /** Reads the token of flag `i` as an unsigned 64-bit number; false: it is none. */
  flagUint64(i: number, out: Uint64): boolean {
    const start = this.flagOffsets[2 * i]! + 1;
    const end = this.flagOffsets[2 * i + 1]!;
    return i < this.flagCount && end > start && parseUint64(this.input, start, end, out);
  }
}

/** Who takes answers. `response` is the parser's own object, see `TextResponse`. Verdicts as for requests. */
export interface ResponseHandler {
  /** A whole answer, its data block included. */
  onResponse(response: TextResponse): Verdict;
  /** The head of a value longer than `largeValueBytes` that isn't wholly there. SKIP swallows the block. */
  onValueStart(response: TextResponse): Verdict;
  /** Next bytes of that block, never its CRLF. Not called while skipping. */
  onValuePiece(buffer: Buffer, start: number, end: number): void;
  /** The block is complete and was followed by CRLF; the head's fields are valid again. */
  onValueEnd(response: TextResponse, skipped: boolean): Verdict;
  /**
   * The bytes are no memcached answer. The parser is of no use any more: nothing later can be matched to a request.
   *
   * @param expected what would have been right, e.g. "CRLF behind the data block"
   * @param input with the offending bytes at `[start, end)`, at most one line
   */
  onViolation(expected: string, input: Buffer, start: number, end: number): void;
}

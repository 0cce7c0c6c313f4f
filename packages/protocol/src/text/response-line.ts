// One answer line: what it is, its numbers, its flags. Knows nothing of data blocks beyond their length, nor of what was
// asked: every line of the text protocols says by its first word what it is.

import { Reply, MAX_REPLY_FLAGS, MetaReplyFlag, type TextResponse } from "../response.ts";
import { parseInt32, parseUint64, readUint32 } from "./numbers.ts";

const SPACE = 0x20;
const CR = 0x0d;

/** Words that stand alone or before text, by what they are. */
const words: readonly (readonly [word: string, reply: Reply])[] = [
  ["END", Reply.end],
  ["STORED", Reply.stored],
  ["NOT_STORED", Reply.notStored],
  ["NOT_FOUND", Reply.notFound],
  ["EXISTS", Reply.exists],
  ["DELETED", Reply.deleted],
  ["TOUCHED", Reply.touched],
  ["OK", Reply.ok],
  ["MN", Reply.metaNoop],
  ["RESET", Reply.reset],
  ["ERROR", Reply.error],
  ["CLIENT_ERROR", Reply.clientError],
  ["SERVER_ERROR", Reply.serverError],
  // memcached's only error with a colon: "SERVER_ERROR: shutdown not enabled".
  ["SERVER_ERROR:", Reply.serverError],
  ["VERSION", Reply.version],
  ["STAT", Reply.stat],
  ["ME", Reply.metaDebug],
  ["ITEM", Reply.row],
  ["PREFIX", Reply.row],
  ["mg", Reply.row],
  ["BUSY", Reply.refused],
  ["BADCLASS", Reply.refused],
  ["NOSPARE", Reply.refused],
  ["SAME", Reply.refused],
  ["NOTSTARTED", Reply.refused],
  ["MEMLIMIT_TOO_SMALL", Reply.refused],
  ["MEMLIMIT_ADJUST_FAILED", Reply.refused],
  ["WATCHER_TOO_MANY", Reply.refused],
  ["WATCHER_FAILED", Reply.refused],
];

const wordsByFirstByte: readonly (readonly { bytes: Buffer; reply: Reply }[])[] = Array.from(
  { length: 256 },
  (_, first) =>
    words
      .filter(([word]) => word.charCodeAt(0) === first)
      .map(([word, reply]) => ({ bytes: Buffer.from(word, "latin1"), reply })),
);

/** Rows that are known by how they begin. */
const rowStarts = ["key=", "ts=", "skipped="].map((text) => Buffer.from(text, "latin1"));

const number = { high: 0, low: 0 };

const startsWith = (input: Buffer, start: number, end: number, text: Buffer) => {
  if (end - start < text.length) return false;
  for (let i = 0; i < text.length; i++) if (input[start + i] !== text[i]) return false;
  return true;
};

/**
 * Reads the line `[start, lf)` into `r`.
 *
 * @param lf offset of its LF
 * @returns what was expected instead, or null
 */
export function parseResponseLine(r: TextResponse, input: Buffer, start: number, lf: number): string | null {
  if (r.input !== input) r.input = input;
  r.lineStart = start;
  r.lineEnd = lf + 1;
  r.valueBytes = -1;
  const end = lf > start && input[lf - 1] === CR ? lf - 1 : lf;
  const first = input[start]!;
  if (first === 0x56 /* V */) {
    if (input[start + 1] === 0x41 /* A */) {
      const third = input[start + 2];
      if (third === SPACE) return parseMetaValue(r, input, start + 3, end);
      if (third === 0x4c /* L */ && input[start + 5] === SPACE && end - start > 6)
        return parseValue(r, input, start, end);
    }
  } else if (first >= 0x30 && first <= 0x39) {
    return parseNumber(r, input, start, end);
  } else if (end - start >= 2 && (end - start === 2 || input[start + 2] === SPACE)) {
    const reply = metaReply(first, input[start + 1]!);
    if (reply !== 0) {
      r.reply = reply;
      return parseFlags(r, input, start + 2, end);
    }
  }
  return parseWord(r, input, start, end);
}

/** HD, EN, NF, NS, EX; 0: another word. */
function metaReply(first: number, second: number): Reply | 0 {
  switch ((first << 8) | second) {
    case 0x4844:
      return Reply.metaHit;
    case 0x454e:
      return Reply.metaMiss;
    case 0x4e46:
      return Reply.metaNotFound;
    case 0x4e53:
      return Reply.metaNotStored;
    case 0x4558:
      return Reply.metaExists;
    default:
      return 0;
  }
}

/** Offset of the next space, or `end`. */
function tokenEnd(input: Buffer, from: number, end: number): number {
  let i = from;
  while (i < end && input[i] !== SPACE) i = (i + 1) | 0;
  return i;
}

const VALUE_LINE = "VALUE <key> <flags> <bytes> [<cas>]";

function parseValue(r: TextResponse, input: Buffer, start: number, end: number): string | null {
  if (input[start + 3] !== 0x55 /* U */ || input[start + 4] !== 0x45 /* E */) return VALUE_LINE;
  r.reply = Reply.value;
  r.keyStart = start + 6;
  r.keyEnd = tokenEnd(input, start + 6, end);
  const flagsStart = r.keyEnd + 1;
  const flagsEnd = tokenEnd(input, flagsStart, end);
  const bytesStart = flagsEnd + 1;
  const bytesEnd = tokenEnd(input, bytesStart, end);
  if (r.keyEnd === r.keyStart || flagsEnd <= flagsStart || bytesEnd <= bytesStart) return VALUE_LINE;
  if (!readUint32(input, flagsStart, flagsEnd, number)) return VALUE_LINE;
  r.flags = number.low;
  const valueBytes = parseInt32(input, bytesStart, bytesEnd);
  if (!(valueBytes >= 0)) return VALUE_LINE;
  r.hasCas = bytesEnd + 1 < end;
  if (r.hasCas) {
    if (!parseUint64(input, bytesEnd + 1, end, number)) return VALUE_LINE;
    r.casHigh = number.high;
    r.casLow = number.low;
  }
  r.valueBytes = valueBytes;
  return null;
}

function parseNumber(r: TextResponse, input: Buffer, start: number, end: number): string | null {
  if (!parseUint64(input, start, end, number)) return "a decimal number below 2^64";
  r.reply = Reply.number;
  r.numberHigh = number.high;
  r.numberLow = number.low;
  return null;
}

// ---- meta ----

function parseMetaValue(r: TextResponse, input: Buffer, from: number, end: number): string | null {
  r.reply = Reply.metaValue;
  const bytesEnd = tokenEnd(input, from, end);
  const valueBytes = bytesEnd > from ? parseInt32(input, from, bytesEnd) : NaN;
  if (!(valueBytes >= 0)) return "VA <bytes> <flag>*";
  const fault = parseFlags(r, input, bytesEnd, end);
  if (fault === null) r.valueBytes = valueBytes;
  return fault;
}

function parseFlags(r: TextResponse, input: Buffer, from: number, end: number): string | null {
  const offsets = r.flagOffsets;
  let count = 0;
  let seen = 0;
  let i = from;
  while (i < end) {
    if (input[i] === SPACE) {
      i++;
      continue;
    }
    const start = i;
    i = tokenEnd(input, start, end);
    if (count === MAX_REPLY_FLAGS) return `at most ${MAX_REPLY_FLAGS} flags`;
    offsets[2 * count] = start;
    offsets[2 * count + 1] = i;
    count++;
    const token = start + 1;
    switch (input[start]) {
      case 0x6b: // k
        seen |= MetaReplyFlag.k;
        r.keyStart = token;
        r.keyEnd = i;
        break;
      case 0x4f: // O
        seen |= MetaReplyFlag.O;
        r.opaqueStart = token;
        r.opaqueEnd = i;
        break;
      case 0x63: // c
        if (i === token || !parseUint64(input, token, i, number)) return "a 64-bit number in flag c";
        seen |= MetaReplyFlag.c;
        r.casHigh = number.high;
        r.casLow = number.low;
        break;
      case 0x66: // f
        if (i === token || !readUint32(input, token, i, number)) return "a 32-bit number in flag f";
        r.flags = number.low;
        seen |= MetaReplyFlag.f;
        break;
      case 0x74: // t
        r.ttl = i > token ? parseInt32(input, token, i) : NaN;
        if (Number.isNaN(r.ttl)) return "seconds or -1 in flag t";
        seen |= MetaReplyFlag.t;
        break;
      case 0x73: // s
        if (i === token || !readUint32(input, token, i, number)) return "a 32-bit number in flag s";
        r.sizeBytes = number.low;
        seen |= MetaReplyFlag.s;
        break;
      case 0x6c: // l
        if (i === token || !readUint32(input, token, i, number)) return "a 32-bit number in flag l";
        r.lastAccessSec = number.low;
        seen |= MetaReplyFlag.l;
        break;
      case 0x68: // h
        seen |= MetaReplyFlag.h;
        r.hitBefore = input[token] === 0x31;
        break;
      case 0x62: // b
        seen |= MetaReplyFlag.b;
        break;
      case 0x57: // W
        seen |= MetaReplyFlag.W;
        break;
      case 0x58: // X
        seen |= MetaReplyFlag.X;
        break;
      case 0x5a: // Z
        seen |= MetaReplyFlag.Z;
        break;
      default: // a letter of tomorrow: in flagOffsets only
    }
  }
  r.flagCount = count;
  r.metaFlags = seen;
  return null;
}

// ---- words ----

function parseWord(r: TextResponse, input: Buffer, start: number, end: number): string | null {
  const wordEnd = tokenEnd(input, start, end);
  const candidates = start < end ? wordsByFirstByte[input[start]!]! : [];
  for (let i = 0; i < candidates.length; i++) {
    const { bytes, reply } = candidates[i]!;
    if (bytes.length === wordEnd - start && startsWith(input, start, wordEnd, bytes)) {
      r.reply = reply;
      return parseRest(r, input, start, wordEnd, end);
    }
  }
  for (const rowStart of rowStarts) {
    if (!startsWith(input, start, end, rowStart)) continue;
    r.reply = Reply.row;
    r.textStart = start;
    r.textEnd = end;
    return null;
  }
  return "an answer of memcached's text protocol";
}

/** Puts what follows the word where it belongs. */
function parseRest(r: TextResponse, input: Buffer, start: number, wordEnd: number, end: number): string | null {
  const rest = wordEnd < end ? wordEnd + 1 : end;
  r.textEnd = end;
  switch (r.reply) {
    case Reply.row:
    case Reply.refused:
      r.textStart = start;
      return null;
    case Reply.error:
    case Reply.clientError:
    case Reply.serverError:
    case Reply.version:
      r.textStart = rest;
      return null;
    case Reply.stat:
    case Reply.metaDebug: {
      r.keyStart = rest;
      r.keyEnd = tokenEnd(input, rest, end);
      r.textStart = r.keyEnd < end ? r.keyEnd + 1 : end;
      if (r.keyEnd > r.keyStart) return null;
      return r.reply === Reply.stat ? "STAT <name> <value>" : "ME <key> <text>";
    }
    default:
      return wordEnd === end ? null : "a line end behind a status word";
  }
}

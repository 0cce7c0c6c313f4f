// One command line: find its end, split it, fill the request. Nothing here knows of data blocks beyond their length, of
// handlers, or of what came before. Follows proto_parser.c and proto_text.c of memcached 1.6.45; the deviations are at
// delete and me.

import { MAX_KEY_BYTES } from "@marugoto/core";
import { Command, commands } from "../command.ts";
import { MAX_TOKENS, type TextRequest } from "../request.ts";
import { decodeBase64 } from "./base64.ts";
import { parseMetaFlags } from "./meta-flags.ts";
import { parseInt32, parseLooseInt32, parseLooseUint32, parseUint64, readUint32 } from "./numbers.ts";
import { RequestErrors, type RequestError } from "./request-errors.ts";

const SPACE = 0x20;
const LF = 0x0a;
const CR = 0x0d;

/** What parseLine returns when there is no LF yet. */
export const INCOMPLETE = -1;

/** Largest data block that a length token may announce: INT_MAX - 2. */
const MAX_VALUE_BYTES = 0x7fff_fffd;

const number = { high: 0, low: 0 };

/**
 * Parses the line at `start`. `r.error` says what is wrong with it; `r.valueBytes` ≥ 0 is then a data block to swallow.
 *
 * @param scratch takes a decoded key
 * @returns the offset behind the LF, or INCOMPLETE
 */
export function parseLine(r: TextRequest, input: Buffer, start: number, end: number, scratch: Buffer): number {
  r.error = null;
  r.valueBytes = -1;
  r.noreply = false;
  // A pointer store costs more than the comparison that spares it.
  if (r.input !== input) r.input = input;
  if (r.buffer !== input) r.buffer = input;
  r.lineStart = start;

  if (input[start] === 0x67 /* g */ && start + 5 < end) {
    const third = input[start + 2];
    if (input[start + 1] === 0x65 /* e */ && third === 0x74 /* t */) {
      const fourth = input[start + 3];
      if (fourth === SPACE) {
        // One key and CRLF, the commonest line of all, without the machinery for many.
        const keyStart = start + 4;
        let i = keyStart;
        let byte: number;
        do {
          byte = input[i]!;
          i = (i + 1) | 0;
        } while (byte > SPACE && i < end);
        const length = i - 1 - keyStart;
        if (byte === CR && i < end && input[i] === LF && length > 0 && length <= MAX_KEY_BYTES) {
          r.command = Command.get;
          r.keyCount = 1;
          r.keyStart = keyStart;
          r.keyEnd = i - 1;
          r.keyOffsets[0] = keyStart;
          r.keyOffsets[1] = i - 1;
          r.lineEnd = i + 1;
          return i + 1;
        }
        return parseKeys(r, input, keyStart, end, Command.get);
      }
      if (fourth === 0x73 /* s */ && input[start + 4] === SPACE)
        return parseKeys(r, input, start + 5, end, Command.gets);
    } else if (input[start + 1] === 0x61 /* a */ && third === 0x74 /* t */) {
      const fourth = input[start + 3];
      if (fourth === SPACE) return parseTouchKeys(r, input, start + 4, end, Command.gat);
      if (fourth === 0x73 /* s */ && input[start + 4] === SPACE)
        return parseTouchKeys(r, input, start + 5, end, Command.gats);
    }
  }

  if (
    input[start] === 0x73 /* s */ &&
    start + 4 < end &&
    input[start + 1] === 0x65 /* e */ &&
    input[start + 2] === 0x74 /* t */ &&
    input[start + 3] === SPACE
  ) {
    const next = parsePlainSet(r, input, start + 4, end);
    if (next !== INCOMPLETE) return next;
  }

  const next = tokenize(r, input, start, end);
  if (next === INCOMPLETE) return INCOMPLETE;
  r.lineEnd = next;
  r.command = Command.unknown;
  r.argCount = r.tokenCount > 0 ? r.tokenCount - 1 : 0;
  // The command word and CRLF, or three bytes and LF: anything shorter isn't looked at.
  r.error = next - start < 4 ? RequestErrors.badFormat : parseTokens(r, input, start, scratch);
  return next;
}

/** True when `byte`, just before `next`, is LF or the CR of a CRLF. Any other control character belongs to its token. */
function endsLine(byte: number, input: Buffer, next: number, end: number): boolean {
  return byte === LF || (byte === CR && next < end && input[next] === LF);
}

// ---- get, gets, gat, gats: any number of keys ----

/** Reads keys up to the end of the line. One pass: each byte is looked at once. */
function parseKeys(r: TextRequest, input: Buffer, from: number, end: number, command: Command): number {
  let offsets = r.keyOffsets;
  let count = 0;
  let longest = 0;
  let i = from;
  let keyStart = from;
  let byte: number;
  // The loops over bytes keep this shape (int32 index, test at the end): V8 runs it two to three times as fast as others.
  for (;;) {
    if (i >= end) return INCOMPLETE;
    do {
      byte = input[i]!;
      i = (i + 1) | 0;
    } while (byte > SPACE && i < end);
    if (byte !== SPACE && !endsLine(byte, input, i, end)) continue;
    const length = i - 1 - keyStart;
    if (length > 0) {
      if (length > longest) longest = length;
      if (count === offsets.length) offsets = growKeyOffsets(r);
      offsets[count] = keyStart;
      offsets[count + 1] = i - 1;
      count += 2;
    }
    if (byte !== SPACE) break;
    keyStart = i;
  }
  if (byte === CR) i++;
  r.command = command;
  r.keyCount = count >> 1;
  r.keyStart = offsets[0]!;
  r.keyEnd = offsets[1]!;
  r.lineEnd = i;
  if (longest > MAX_KEY_BYTES || count === 0) r.error = RequestErrors.badFormat;
  return i;
}

function growKeyOffsets(r: TextRequest): Int32Array {
  const grown = new Int32Array(r.keyOffsets.length * 2);
  grown.set(r.keyOffsets);
  r.keyOffsets = grown;
  return grown;
}

function parseTouchKeys(r: TextRequest, input: Buffer, from: number, end: number, command: Command): number {
  let i = from;
  while (i < end && input[i] === SPACE) i++;
  const exptimeStart = i;
  let byte = 0;
  while (i < end && (byte = input[i]!) !== SPACE && byte !== LF) i++;
  if (i >= end) return INCOMPLETE;
  if (byte === LF) {
    r.command = command;
    r.keyCount = 0;
    r.lineEnd = i + 1;
    r.error = RequestErrors.badFormat;
    return i + 1;
  }
  const exptime = parseInt32(input, exptimeStart, i);
  const next = parseKeys(r, input, i + 1, end, command);
  if (next === INCOMPLETE) return INCOMPLETE;
  // No key at all weighs more than a bad exptime, a bad exptime more than a key that is too long.
  if (r.keyCount > 0 && Number.isNaN(exptime)) r.error = RequestErrors.badExptime;
  r.exptime = exptime;
  return next;
}

// ---- all others: at most 23 tokens ----

/** Splits the line at spaces into `r.tokens`; returns the offset behind its LF, or INCOMPLETE. */
function tokenize(r: TextRequest, input: Buffer, start: number, end: number): number {
  const tokens = r.tokens;
  let count = 0;
  let i = start;
  let tokenStart = start;
  let byte: number;
  for (;;) {
    if (i >= end) return INCOMPLETE;
    do {
      byte = input[i]!;
      i = (i + 1) | 0;
    } while (byte > SPACE && i < end);
    if (byte !== SPACE && !endsLine(byte, input, i, end)) continue;
    if (i - 1 > tokenStart) {
      if (count === 2 * MAX_TOKENS) return lineEndFrom(r, input, i - 1, end);
      tokens[count] = tokenStart;
      tokens[count + 1] = i - 1;
      count += 2;
    }
    if (byte !== SPACE) break;
    tokenStart = i;
  }
  if (byte === CR) i++;
  r.tokenCount = count >> 1;
  return i;
}

/** Skips what follows the last token that counts. */
function lineEndFrom(r: TextRequest, input: Buffer, from: number, end: number): number {
  r.tokenCount = MAX_TOKENS;
  const lf = input.indexOf(LF, from);
  return lf < 0 || lf >= end ? INCOMPLETE : lf + 1;
}

interface Word {
  readonly code: Command;
  readonly bytes: Uint8Array;
}

const WORD_SLOTS = 128;

/** Spreads the words so that each of today's has a slot of its own; a shared one would only cost a comparison more. */
const slotOf = (first: number, second: number, last: number, length: number) =>
  (first + 17 * second + 6 * last + length) & (WORD_SLOTS - 1);

const wordSlots: readonly (readonly Word[])[] = (() => {
  const slots: Word[][] = Array.from({ length: WORD_SLOTS }, () => []);
  for (const { code, word } of commands) {
    const bytes = Buffer.from(word, "latin1");
    slots[slotOf(bytes[0]!, bytes[1]!, bytes.at(-1)!, bytes.length)]!.push({ code, bytes });
  }
  return slots;
})();

function findCommand(input: Buffer, start: number, end: number): Command {
  const length = end - start;
  if (length < 2) return Command.unknown;
  const words = wordSlots[slotOf(input[start]!, input[start + 1]!, input[end - 1]!, length)]!;
  next: for (let w = 0; w < words.length; w++) {
    const { code, bytes } = words[w]!;
    if (bytes.length !== length) continue;
    for (let i = 0; i < length; i++) if (input[start + i] !== bytes[i]) continue next;
    return code;
  }
  return Command.unknown;
}

function parseTokens(r: TextRequest, input: Buffer, start: number, scratch: Buffer): RequestError | null {
  const tokens = r.tokens;
  const count = r.tokenCount;
  if (count === 0) return RequestErrors.unknownCommand;
  const command = findCommand(input, tokens[0]!, tokens[1]!);
  // Spaces in front are allowed only before the words that memcached finds in its table of rare commands.
  const spaced = tokens[0] !== start;
  switch (command) {
    case Command.flushAll:
    case Command.verbosity:
    case Command.cacheMemlimit:
    case Command.shutdown:
    case Command.slabs:
    case Command.lru:
    case Command.lruCrawler:
    case Command.debugtime:
    case Command.refreshCerts:
      r.command = command;
      r.noreply = isNoreply(input, tokens[2 * count - 2]!, tokens[2 * count - 1]!);
      return parseControl(r, input);
    case Command.unknown:
      break;
    default:
      if (spaced) break;
      r.command = command;
      switch (command) {
        case Command.set:
        case Command.add:
        case Command.replace:
        case Command.append:
        case Command.prepend:
        case Command.cas:
          return parseStorage(r, input);
        case Command.metaGet:
        case Command.metaDelete:
        case Command.metaArithmetic:
          return parseMeta(r, input, 2, scratch);
        case Command.metaSet:
          return parseMeta(r, input, 3, scratch);
        case Command.metaDebug:
          return parseMetaDebug(r, input, scratch);
        case Command.delete:
        case Command.incr:
        case Command.decr:
        case Command.touch:
          return parseKeyed(r, input);
        case Command.metaNoop:
        case Command.quit:
        case Command.version:
        case Command.stats:
        case Command.watch:
          return null;
        default:
          // A retrieval word without a space behind it: no key.
          return RequestErrors.badFormat;
      }
  }
  const last = tokens[2 * count - 2]!;
  const lastEnd = tokens[2 * count - 1]!;
  if (count > 1 && startsWithHttp(input, last, lastEnd)) return RequestErrors.http;
  r.noreply = isNoreply(input, last, lastEnd);
  return RequestErrors.unknownCommand;
}

/** True for `noreply` and nothing else. */
function isNoreply(input: Buffer, start: number, end: number): boolean {
  return (
    end - start === 7 &&
    input[start] === 0x6e &&
    input[start + 1] === 0x6f &&
    input[start + 2] === 0x72 &&
    input[start + 3] === 0x65 &&
    input[start + 4] === 0x70 &&
    input[start + 5] === 0x6c &&
    input[start + 6] === 0x79
  );
}

function startsWithHttp(input: Buffer, start: number, end: number): boolean {
  return (
    end - start >= 5 &&
    input[start] === 0x48 &&
    input[start + 1] === 0x54 &&
    input[start + 2] === 0x54 &&
    input[start + 3] === 0x50 &&
    input[start + 4] === 0x2f
  );
}

/** The key is token 1; returns false when it is too long. */
function takeKey(r: TextRequest): boolean {
  r.keyStart = r.tokens[2]!;
  r.keyEnd = r.tokens[3]!;
  r.keyCount = 1;
  return r.keyEnd - r.keyStart <= MAX_KEY_BYTES;
}

function takeNoreply(r: TextRequest, input: Buffer): void {
  r.noreply = isNoreply(input, r.tokens[2 * r.tokenCount - 2]!, r.tokens[2 * r.tokenCount - 1]!);
}

/** The length token: -1 when it is none, and then no data block is swallowed. */
function lengthOf(input: Buffer, start: number, end: number): number {
  const length = parseInt32(input, start, end);
  // NaN fails the comparison.
  return length >= 0 && length <= MAX_VALUE_BYTES ? length : -1;
}

/**
 * `set <key> <flags> <exptime> <bytes> [noreply]` CRLF with single spaces and plain numbers of at most nine digits, which is what
 * clients send. INCOMPLETE for anything else, faults included: the general way then has the word.
 */
function parsePlainSet(r: TextRequest, input: Buffer, from: number, end: number): number {
  let i = from;
  while (i < end && input[i]! > SPACE) i++;
  const keyEnd = i;
  if (i === from || i - from > MAX_KEY_BYTES || i >= end || input[i] !== SPACE) return INCOMPLETE;
  let byte = 0;

  let first = ++i;
  let flags = 0;
  while (i < end && (byte = input[i]!) >= 0x30 && byte <= 0x39) {
    flags = flags * 10 + (byte - 0x30);
    i++;
  }
  if (i === first || i - first > 9 || byte !== SPACE) return INCOMPLETE;

  first = ++i;
  let exptime = 0;
  while (i < end && (byte = input[i]!) >= 0x30 && byte <= 0x39) {
    exptime = exptime * 10 + (byte - 0x30);
    i++;
  }
  if (i === first || i - first > 9 || byte !== SPACE) return INCOMPLETE;

  first = ++i;
  let valueBytes = 0;
  while (i < end && (byte = input[i]!) >= 0x30 && byte <= 0x39) {
    valueBytes = valueBytes * 10 + (byte - 0x30);
    i++;
  }
  if (i === first || i - first > 9) return INCOMPLETE;

  let noreply = false;
  if (byte === SPACE && i + 8 < end && isNoreply(input, i + 1, i + 8)) {
    noreply = true;
    i += 8;
    byte = input[i]!;
  }
  if (byte !== CR || i + 1 >= end || input[i + 1] !== LF) return INCOMPLETE;

  r.command = Command.set;
  r.noreply = noreply;
  r.keyStart = from;
  r.keyEnd = keyEnd;
  r.keyCount = 1;
  r.flags = flags;
  r.exptime = exptime;
  r.valueBytes = valueBytes;
  r.lineEnd = i + 2;
  return i + 2;
}

function parseStorage(r: TextRequest, input: Buffer): RequestError | null {
  const tokens = r.tokens;
  if (r.tokenCount < 5) return RequestErrors.badFormat;
  r.valueBytes = lengthOf(input, tokens[8]!, tokens[9]!);
  if (r.valueBytes < 0) return RequestErrors.badFormat;
  takeNoreply(r, input);
  if (!takeKey(r)) return RequestErrors.badFormat;
  // Plain numbers are read by the strict readers, which agree with the loose ones there and cost less.
  if (readUint32(input, tokens[4]!, tokens[5]!, number)) r.flags = number.low;
  else if (Number.isNaN((r.flags = parseLooseUint32(input, tokens[4]!, r.lineEnd)))) return RequestErrors.badFormat;
  const plain = input[tokens[7]! - 1]! >= 0x30; // the strict reader takes a lone minus sign for 0
  let exptime = plain ? parseInt32(input, tokens[6]!, tokens[7]!) : NaN;
  if (Number.isNaN(exptime)) exptime = parseLooseInt32(input, tokens[6]!, r.lineEnd);
  if (Number.isNaN(exptime)) return RequestErrors.badFormat;
  r.exptime = exptime;
  if (r.command === Command.cas) {
    if (r.tokenCount < 6 || !parseUint64(input, tokens[10]!, tokens[11]!, number)) return RequestErrors.badFormat;
    r.casHigh = number.high;
    r.casLow = number.low;
  }
  return null;
}

function parseKeyed(r: TextRequest, input: Buffer): RequestError | null {
  const tokens = r.tokens;
  const count = r.tokenCount;
  if (count < (r.command === Command.delete ? 2 : 3)) return RequestErrors.badFormat;
  takeNoreply(r, input);
  if (r.command === Command.delete) {
    // As memcached 1.6.18, not 1.6.45, which ignores whatever follows the key.
    const zero = count > 2 && tokens[5]! - tokens[4]! === 1 && input[tokens[4]!] === 0x30;
    const valid = count === 2 || (count === 3 && (zero || r.noreply)) || (count === 4 && zero && r.noreply);
    if (!valid) return RequestErrors.badDelete;
    return takeKey(r) ? null : RequestErrors.badFormat;
  }
  if (!takeKey(r)) return RequestErrors.badFormat;
  if (r.command === Command.touch) {
    r.exptime = parseInt32(input, tokens[4]!, tokens[5]!);
    return Number.isNaN(r.exptime) ? RequestErrors.badExptime : null;
  }
  if (!parseUint64(input, tokens[4]!, tokens[5]!, number)) return RequestErrors.badDelta;
  r.deltaHigh = number.high;
  r.deltaLow = number.low;
  return null;
}

function parseMeta(r: TextRequest, input: Buffer, first: number, scratch: Buffer): RequestError | null {
  const tokens = r.tokens;
  if (r.tokenCount < first) return RequestErrors.badFormat;
  r.keyStart = r.rawKeyStart = tokens[2]!;
  r.keyEnd = r.rawKeyEnd = tokens[3]!;
  r.keyCount = 1;
  if (r.command === Command.metaSet) {
    r.valueBytes = lengthOf(input, tokens[4]!, tokens[5]!);
    if (r.valueBytes < 0) return RequestErrors.badFormat;
  }
  const error = parseMetaFlags(r, first, scratch);
  if (error === null) return null;
  if (hasMalformedFlag(r, input, first)) {
    // memcached's tokenizer has failed then, before it came to the length.
    r.valueBytes = -1;
    return RequestErrors.badFormat;
  }
  if (r.command !== Command.metaArithmetic) return error;
  return error === RequestErrors.badArithmeticMode || error === RequestErrors.opaqueTooLong
    ? error
    : RequestErrors.invalidOrDuplicateFlag;
}

/** True when a flag starts with a byte that memcached's tokenizer (mcmc.c) takes for a malformed line. */
function hasMalformedFlag(r: TextRequest, input: Buffer, first: number): boolean {
  for (let i = first; i < r.tokenCount; i++) {
    const byte = input[r.tokens[2 * i]!]!;
    if (!((byte > 64 && byte < 123) || (byte >= 0x30 && byte <= 0x39))) return true;
  }
  return false;
}

function parseMetaDebug(r: TextRequest, input: Buffer, scratch: Buffer): RequestError | null {
  const tokens = r.tokens;
  r.metaFlags = 0;
  if (r.tokenCount < 2) return RequestErrors.badFormat;
  if (hasMalformedFlag(r, input, 2)) return RequestErrors.badFormat;
  const fits = takeKey(r);
  r.rawKeyStart = r.keyStart;
  r.rawKeyEnd = r.keyEnd;
  if (!fits) return RequestErrors.badFormat;
  // 1.6.45 asks for one token more here and so never decodes; 1.6.18 and the documents do.
  if (r.tokenCount > 2 && tokens[5]! - tokens[4]! === 1 && input[tokens[4]!] === 0x62) {
    r.keyEnd = decodeBase64(input, r.rawKeyStart, r.rawKeyEnd, scratch);
    r.keyStart = 0;
    r.buffer = scratch;
    r.metaFlags = 1;
    if (r.keyEnd === 0) return RequestErrors.badFormat;
  }
  return null;
}

function parseControl(r: TextRequest, input: Buffer): RequestError | null {
  switch (r.command) {
    case Command.flushAll: {
      r.exptime = 0;
      if (r.tokenCount === (r.noreply ? 2 : 1)) return null;
      r.exptime = parseInt32(input, r.tokens[2]!, r.tokens[3]!);
      return Number.isNaN(r.exptime) ? RequestErrors.badExptime : null;
    }
    case Command.verbosity:
      return r.argUint32(0) === undefined ? RequestErrors.badFormat : null;
    default:
      return null;
  }
}

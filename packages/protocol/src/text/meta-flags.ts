// The flags of mg, ms, md and ma, read from the tokens of the line into the request. Faults are found in memcached's
// order (proto_parser.c, _meta_flag_preparse), because the first or last one decides what is answered.

import { MAX_KEY_BYTES } from "@marugoto/core";
import { Command } from "../command.ts";
import { MetaFlag, MetaMode, type TextRequest } from "../request.ts";
import { decodeBase64 } from "./base64.ts";
import { parseInt32, parseUint64, readUint32 } from "./numbers.ts";
import { RequestErrors, type RequestError } from "./request-errors.ts";

/** Most tokens of a meta request, command and key included. */
const MAX_META_TOKENS = 20;
/** Longest opaque, its letter O included. */
const MAX_OPAQUE_BYTES = 32;

/** Letter → bit of MetaFlag; 0: no flag has it. */
const bitOfLetter = new Int32Array(256);
for (const [letter, bit] of Object.entries(MetaFlag)) bitOfLetter[letter.charCodeAt(0)] = bit;

/** Exchange of 64-bit numbers with parseUint64; holds nothing between calls. */
const number = { high: 0, low: 0 };

/**
 * Fills in everything that the flags say. `tokens`, `tokenCount`, `command` and the raw key are set.
 *
 * @param first index of the first flag token
 * @param scratch takes the decoded key, at least 250 bytes
 * @returns the error to answer; null: all well
 */
export function parseMetaFlags(r: TextRequest, first: number, scratch: Buffer): RequestError | null {
  const input = r.input;
  const tokens = r.tokens;
  const count = r.tokenCount;
  r.exptime = 0;
  r.flags = 0;
  r.opaqueStart = r.opaqueEnd = 0;
  r.metaFlags = 0;
  let mode = 0;

  if (r.keyEnd - r.keyStart > MAX_KEY_BYTES) return RequestErrors.badFormat;
  if (count > MAX_META_TOKENS) return RequestErrors.tooManyFlags;

  let seen = 0;
  let fault: RequestError | null = null;
  for (let i = first; i < count; i++) {
    const start = tokens[2 * i]!;
    const end = tokens[2 * i + 1]!;
    const letter = input[start]!;
    const bit = bitOfLetter[letter]!;
    if (bit === 0) return RequestErrors.invalidFlag;
    if ((seen & bit) !== 0) return RequestErrors.duplicateFlag;
    seen |= bit;
    switch (letter) {
      case 0x62: // b
        r.keyEnd = decodeBase64(input, r.rawKeyStart, r.rawKeyEnd, scratch);
        r.keyStart = 0;
        r.buffer = scratch;
        if (r.keyEnd === 0) fault = RequestErrors.badKeyEncoding;
        break;
      case 0x54: // T
      case 0x4e: // N
      case 0x52: {
        // R
        const value = end - start > 1 ? parseInt32(input, start + 1, end) : NaN;
        if (Number.isNaN(value)) fault = RequestErrors.badToken;
        else if (letter === 0x54) r.exptime = value;
        else if (letter === 0x4e) r.vivifyExptime = value;
        else r.recacheExptime = value;
        break;
      }
      case 0x46:
        // F: a bad one keeps the error text that an earlier flag has set
        if (end - start > 1 && readUint32(input, start + 1, end, number)) r.flags = number.low;
        else fault ??= RequestErrors.badFormat;
        break;
      case 0x43: // C
        if (end - start > 1 && parseUint64(input, start + 1, end, number)) {
          r.casHigh = number.high;
          r.casLow = number.low;
        } else fault = RequestErrors.badToken;
        break;
      case 0x45: // E
        if (end - start > 1 && parseUint64(input, start + 1, end, number)) {
          r.newCasHigh = number.high;
          r.newCasLow = number.low;
        } else fault = RequestErrors.badToken;
        break;
      case 0x4a: // J
        if (end - start > 1 && parseUint64(input, start + 1, end, number)) {
          r.initialHigh = number.high;
          r.initialLow = number.low;
        } else fault = RequestErrors.badMetaInitial;
        break;
      case 0x44: // D
        if (end - start > 1 && parseUint64(input, start + 1, end, number)) {
          r.deltaHigh = number.high;
          r.deltaLow = number.low;
        } else fault = RequestErrors.badMetaDelta;
        break;
      case 0x4d: // M: only the first letter counts; without one it is no mode
        mode = end - start > 1 ? input[start + 1]! : -1;
        break;
      case 0x4f: // O
        r.opaqueStart = start;
        r.opaqueEnd = end;
        break;
    }
  }
  if (fault !== null) return fault;
  r.metaFlags = seen;
  if (r.command === Command.metaSet) {
    r.mode = setMode(mode);
    if (r.mode === 0) return RequestErrors.badSetMode;
  } else if (r.command === Command.metaArithmetic) {
    if ((seen & MetaFlag.D) === 0) {
      r.deltaHigh = 0;
      r.deltaLow = 1;
    }
    if ((seen & MetaFlag.J) === 0) r.initialHigh = r.initialLow = 0;
    r.mode = arithmeticMode(mode);
    if (r.mode === 0) return RequestErrors.badArithmeticMode;
  }
  // memcached notices this while it answers, after the command has had its effect; here it has none.
  if (r.opaqueEnd - r.opaqueStart > MAX_OPAQUE_BYTES) return RequestErrors.opaqueTooLong;
  // Only now: q hides no error.
  r.noreply = (seen & MetaFlag.q) !== 0;
  return null;
}

/** 0: no such mode. */
function setMode(letter: number): number {
  switch (letter) {
    case 0:
      return MetaMode.set;
    case MetaMode.set:
    case MetaMode.add:
    case MetaMode.append:
    case MetaMode.prepend:
    case MetaMode.replace:
      return letter;
    default:
      return 0;
  }
}

/** 0: no such mode. */
function arithmeticMode(letter: number): number {
  switch (letter) {
    case 0:
    case MetaMode.increment:
    case 0x2b: // +
      return MetaMode.increment;
    case MetaMode.decrement:
    case 0x2d: // -
      return MetaMode.decrement;
    default:
      return 0;
  }
}

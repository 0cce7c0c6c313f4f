// A server's answers, written into a buffer at an offset; every function returns the offset behind what it wrote and
// allocates nothing. Room is the caller's to see to: the MAX_ constants say how much a head can take. Bytes beyond the
// end of the buffer are lost without an error, as with any typed array.

import { Command } from "../command.ts";
import { MetaFlag, type TextRequest } from "../request.ts";
import { encodeBase64 } from "./base64.ts";
import { writeBytes, writeCrlf, writeText } from "./bytes.ts";
import { writeInt32, writeUint32, writeUint64 } from "./decimal.ts";

const SPACE = 0x20;
const ZERO = 0x30;

/** Room for any VALUE line: key, flags, length and cas at their longest. */
export const MAX_VALUE_HEAD_BYTES = 6 + 250 + 1 + 10 + 1 + 10 + 1 + 20 + 2;

/** Room for any meta status line: status, length, twenty echoed or returned flags at their longest, marks, CRLF. */
export const MAX_META_HEAD_BYTES = 2 + 11 + (2 + 336 + 2) + 33 + 8 * 22 + 6 + 2;

function writeValueWord(out: Buffer, offset: number): number {
  out[offset] = 0x56; // V
  out[offset + 1] = 0x41; // A
  out[offset + 2] = 0x4c; // L
  out[offset + 3] = 0x55; // U
  out[offset + 4] = 0x45; // E
  out[offset + 5] = SPACE;
  return offset + 6;
}

/** Writes `VALUE <key> <flags> <bytes>\r\n`. */
export function writeValueHead(
  out: Buffer,
  offset: number,
  key: Buffer,
  keyStart: number,
  keyEnd: number,
  flags: number,
  valueBytes: number,
): number {
  let i = writeBytes(out, writeValueWord(out, offset), key, keyStart, keyEnd);
  out[i] = SPACE;
  i = writeUint32(out, i + 1, flags);
  out[i] = SPACE;
  return writeCrlf(out, writeUint32(out, i + 1, valueBytes));
}

/** Writes `VALUE <key> <flags> <bytes> <cas>\r\n`. */
export function writeValueHeadWithCas(
  out: Buffer,
  offset: number,
  key: Buffer,
  keyStart: number,
  keyEnd: number,
  flags: number,
  valueBytes: number,
  casHigh: number,
  casLow: number,
): number {
  const i = writeValueHead(out, offset, key, keyStart, keyEnd, flags, valueBytes) - 2;
  out[i] = SPACE;
  return writeCrlf(out, writeUint64(out, i + 1, casHigh, casLow));
}

/** Writes a number and CRLF: the answer to incr and decr. */
export function writeNumberLine(out: Buffer, offset: number, high: number, low: number): number {
  return writeCrlf(out, writeUint64(out, offset, high, low));
}

/** Writes `VERSION <text>\r\n`. */
export function writeVersion(out: Buffer, offset: number, version: string): number {
  return writeCrlf(out, writeText(out, writeText(out, offset, "VERSION "), version));
}

/** Writes `STAT <name> <value>\r\n`; a number as JavaScript prints it. */
export function writeStat(out: Buffer, offset: number, name: string, value: string | number): number {
  let i = writeText(out, writeText(out, offset, "STAT "), name);
  out[i] = SPACE;
  i = typeof value === "string" ? writeText(out, i + 1, value) : writeText(out, i + 1, String(value));
  return writeCrlf(out, i);
}

// ---- meta: a status, flags, CRLF ----

/** Status words of the meta protocol, for `writeMetaStatus`. */
export const MetaStatus = {
  hit: 0x4844, // HD
  miss: 0x454e, // EN
  notFound: 0x4e46, // NF
  notStored: 0x4e53, // NS
  exists: 0x4558, // EX
} as const;

export type MetaStatus = (typeof MetaStatus)[keyof typeof MetaStatus];

/** Writes a status word, without what follows. */
export function writeMetaStatus(out: Buffer, offset: number, status: MetaStatus): number {
  out[offset] = status >> 8;
  out[offset + 1] = status & 0xff;
  return offset + 2;
}

/** Writes `VA <bytes>`, without what follows. */
export function writeMetaValue(out: Buffer, offset: number, valueBytes: number): number {
  out[offset] = 0x56; // V
  out[offset + 1] = 0x41; // A
  out[offset + 2] = SPACE;
  return writeUint32(out, offset + 3, valueBytes);
}

/** Writes a space and a flag letter, given as its byte: the marks W, X, Z, or the start of a flag with a token. */
export function writeFlag(out: Buffer, offset: number, letter: number): number {
  out[offset] = SPACE;
  out[offset + 1] = letter;
  return offset + 2;
}

/** Writes a flag with an unsigned 32-bit token: f, l, s. */
export function writeFlagUint32(out: Buffer, offset: number, letter: number, value: number): number {
  return writeUint32(out, writeFlag(out, offset, letter), value);
}

/** Writes a flag with a signed 32-bit token: t, where -1 is "never expires". */
export function writeFlagInt32(out: Buffer, offset: number, letter: number, value: number): number {
  return writeInt32(out, writeFlag(out, offset, letter), value);
}

/** Writes a flag with an unsigned 64-bit token: c. */
export function writeFlagUint64(out: Buffer, offset: number, letter: number, high: number, low: number): number {
  return writeUint64(out, writeFlag(out, offset, letter), high, low);
}

/** Writes a flag whose token is 0 or 1: h. */
export function writeFlagBit(out: Buffer, offset: number, letter: number, bit: boolean): number {
  const i = writeFlag(out, offset, letter);
  out[i] = ZERO + (bit ? 1 : 0);
  return i + 1;
}

/** Writes ` k<key>`, or ` k<base64> b` for a binary key. */
export function writeMetaKey(
  out: Buffer,
  offset: number,
  key: Buffer,
  keyStart: number,
  keyEnd: number,
  binary: boolean,
): number {
  const i = writeFlag(out, offset, 0x6b);
  if (!binary) return writeBytes(out, i, key, keyStart, keyEnd);
  return writeFlag(out, encodeBase64(key, keyStart, keyEnd, out, i), 0x62);
}

/** Writes a space and the request's opaque, its letter included. */
export function writeOpaque(out: Buffer, offset: number, request: TextRequest): number {
  out[offset] = SPACE;
  return writeBytes(out, offset + 1, request.input, request.opaqueStart, request.opaqueEnd);
}

/**
 * Writes the request's flags k and O in request order: all that EN, NF, NS, EX, and the HD of md, carry. A hit's k is
 * the item's own: memcached answers with base64 when the item was stored so (`writeMetaKey`).
 */
export function writeMetaEcho(out: Buffer, offset: number, request: TextRequest): number {
  let i = offset;
  const flags = request.metaFlags;
  if ((flags & (MetaFlag.k | MetaFlag.O)) === 0) return i;
  const binary = (flags & MetaFlag.b) !== 0;
  const first = request.command === Command.metaSet ? 3 : 2;
  for (let token = first; token < request.tokenCount; token++) {
    const letter = request.input[request.tokens[2 * token]!]!;
    if (letter === 0x4f) i = writeOpaque(out, i, request);
    else if (letter === 0x6b) i = writeMetaKey(out, i, request.buffer, request.keyStart, request.keyEnd, binary);
  }
  return i;
}

// A client's requests, written into a buffer at an offset; every function returns the offset behind what it wrote.
// Nothing here can be made to write a second command: keys are checked, numbers are numbers, and tokens that come as
// text must be plain tokens. Faults throw CacheError before anything has been written. Room is the caller's to see to.

import { CacheError, checkTextKey, isTextKey, MAX_KEY_BYTES } from "@marugoto/core";
import { Command, commandInfo } from "../command.ts";
import { encodeBase64 } from "./base64.ts";
import { writeBytes, writeCrlf, writeLine, writeText } from "./bytes.ts";
import { writeInt32, writeUint32, writeUint64 } from "./decimal.ts";
import { writeFlag } from "./response-writer.ts";

const SPACE = 0x20;

/** Longest opaque a memcached echoes, without the letter O. */
export const MAX_OPAQUE_BYTES = 31;

/** Room for any request line with one key: everything but the data block, and but the text of control commands. */
export const MAX_REQUEST_HEAD_BYTES = 512;

const bytesOf = (text: string) => Buffer.from(text, "latin1");
const NOREPLY = bytesOf(" noreply\r\n");
/** `word ` by command code. */
const wordAndSpace: readonly Buffer[] = Array.from({ length: Command.refreshCerts + 1 }, (_, code) =>
  bytesOf(`${commandInfo(code as Command)?.word ?? ""} `),
);

export type RetrievalCommand = typeof Command.get | typeof Command.gets;
export type TouchingRetrievalCommand = typeof Command.gat | typeof Command.gats;
export type StorageCommand =
  | typeof Command.set
  | typeof Command.add
  | typeof Command.replace
  | typeof Command.append
  | typeof Command.prepend
  | typeof Command.cas;
export type ArithmeticCommand = typeof Command.incr | typeof Command.decr;
export type MetaKeyCommand =
  typeof Command.metaGet | typeof Command.metaDelete | typeof Command.metaArithmetic | typeof Command.metaDebug;

// ---- checks: cheap, and throwing is left to functions that are rarely called ----

function checkUint32(name: string, value: number): void {
  if (value >>> 0 !== value) throw invalid(name, value, "a whole number from 0 to 4294967295");
}

function checkInt32(name: string, value: number): void {
  if ((value | 0) !== value) throw invalid(name, value, "a whole number from -2147483648 to 2147483647");
}

function checkLength(value: number): void {
  if (!Number.isInteger(value) || value < 0 || value > 0x7fff_fffd) {
    throw invalid("bytes", value, "a whole number from 0 to 2147483645");
  }
}

function invalid(name: string, value: number, wanted: string): CacheError {
  return new CacheError("invalid_option", `${name} is ${value}, must be ${wanted}`);
}

function checkKey(key: Buffer, start: number, end: number): void {
  if (!isTextKey(key, start, end)) checkTextKey(key, start, end);
}

function writeEnd(out: Buffer, offset: number, noreply: boolean): number {
  return noreply ? writeLine(out, offset, NOREPLY) : writeCrlf(out, offset);
}

function writeWordAndKey(
  out: Buffer,
  offset: number,
  command: Command,
  key: Buffer,
  start: number,
  end: number,
): number {
  checkKey(key, start, end);
  return writeBytes(out, writeLine(out, offset, wordAndSpace[command]!), key, start, end);
}

// ---- retrieval ----

/** Writes `get <key>\r\n` or `gets <key>\r\n`. */
export function writeGet(
  out: Buffer,
  offset: number,
  command: RetrievalCommand,
  key: Buffer,
  start: number,
  end: number,
): number {
  return writeCrlf(out, writeWordAndKey(out, offset, command, key, start, end));
}

/** Writes `gat <exptime> <key>\r\n` or `gats …`. */
export function writeGetAndTouch(
  out: Buffer,
  offset: number,
  command: TouchingRetrievalCommand,
  exptime: number,
  key: Buffer,
  start: number,
  end: number,
): number {
  checkInt32("exptime", exptime);
  checkKey(key, start, end);
  let i = writeLine(out, offset, wordAndSpace[command]!);
  i = writeInt32(out, i, exptime);
  out[i] = SPACE;
  return writeCrlf(out, writeBytes(out, i + 1, key, start, end));
}

/** Begins a request of many keys: `get` or `gets`. Follow with `writeNextKey`, then `writeCrlf`. */
export function writeManyHead(out: Buffer, offset: number, command: RetrievalCommand): number {
  return writeLine(out, offset, wordAndSpace[command]!) - 1;
}

/** Begins a request of many keys: `gat <exptime>` or `gats <exptime>`. Follow with `writeNextKey`, then `writeCrlf`. */
export function writeManyTouchHead(
  out: Buffer,
  offset: number,
  command: TouchingRetrievalCommand,
  exptime: number,
): number {
  checkInt32("exptime", exptime);
  return writeInt32(out, writeLine(out, offset, wordAndSpace[command]!), exptime);
}

/** Writes a space and a key, at most 251 bytes. */
export function writeNextKey(out: Buffer, offset: number, key: Buffer, start: number, end: number): number {
  checkKey(key, start, end);
  out[offset] = SPACE;
  return writeBytes(out, offset + 1, key, start, end);
}

// ---- storage ----

/**
 * Writes the line of a storage command. The data block and CRLF come behind it.
 *
 * @param flags unsigned 32 bit
 * @param exptime signed 32 bit, as on the wire
 * @param casHigh with `casLow`: read only for cas
 */
export function writeStorageHead(
  out: Buffer,
  offset: number,
  command: StorageCommand,
  key: Buffer,
  start: number,
  end: number,
  flags: number,
  exptime: number,
  valueBytes: number,
  noreply: boolean,
  casHigh = 0,
  casLow = 0,
): number {
  checkUint32("flags", flags);
  checkInt32("exptime", exptime);
  checkLength(valueBytes);
  if (command === Command.cas) {
    checkUint32("casHigh", casHigh);
    checkUint32("casLow", casLow);
  }
  let i = writeWordAndKey(out, offset, command, key, start, end);
  out[i] = SPACE;
  i = writeUint32(out, i + 1, flags);
  out[i] = SPACE;
  i = writeInt32(out, i + 1, exptime);
  out[i] = SPACE;
  i = writeUint32(out, i + 1, valueBytes);
  if (command === Command.cas) {
    out[i] = SPACE;
    i = writeUint64(out, i + 1, casHigh, casLow);
  }
  return writeEnd(out, i, noreply);
}

/** Writes a data block and its CRLF. */
export function writeDataBlock(out: Buffer, offset: number, value: Buffer, start: number, end: number): number {
  return writeCrlf(out, writeBytes(out, offset, value, start, end));
}

// ---- delete, incr, decr, touch ----

/** Writes `delete <key> [noreply]\r\n`. */
export function writeDelete(
  out: Buffer,
  offset: number,
  key: Buffer,
  start: number,
  end: number,
  noreply: boolean,
): number {
  return writeEnd(out, writeWordAndKey(out, offset, Command.delete, key, start, end), noreply);
}

/** Writes `incr|decr <key> <delta> [noreply]\r\n`; the delta as two unsigned 32-bit halves. */
export function writeArithmetic(
  out: Buffer,
  offset: number,
  command: ArithmeticCommand,
  key: Buffer,
  start: number,
  end: number,
  deltaHigh: number,
  deltaLow: number,
  noreply: boolean,
): number {
  checkUint32("deltaHigh", deltaHigh);
  checkUint32("deltaLow", deltaLow);
  const i = writeWordAndKey(out, offset, command, key, start, end);
  out[i] = SPACE;
  return writeEnd(out, writeUint64(out, i + 1, deltaHigh, deltaLow), noreply);
}

/** Writes `touch <key> <exptime> [noreply]\r\n`. */
export function writeTouch(
  out: Buffer,
  offset: number,
  key: Buffer,
  start: number,
  end: number,
  exptime: number,
  noreply: boolean,
): number {
  checkInt32("exptime", exptime);
  const i = writeWordAndKey(out, offset, Command.touch, key, start, end);
  out[i] = SPACE;
  return writeEnd(out, writeInt32(out, i + 1, exptime), noreply);
}

// ---- meta: a head, flags (writeFlag, writeFlagUint32 … of response-writer.ts, writeFlagOpaque), writeCrlf ----

/** Writes ` <key>`; as base64 when it cannot travel as text. Flag b comes behind the other positional tokens. */
function writeMetaHeadKey(
  out: Buffer,
  offset: number,
  command: Command,
  key: Buffer,
  start: number,
  end: number,
  binary: boolean,
): number {
  if (!binary) return writeWordAndKey(out, offset, command, key, start, end);
  const length = end - start;
  if (length < 1) throw new CacheError("key_invalid", "key is empty, at least 1 byte");
  // The limit is on the text that travels: 187 bytes become 252 letters.
  const letters = 4 * Math.ceil(length / 3);
  if (letters > MAX_KEY_BYTES) {
    throw new CacheError("key_too_long", `key is ${letters} bytes in base64, at most ${MAX_KEY_BYTES}`);
  }
  return encodeBase64(key, start, end, out, writeLine(out, offset, wordAndSpace[command]!));
}

/** Writes `mg|md|ma|me <key>`, and ` b` behind it for a binary key, which may be any 1 to 186 bytes. */
export function writeMetaHead(
  out: Buffer,
  offset: number,
  command: MetaKeyCommand,
  key: Buffer,
  start: number,
  end: number,
  binary: boolean,
): number {
  const i = writeMetaHeadKey(out, offset, command, key, start, end, binary);
  return binary ? writeFlag(out, i, 0x62) : i;
}

/** Writes `ms <key> <bytes>`, and ` b` behind it for a binary key. Flags, CRLF and the data block follow. */
export function writeMetaSetHead(
  out: Buffer,
  offset: number,
  key: Buffer,
  start: number,
  end: number,
  valueBytes: number,
  binary: boolean,
): number {
  checkLength(valueBytes);
  let i = writeMetaHeadKey(out, offset, Command.metaSet, key, start, end, binary);
  out[i] = SPACE;
  i = writeUint32(out, i + 1, valueBytes);
  return binary ? writeFlag(out, i, 0x62) : i;
}

/** Writes ` O<opaque>`, 1 to 31 bytes that could stand in a key. */
export function writeFlagOpaque(out: Buffer, offset: number, opaque: Buffer, start: number, end: number): number {
  if (end - start > MAX_OPAQUE_BYTES || !isTextKey(opaque, start, end)) {
    throw new CacheError(
      "invalid_option",
      `opaque of ${end - start} bytes must be 1 to ${MAX_OPAQUE_BYTES} without spaces`,
    );
  }
  return writeBytes(out, writeFlag(out, offset, 0x4f), opaque, start, end);
}

/** Writes `mn\r\n`. */
export function writeMetaNoop(out: Buffer, offset: number): number {
  return writeCrlf(out, writeLine(out, offset, wordAndSpace[Command.metaNoop]!) - 1);
}

// ---- the rest ----

/** Writes `flush_all [delay] [noreply]\r\n`; no delay for 0. */
export function writeFlushAll(out: Buffer, offset: number, delaySec: number, noreply: boolean): number {
  checkInt32("delaySec", delaySec);
  let i = writeLine(out, offset, wordAndSpace[Command.flushAll]!);
  if (delaySec === 0) i -= 1;
  else i = writeInt32(out, i, delaySec);
  return writeEnd(out, i, noreply);
}

/**
 * Writes a command without key or data block and its arguments: stats, version, verbosity, lru_crawler … Each argument
 * must be a plain token: no space, no control character, not empty.
 */
export function writeControl(out: Buffer, offset: number, command: Command, args: readonly string[] = []): number {
  const info = commandInfo(command);
  if (info === undefined || (info.family !== "control" && info.family !== "information")) {
    throw new TypeError(`${info?.name ?? command} is not a control command`);
  }
  for (const argument of args) {
    if (!/^[\x21-\x7e\x80-\xff]+$/.test(argument)) {
      throw new CacheError("invalid_option", `argument ${JSON.stringify(argument)} of ${info.word} is no plain token`);
    }
  }
  let i = writeText(out, offset, info.word);
  for (const argument of args) {
    out[i] = SPACE;
    i = writeText(out, i + 1, argument);
  }
  return writeCrlf(out, i);
}

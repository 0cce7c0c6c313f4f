// The bytes of one op with one key, in either protocol. Reads of the classic protocol are written by their line.

import { CacheError } from "@marugoto/core";
import {
  Command,
  MAX_REQUEST_HEAD_BYTES,
  writeArithmetic,
  writeBytes,
  writeCrlf,
  writeDelete,
  writeFlag,
  writeFlagInt32,
  writeFlagUint32,
  writeFlagUint64,
  writeGetAndTouch,
  writeMetaHead,
  writeMetaSetHead,
  writeStorageHead,
  writeTouch,
  type StorageCommand,
} from "@marugoto/protocol";
import { BY_REFERENCE_FROM, type Output } from "../connection/output.ts";
import type { KeyEncoder } from "./keys.ts";
import { KEEP_EXPTIME, OpCode } from "./op-code.ts";
import type { Op } from "./op.ts";

const storageCommand: readonly StorageCommand[] = [
  Command.set,
  Command.add,
  Command.replace,
  Command.append,
  Command.prepend,
  Command.cas,
];

/** Mode letter of `ms` for set, add, replace, append, prepend, cas. */
const metaMode = [0x53, 0x45, 0x52, 0x41, 0x50, 0x53];

/** At most this many units of text are written one by one; native code is faster beyond. */
const SHORT_TEXT = 64;

/**
 * Writes a request without a data block as the classic protocol has it.
 *
 * @returns the offset behind it
 * @throws CacheError `not_supported`, with nothing written
 */
export function writeClassic(op: Op, out: Buffer, offset: number, keys: KeyEncoder): number {
  const { bytes: key, end } = keys;
  switch (op.code) {
    case OpCode.gat:
      return writeGetAndTouch(out, offset, Command.gat, op.exptime, key, 0, end);
    case OpCode.gats:
      return writeGetAndTouch(out, offset, Command.gats, op.exptime, key, 0, end);
    case OpCode.delete:
      return writeDelete(out, offset, key, 0, end, false);
    case OpCode.incr:
      return writeArithmetic(out, offset, Command.incr, key, 0, end, op.deltaHigh, op.deltaLow, false);
    case OpCode.decr:
      return writeArithmetic(out, offset, Command.decr, key, 0, end, op.deltaHigh, op.deltaLow, false);
    case OpCode.touch:
      return writeTouch(out, offset, key, 0, end, op.exptime, false);
    default:
      // So that nothing of a call that fails here has been written.
      throw new CacheError("not_supported", "a lease needs the meta protocol, which this server does not speak");
  }
}

/** Writes a request without a data block as the meta protocol has it. @returns the offset behind it */
export function writeMeta(op: Op, out: Buffer, offset: number, keys: KeyEncoder): number {
  const { bytes: key, end, binary } = keys;
  let i: number;
  switch (op.code) {
    case OpCode.delete:
      return writeCrlf(out, writeMetaHead(out, offset, Command.metaDelete, key, 0, end, binary));
    case OpCode.invalidate:
      // Marked stale: the next lease read wins, and everybody else is served the old value for `exptime` seconds.
      i = writeFlag(out, writeMetaHead(out, offset, Command.metaDelete, key, 0, end, binary), 0x49);
      if (op.exptime !== KEEP_EXPTIME) i = writeFlagInt32(out, i, 0x54, op.exptime);
      if (op.casHigh !== 0 || op.casLow !== 0) i = writeFlagUint64(out, i, 0x43, op.casHigh, op.casLow);
      return writeCrlf(out, i);
    case OpCode.incr:
    case OpCode.decr:
      i = writeMetaHead(out, offset, Command.metaArithmetic, key, 0, end, binary);
      if (op.code === OpCode.decr) out[(i = writeFlag(out, i, 0x4d))] = 0x44; // M D
      if (op.code === OpCode.decr) i++;
      i = writeFlagUint64(out, i, 0x44, op.deltaHigh, op.deltaLow); // D
      return writeCrlf(out, writeFlag(out, i, 0x76)); // v
    case OpCode.touch:
      i = writeMetaHead(out, offset, Command.metaGet, key, 0, end, binary);
      return writeCrlf(out, writeFlagInt32(out, i, 0x54, op.exptime)); // T
    default: {
      if (op.code === OpCode.get && keys.plain) return writePlainGet(out, offset, keys);
      i = writeMetaHead(out, offset, Command.metaGet, key, 0, end, binary);
      i = writeFlag(out, writeFlag(out, i, 0x66), 0x76); // f v
      if (op.code === OpCode.gets || op.code === OpCode.gats) i = writeFlag(out, i, 0x63); // c
      if (op.code === OpCode.gat || op.code === OpCode.gats) i = writeFlagInt32(out, i, 0x54, op.exptime); // T
      if (op.code === OpCode.lease) {
        i = writeFlag(out, writeFlag(out, i, 0x63), 0x74); // c t
        i = writeFlagInt32(out, i, 0x4e, op.exptime); // N: make a placeholder on a miss
        if (op.deltaLow > 0) i = writeFlagUint32(out, i, 0x52, op.deltaLow); // R: win when less is left
      }
      return writeCrlf(out, i);
    }
  }
}

/** Writes a request with its data block. */
export function writeStorage(op: Op, output: Output, keys: KeyEncoder, meta: boolean): void {
  const value = op.value;
  const isText = typeof value === "string";
  const valueBytes = value.length;
  const inPlace = isText || valueBytes < BY_REFERENCE_FROM;
  output.reserve(MAX_REQUEST_HEAD_BYTES + (inPlace ? valueBytes : 0) + 2);
  const out = output.buffer;
  const position = op.code - OpCode.set;
  let i: number;
  if (meta) {
    i = writeMetaSetHead(out, output.end, keys.bytes, 0, keys.end, valueBytes, keys.binary);
    if (op.code !== OpCode.set) {
      i = writeFlag(out, i, 0x4d); // M
      out[i++] = metaMode[position]!;
    }
    if (op.flags !== 0) i = writeFlagUint32(out, i, 0x46, op.flags); // F
    if (op.exptime !== 0) i = writeFlagInt32(out, i, 0x54, op.exptime); // T
    if (op.code === OpCode.cas) i = writeFlagUint64(out, i, 0x43, op.casHigh, op.casLow); // C
    i = writeCrlf(out, i);
  } else {
    const command = storageCommand[position]!;
    const { flags, exptime, casHigh, casLow } = op;
    i = writeStorageHead(
      out,
      output.end,
      command,
      keys.bytes,
      0,
      keys.end,
      flags,
      exptime,
      valueBytes,
      false,
      casHigh,
      casLow,
    );
  }
  if (inPlace) {
    if (isText) {
      if (valueBytes <= SHORT_TEXT) for (let j = 0; j < valueBytes; j++) out[i + j] = value.charCodeAt(j);
      else out.write(value, i, "latin1");
      i += valueBytes;
    } else {
      i = writeBytes(out, i, value as Buffer, 0, valueBytes);
    }
    output.end = writeCrlf(out, i);
  } else {
    output.end = i;
    output.appendReference(value);
    output.reserve(2);
    output.end = writeCrlf(output.buffer, output.end);
  }
}

/** Writes a space and a key that the encoder has found to be plain: it is not looked at again. */
export function writePlainKey(out: Buffer, offset: number, keys: KeyEncoder): number {
  const { bytes, end } = keys;
  let i = offset;
  out[i++] = 0x20;
  for (let j = 0; j < end; j++) out[i++] = bytes[j]!;
  return i;
}

/** Writes `mg <key> f v\r\n` with a plain key: most requests are this one. */
function writePlainGet(out: Buffer, offset: number, keys: KeyEncoder): number {
  out[offset] = 0x6d;
  out[offset + 1] = 0x67;
  const i = writePlainKey(out, offset + 2, keys);
  out[i] = 0x20;
  out[i + 1] = 0x66;
  out[i + 2] = 0x20;
  out[i + 3] = 0x76;
  out[i + 4] = 0x0d;
  out[i + 5] = 0x0a;
  return i + 6;
}

// One effect as bytes: the same in the log, on the link and in the logs of all replicas, so that an offset means the same
// everywhere. Only how a record looks; what it does to a store is `content/`.
//
//   0 kind   1 key length   2 marks   3 rank of the writer   4 length of all, u32   8 time, group ms, u48
//   put, copied   14 expiry, group ms, u48   20 flags u32   24 cas u32 u32   32 key, value
//   touch         14 expiry   20 key
//   remove        14 key
//   flush         14 when, group ms, u48; 0 = at once
//   envelope      14 node id   30 number u48   36 floor u48   42 answer length u16   44 answer, records
//
// Numbers are big-endian.

import type { RecordSink } from "../environment.ts";

/** What a record is. Messages between nodes begin at 16. */
export const RecordKind = {
  put: 1,
  remove: 2,
  touch: 3,
  flush: 4,
  /** A request that a replica forwarded: its effects and its answer, applied as one. */
  envelope: 6,
  /** An item of a full copy: as put, outside the log. */
  copied: 7,
} as const;

/** Bytes before length and kind are known. */
export const RECORD_HEAD_BYTES = 8;

export const PUT_HEAD_BYTES = 32;
export const TOUCH_HEAD_BYTES = 20;
export const REMOVE_HEAD_BYTES = 14;
export const FLUSH_BYTES = 20;
export const ENVELOPE_HEAD_BYTES = 44;

/** In place of the length of an answer: it comes as a message of its own. */
export const ANSWER_ELSEWHERE = 0xffff;

/** Longest answer inside an envelope. */
export const MAX_INLINE_ANSWER_BYTES = 1024;

/** Marks of a put. */
export const Mark = { stale: 1, winSent: 2 } as const;

/** An expiry on the wire: has always been. */
export const EXPIRED_MS = 1;

const HEAD_BY_KIND: Readonly<Record<number, number>> = {
  [RecordKind.put]: PUT_HEAD_BYTES,
  [RecordKind.copied]: PUT_HEAD_BYTES,
  [RecordKind.remove]: REMOVE_HEAD_BYTES,
  [RecordKind.touch]: TOUCH_HEAD_BYTES,
  [RecordKind.flush]: FLUSH_BYTES,
  [RecordKind.envelope]: ENVELOPE_HEAD_BYTES,
};

/** Where the key of a record begins, counted from the record. */
export function keyOffset(kind: number): number {
  return kind === RecordKind.remove ? REMOVE_HEAD_BYTES : kind === RecordKind.touch ? TOUCH_HEAD_BYTES : PUT_HEAD_BYTES;
}

export function readTime(buffer: Buffer, at: number): number {
  return buffer.readUIntBE(at + 8, 6);
}

export function readRank(buffer: Buffer, at: number): number {
  return buffer[at + 3]!;
}

export function readLength(buffer: Buffer, at: number): number {
  return buffer.readUInt32BE(at + 4);
}

export function readExpiry(buffer: Buffer, at: number): number {
  return buffer.readUIntBE(at + 14, 6);
}

/** Writes the 14 bytes that all records begin with. */
export function writeHead(
  view: DataView,
  at: number,
  kind: number,
  keyBytes: number,
  marks: number,
  rank: number,
  length: number,
  timeMs: number,
): void {
  view.setInt32(at, (kind << 24) | (keyBytes << 16) | (marks << 8) | rank);
  view.setInt32(at + 4, length);
  writeUint48(view, at + 8, timeMs);
}

export function writeUint48(view: DataView, at: number, value: number): void {
  const high = Math.floor(value / 0x1_0000);
  view.setInt32(at, high);
  view.setInt16(at + 4, value - high * 0x1_0000);
}

export function writeRemove(
  sink: RecordSink,
  key: Buffer,
  start: number,
  end: number,
  timeMs: number,
  rank: number,
): void {
  const length = REMOVE_HEAD_BYTES + end - start;
  sink.reserve(length);
  const { buffer, view, at } = sink;
  writeHead(view, at, RecordKind.remove, end - start, 0, rank, length, timeMs);
  key.copy(buffer, at + REMOVE_HEAD_BYTES, start, end);
  sink.commit(length);
}

/** @param whenMs group time at which the flush takes effect; 0 = at once */
export function writeFlush(sink: RecordSink, whenMs: number, timeMs: number, rank: number): void {
  sink.reserve(FLUSH_BYTES);
  const { view, at } = sink;
  writeHead(view, at, RecordKind.flush, 0, 0, rank, FLUSH_BYTES, timeMs);
  writeUint48(view, at + 14, whenMs);
  sink.commit(FLUSH_BYTES);
}

/** A request that node `id` (16 bytes) forwarded as its `number`-th; all below `floor` have their answers. */
export interface Envelope {
  readonly id: Buffer;
  readonly number: number;
  readonly floor: number;
  /** Undefined: it comes as a message. */
  readonly answer: Buffer | undefined;
  /** The effects, record after record. */
  readonly records: Buffer;
}

export function writeEnvelope(sink: RecordSink, envelope: Envelope, timeMs: number, rank: number): void {
  const { id, number, floor, answer, records } = envelope;
  const answerBytes = answer?.length ?? 0;
  const length = ENVELOPE_HEAD_BYTES + answerBytes + records.length;
  sink.reserve(length);
  const { buffer, view, at } = sink;
  writeHead(view, at, RecordKind.envelope, 0, 0, rank, length, timeMs);
  id.copy(buffer, at + 14);
  writeUint48(view, at + 30, number);
  writeUint48(view, at + 36, floor);
  view.setUint16(at + 42, answer === undefined ? ANSWER_ELSEWHERE : answerBytes);
  answer?.copy(buffer, at + ENVELOPE_HEAD_BYTES);
  records.copy(buffer, at + ENVELOPE_HEAD_BYTES + answerBytes);
  sink.commit(length);
}

/** Reads an envelope that `checkRecord` has let through; its buffers are views. */
export function readEnvelope(buffer: Buffer, at: number): Envelope {
  const length = readLength(buffer, at);
  const answerLength = buffer.readUInt16BE(at + 42);
  const answerBytes = answerLength === ANSWER_ELSEWHERE ? 0 : answerLength;
  const answerAt = at + ENVELOPE_HEAD_BYTES;
  return {
    id: buffer.subarray(at + 14, at + 30),
    number: buffer.readUIntBE(at + 30, 6),
    floor: buffer.readUIntBE(at + 36, 6),
    answer: answerLength === ANSWER_ELSEWHERE ? undefined : buffer.subarray(answerAt, answerAt + answerBytes),
    records: buffer.subarray(answerAt + answerBytes, at + length),
  };
}

/**
 * Whether `buffer[at, end)` is one record whose parts lie within it. Bytes from outside pass through here before
 * anything reads them.
 *
 * @returns what is wrong, or undefined
 */
export function checkRecord(buffer: Buffer, at: number, end: number): string | undefined {
  const kind = buffer[at]!;
  const head = HEAD_BY_KIND[kind];
  if (head === undefined) return `record of kind ${kind}`;
  const length = end - at;
  if (length < head || readLength(buffer, at) !== length) return `record of kind ${kind} with ${length} bytes`;
  const keyBytes = buffer[at + 1]!;
  switch (kind) {
    case RecordKind.flush:
      return length === FLUSH_BYTES ? undefined : `flush of ${length} bytes`;
    case RecordKind.envelope:
      return checkEnvelope(buffer, at, end);
    case RecordKind.remove:
    case RecordKind.touch:
      if (length !== head + keyBytes) return `record of kind ${kind} with ${length - head} bytes of key`;
      break;
    default:
      if (length < head + keyBytes) return `put of ${length} bytes with a key of ${keyBytes}`;
  }
  return keyBytes >= 1 && keyBytes <= 250 ? undefined : `key of ${keyBytes} bytes`;
}

function checkEnvelope(buffer: Buffer, at: number, end: number): string | undefined {
  const answerBytes = buffer.readUInt16BE(at + 42);
  let inner = at + ENVELOPE_HEAD_BYTES + (answerBytes === ANSWER_ELSEWHERE ? 0 : answerBytes);
  if (inner > end) return "envelope shorter than its answer";
  while (inner < end) {
    if (end - inner < RECORD_HEAD_BYTES) return "envelope that ends inside a record";
    const innerEnd = inner + readLength(buffer, inner);
    if (innerEnd > end || innerEnd <= inner) return "envelope shorter than its records";
    if (buffer[inner] === RecordKind.envelope) return "envelope in an envelope";
    const wrong = checkRecord(buffer, inner, innerEnd);
    if (wrong !== undefined) return wrong;
    inner = innerEnd;
  }
  return undefined;
}

/** Calls `visit` with the place of each record in `buffer[start, end)`, in order; envelopes are opened. */
export function forEachEffect(
  buffer: Buffer,
  start: number,
  end: number,
  visit: (buffer: Buffer, at: number) => void,
): void {
  for (let at = start; at < end; at += readLength(buffer, at)) {
    if (buffer[at] !== RecordKind.envelope) {
      visit(buffer, at);
      continue;
    }
    const { records } = readEnvelope(buffer, at);
    forEachEffect(records, 0, records.length, visit);
  }
}

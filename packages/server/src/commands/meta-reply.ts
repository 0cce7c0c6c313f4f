// Parts of meta answers that need the store or the request as a whole; the rest is the codec's.

import {
  MAX_META_HEAD_BYTES,
  MetaFlag,
  writeCrlf,
  writeFlagInt32,
  writeMetaEcho,
  writeMetaKey,
  writeMetaStatus,
  type MetaStatus,
  type TextRequest,
} from "@marugoto/protocol";
import type { ServerCore } from "../server-core.ts";
import type { Session } from "../session.ts";

/** Flag letters as bytes. */
export const Letter = {
  c: 0x63,
  f: 0x66,
  h: 0x68,
  k: 0x6b,
  l: 0x6c,
  s: 0x73,
  t: 0x74,
  N: 0x4e,
  O: 0x4f,
  R: 0x52,
  T: 0x54,
  W: 0x57,
  X: 0x58,
  Z: 0x5a,
} as const;

/** ` k<key>` as it was asked for, with ` b` behind it when that was base64. */
export function writeKeyEcho(out: Buffer, at: number, request: TextRequest): number {
  const binary = (request.metaFlags & MetaFlag.b) !== 0;
  return writeMetaKey(out, at, request.buffer, request.keyStart, request.keyEnd, binary);
}

/** ` t<seconds left>`, -1 for never. */
export function writeTtl(out: Buffer, at: number, core: ServerCore, item: number): number {
  const expiry = core.store.expiry(item);
  return writeFlagInt32(out, at, Letter.t, expiry === 0 ? -1 : expiry - core.clock.seconds);
}

/** Answers with a status and the echoes of k and O, nothing of an item. */
export function answerStatus(session: Session, request: TextRequest, status: MetaStatus): void {
  const { output } = session;
  output.reserve(MAX_META_HEAD_BYTES);
  const out = output.buffer;
  output.at = writeCrlf(out, writeMetaEcho(out, writeMetaStatus(out, output.at, status), request));
}

// mg and me. Flags are answered in request order, so `t` before `T` shows the old time to live; the win and stale
// marks come last: Z or W, with X between them, as memcached writes them.

import { toExpiry } from "@marugoto/core";
import {
  encodeBase64,
  Lines,
  MAX_META_HEAD_BYTES,
  MetaFlag,
  MetaStatus,
  writeCrlf,
  writeFlag,
  writeFlagBit,
  writeFlagUint32,
  writeFlagUint64,
  writeMetaStatus,
  writeMetaValue,
  writeOpaque,
  type TextRequest,
} from "@marugoto/protocol";
import { Count } from "../counters.ts";
import { MutationKind } from "../mutation.ts";
import type { ServerCore } from "../server-core.ts";
import type { Session } from "../session.ts";
import { answerStatus, Letter, writeKeyEcho, writeTtl } from "./meta-reply.ts";
import { PINNED_BYTES, pinValue } from "./pinned.ts";
import { countMiss } from "./retrieval.ts";

const noValue = Buffer.alloc(0);

export function executeMetaGet(session: Session, request: TextRequest): void {
  const { core, output } = session;
  const { store } = core;
  const { buffer: key, keyStart, keyEnd, metaFlags } = request;
  let item = store.find(key, keyStart, keyEnd);
  const missed = item === 0;
  if (core.prefixStats.enabled) core.prefixStats.get(key, keyStart, keyEnd, !missed);
  if (missed && (metaFlags & MetaFlag.N) !== 0) {
    const given = (metaFlags & MetaFlag.E) !== 0;
    item = store.put(
      key,
      keyStart,
      keyEnd,
      0,
      0,
      noValue,
      0,
      0,
      given ? request.newCasHigh : 0,
      given ? request.newCasLow : 0,
    );
  }
  if (item === 0) {
    miss(session, request);
    return;
  }

  const bytes = store.valueBytes(item);
  let withValue = (metaFlags & MetaFlag.v) !== 0;
  if (
    (metaFlags & MetaFlag.C) !== 0 &&
    store.casHigh(item) === request.casHigh &&
    store.casLow(item) === request.casLow
  ) {
    withValue = false;
  }
  output.reserve(MAX_META_HEAD_BYTES + (withValue && bytes <= PINNED_BYTES ? bytes : 0));
  const out = output.buffer;
  let at = output.at;
  at = withValue ? writeMetaValue(out, at, bytes) : writeMetaStatus(out, at, MetaStatus.hit);

  let won = false;
  let touched = false;
  const flags = request.flagCount;
  for (let i = 0; i < flags; i++) {
    switch (request.input[request.flagStart(i)]) {
      case Letter.T:
        touched = true;
        store.setExpiry(item, toExpiry(request.exptime, core.clock));
        break;
      case Letter.N:
        if (missed) {
          store.setExpiry(item, toExpiry(request.vivifyExptime, core.clock));
          won = true;
        }
        break;
      case Letter.R:
        if (!missed && !store.isWinSent(item)) {
          const expiry = store.expiry(item);
          won ||= expiry !== 0 && expiry < toExpiry(request.recacheExptime, core.clock);
        }
        break;
      case Letter.s:
        at = writeFlagUint32(out, at, Letter.s, bytes);
        break;
      case Letter.t:
        at = writeTtl(out, at, core, item);
        break;
      case Letter.c:
        at = writeFlagUint64(out, at, Letter.c, store.casHigh(item), store.casLow(item));
        break;
      case Letter.f:
        at = writeFlagUint32(out, at, Letter.f, store.flags(item));
        break;
      case Letter.l:
        at = writeFlagUint32(out, at, Letter.l, core.clock.seconds - store.lastAccess(item));
        break;
      case Letter.h:
        at = writeFlagBit(out, at, Letter.h, store.wasFetched(item));
        break;
      case Letter.O:
        at = writeOpaque(out, at, request);
        break;
      case Letter.k:
        at = writeKeyEcho(out, at, request);
        break;
      default: // the others are no part of the answer
        break;
    }
  }
  const winSent = store.isWinSent(item);
  at = writeMarks(out, at, core, item, won, winSent);
  if (missed || store.isWinSent(item) !== winSent) core.mutated(MutationKind.put, key, keyStart, keyEnd, item);
  else if (touched) core.mutated(MutationKind.touch, key, keyStart, keyEnd, item);
  if ((metaFlags & MetaFlag.u) === 0) store.markFetched(item);
  countHit(core, touched);

  at = writeCrlf(out, at);
  if (!withValue) {
    output.at = at;
  } else if (bytes > PINNED_BYTES) {
    output.at = at;
    pinValue(session, item);
  } else {
    output.at = writeCrlf(out, store.copyValue(item, out, at));
  }
}

/** Z, X, W; a win that is given away now is remembered in the item. */
function writeMarks(
  out: Buffer,
  offset: number,
  core: ServerCore,
  item: number,
  won: boolean,
  winSent: boolean,
): number {
  const { store } = core;
  let at = offset;
  let win = won;
  if (winSent) at = writeFlag(out, at, Letter.Z);
  if (store.isStale(item)) {
    at = writeFlag(out, at, Letter.X);
    if (!winSent) win = true;
  }
  if (!win) return at;
  store.setWinSent(item, true);
  return writeFlag(out, at, Letter.W);
}

function countHit(core: ServerCore, touched: boolean): void {
  const { counts } = core;
  if (touched) {
    counts[Count.cmd_touch]!++;
    counts[Count.touch_hits]!++;
  } else {
    counts[Count.cmd_get]!++;
    counts[Count.get_hits]!++;
  }
}

function miss(session: Session, request: TextRequest): void {
  const { core } = session;
  const { counts } = core;
  // A miss with T is a touch only once a flag loop has seen T, which a miss never gets to.
  counts[Count.cmd_get]!++;
  countMiss(core);
  if ((request.metaFlags & MetaFlag.q) === 0) answerStatus(session, request, MetaStatus.miss);
}

/** me: what the store knows about an item, without touching it. */
export function executeMetaDebug(session: Session, request: TextRequest): void {
  const { core, output } = session;
  const { store, clock } = core;
  core.counts[Count.cmd_meta]!++;
  const { buffer, keyStart, keyEnd } = request;
  const item = store.find(buffer, keyStart, keyEnd);
  if (item === 0) {
    output.line(Lines.metaMiss);
    return;
  }
  output.reserve(MAX_META_HEAD_BYTES);
  let at = output.at;
  at += output.buffer.write("ME ", at, "latin1");
  if ((request.metaFlags & MetaFlag.b) === 0) at += buffer.copy(output.buffer, at, keyStart, keyEnd);
  else at = encodeBase64(buffer, keyStart, keyEnd, output.buffer, at);
  output.at = at;
  const expiry = store.expiry(item);
  const cas = (BigInt(store.casHigh(item)) << 32n) | BigInt(store.casLow(item));
  output.text(
    ` exp=${expiry === 0 ? -1 : expiry - clock.seconds} la=${clock.seconds - store.lastAccess(item)} cas=${cas}` +
      ` fetch=${store.wasFetched(item) ? "yes" : "no"} cls=${store.classOf(item)} size=${store.requestedBytesOf(item)}\r\n`,
  );
}

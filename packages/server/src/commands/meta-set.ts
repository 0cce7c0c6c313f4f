// ms: all storage commands in one, with cas compare, a cas of the client's own, and invalidation.

import { toExpiry } from "@marugoto/core";
import {
  MAX_META_HEAD_BYTES,
  MetaFlag,
  MetaMode,
  MetaStatus,
  writeCrlf,
  writeFlagUint32,
  writeFlagUint64,
  writeMetaStatus,
  writeOpaque,
  type TextRequest,
} from "@marugoto/protocol";
import { Count } from "../counters.ts";
import { MutationKind } from "../mutation.ts";
import type { Session } from "../session.ts";
import { Letter, writeKeyEcho } from "./meta-reply.ts";
import { outOfMemory } from "./storage.ts";
import { drop, joinValue, putValue } from "./value.ts";

export function executeMetaSet(session: Session, request: TextRequest, reservation: number): void {
  const { core } = session;
  const { store, counts } = core;
  const { buffer, keyStart, keyEnd, metaFlags, mode } = request;
  counts[Count.cmd_set]!++;
  if (core.prefixStats.enabled) core.prefixStats.set(buffer, keyStart, keyEnd);
  const hasCas = (metaFlags & MetaFlag.C) !== 0;
  const vivifies = (metaFlags & MetaFlag.N) !== 0;
  const joins = mode === MetaMode.append || mode === MetaMode.prepend;
  const old = store.find(buffer, keyStart, keyEnd);
  let status: MetaStatus = MetaStatus.hit;
  let stale = false;

  if (old === 0) {
    // Compare-and-swap (set or replace with C) has nothing to compare with.
    if (hasCas && (mode === MetaMode.set || mode === MetaMode.replace)) {
      counts[Count.cas_misses]!++;
      status = MetaStatus.notFound;
    } else if (mode === MetaMode.replace || (joins && !vivifies)) {
      status = MetaStatus.notStored;
    }
  } else if (mode === MetaMode.add) {
    status = MetaStatus.notStored;
  } else if (hasCas) {
    const order = compareCas(request, store.casHigh(old), store.casLow(old));
    const isSwap = !joins;
    stale = isSwap && order < 0 && (metaFlags & MetaFlag.I) !== 0;
    // A cas of 0 is no cas: it never swaps, and doesn't hinder append and prepend.
    const isZero = (request.casHigh | request.casLow) === 0;
    if (isSwap ? isZero || (order !== 0 && !stale) : !isZero && order !== 0) status = MetaStatus.exists;
    if (isSwap) counts[status === MetaStatus.exists ? Count.cas_badval : Count.cas_hits]!++;
  }

  let item = 0;
  if (status !== MetaStatus.hit) {
    drop(core, reservation);
  } else {
    const casHigh = (metaFlags & MetaFlag.E) !== 0 ? request.newCasHigh : 0;
    const casLow = (metaFlags & MetaFlag.E) !== 0 ? request.newCasLow : 0;
    if (joins && old !== 0) {
      item = joinValue(core, request, old, mode === MetaMode.prepend, reservation);
      if (item === 0) status = MetaStatus.notStored;
      else if ((casHigh | casLow) !== 0) store.setCas(item, casHigh, casLow);
    } else {
      const exptime = joins ? request.vivifyExptime : request.exptime;
      const oldExpiry = old === 0 ? 0 : store.expiry(old);
      const winSent = old !== 0 && store.isWinSent(old);
      const expiry = stale ? oldExpiry : toExpiry(exptime, core.clock);
      item = putValue(core, request, expiry, casHigh, casLow, reservation);
      if (item === 0) {
        session.output.line(outOfMemory(session, request, true));
        return;
      }
      if (stale) {
        store.setStale(item, true);
        if (winSent) store.setWinSent(item, true);
      }
    }
  }
  if (item !== 0) core.mutated(MutationKind.put, buffer, keyStart, keyEnd, item);
  if (status === MetaStatus.hit && (metaFlags & MetaFlag.q) !== 0) return;
  answer(session, request, status, item);
}

/** @returns less than, equal to or more than 0 as the request's cas is to the item's */
function compareCas(request: TextRequest, high: number, low: number): number {
  return request.casHigh === high ? request.casLow - low : request.casHigh - high;
}

function answer(session: Session, request: TextRequest, status: MetaStatus, item: number): void {
  const { output, core } = session;
  const { store } = core;
  output.reserve(MAX_META_HEAD_BYTES);
  const out = output.buffer;
  let at = writeMetaStatus(out, output.at, status);
  const flags = request.flagCount;
  for (let i = 0; i < flags; i++) {
    switch (request.input[request.flagStart(i)]) {
      case Letter.O:
        at = writeOpaque(out, at, request);
        break;
      case Letter.k:
        at = writeKeyEcho(out, at, request);
        break;
      case Letter.c:
        at = writeFlagUint64(
          out,
          at,
          Letter.c,
          item === 0 ? 0 : store.casHigh(item),
          item === 0 ? 0 : store.casLow(item),
        );
        break;
      case Letter.s: // the size as stored, after an append or prepend
        at = writeFlagUint32(out, at, Letter.s, item === 0 ? request.valueBytes : store.valueBytes(item));
        break;
      default: // the others are no part of the answer
        break;
    }
  }
  output.at = writeCrlf(out, at);
}

// ma: adds or subtracts, creates on a miss (N with J), compares a cas (C).

import { toExpiry } from "@marugoto/core";
import {
  Lines,
  MAX_META_HEAD_BYTES,
  MetaFlag,
  MetaMode,
  MetaStatus,
  writeBytes,
  writeCrlf,
  writeFlagUint64,
  writeMetaStatus,
  writeMetaValue,
  writeOpaque,
  writeUint64,
  type TextRequest,
} from "@marugoto/protocol";
import { INCREMENT_NON_NUMERIC, INCREMENT_OK } from "@marugoto/storage";
import { Count } from "../counters.ts";
import { MutationKind } from "../mutation.ts";
import type { Session } from "../session.ts";
import { answerStatus, Letter, writeKeyEcho, writeTtl } from "./meta-reply.ts";

/** The longest number, and CRLF. */
const NUMBER_BYTES = 22;

export function executeMetaArithmetic(session: Session, request: TextRequest): void {
  const { core } = session;
  const { store, counts } = core;
  const { buffer, keyStart, keyEnd, metaFlags } = request;
  const decrement = request.mode === MetaMode.decrement;
  let item = store.find(buffer, keyStart, keyEnd);
  let high = request.initialHigh;
  let low = request.initialLow;
  const created = item === 0;
  const given = (metaFlags & MetaFlag.E) !== 0;
  if (created) {
    if ((metaFlags & MetaFlag.N) === 0) {
      counts[decrement ? Count.decr_misses : Count.incr_misses]!++;
      answerStatus(session, request, MetaStatus.notFound);
      return;
    }
    item = create(session, request, given);
    if (item === 0) {
      session.output.line(Lines.outOfMemoryNewItem);
      return;
    }
  } else {
    // A cas of 0 compares nothing.
    const compares = (metaFlags & MetaFlag.C) !== 0 && (request.casHigh | request.casLow) !== 0;
    const differs = compares && (store.casHigh(item) !== request.casHigh || store.casLow(item) !== request.casLow);
    // memcached looks whether the value can be a number before it compares; only empty and large values differ.
    if (differs && store.valueBytes(item) > 0 && !store.isLarge(item)) {
      answerStatus(session, request, MetaStatus.exists);
      return;
    }
    const result = store.increment(item, request.deltaHigh, request.deltaLow, decrement);
    if (result !== INCREMENT_OK) {
      session.output.line(result === INCREMENT_NON_NUMERIC ? Lines.nonNumeric : Lines.outOfMemory);
      return;
    }
    counts[decrement ? Count.decr_hits : Count.incr_hits]!++;
    item = store.incremented;
    high = store.resultHigh;
    low = store.resultLow;
    if (given) store.setCas(item, request.newCasHigh, request.newCasLow);
  }
  answer(session, request, item, created, high, low);
  core.mutated(MutationKind.put, buffer, keyStart, keyEnd, item);
}

function create(session: Session, request: TextRequest, given: boolean): number {
  const { store, scratch } = session.core;
  const { buffer, keyStart, keyEnd } = request;
  const end = writeUint64(scratch, 0, request.initialHigh, request.initialLow);
  const high = given ? request.newCasHigh : 0;
  const low = given ? request.newCasLow : 0;
  return store.put(buffer, keyStart, keyEnd, 0, 0, scratch, 0, end, high, low);
}

/** Applies T and N and writes the answer, in request order. */
function answer(
  session: Session,
  request: TextRequest,
  item: number,
  created: boolean,
  high: number,
  low: number,
): void {
  const { core, output } = session;
  const { store, clock, scratch } = core;
  const withValue = (request.metaFlags & MetaFlag.v) !== 0;
  output.reserve(MAX_META_HEAD_BYTES + NUMBER_BYTES);
  const out = output.buffer;
  const start = output.at;
  const digits = writeUint64(scratch, 0, high, low);
  let at = withValue ? writeMetaValue(out, start, digits) : writeMetaStatus(out, start, MetaStatus.hit);
  const flags = request.flagCount;
  for (let i = 0; i < flags; i++) {
    switch (request.input[request.flagStart(i)]) {
      case Letter.c:
        at = writeFlagUint64(out, at, Letter.c, store.casHigh(item), store.casLow(item));
        break;
      case Letter.t:
        at = writeTtl(out, at, core, item);
        break;
      case Letter.T:
        store.setExpiry(item, toExpiry(request.exptime, clock));
        break;
      case Letter.N:
        if (created) store.setExpiry(item, toExpiry(request.vivifyExptime, clock));
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
  at = writeCrlf(out, at);
  if (withValue) at = writeCrlf(out, writeBytes(out, at, scratch, 0, digits));
  output.at = (request.metaFlags & MetaFlag.q) === 0 ? at : start;
}

// delete, incr, decr, touch: one key, no value.

import { toExpiry } from "@marugoto/core";
import { Command, Lines, writeNumberLine, type TextRequest } from "@marugoto/protocol";
import { INCREMENT_NON_NUMERIC, INCREMENT_OK } from "@marugoto/storage";
import { Count } from "../counters.ts";
import { MutationKind } from "../mutation.ts";
import type { Session } from "../session.ts";

export function executeDelete(session: Session, request: TextRequest): void {
  const { core } = session;
  const { store, counts } = core;
  const { buffer, keyStart, keyEnd } = request;
  if (core.prefixStats.enabled) core.prefixStats.delete(buffer, keyStart, keyEnd);
  const item = store.find(buffer, keyStart, keyEnd);
  if (item === 0) {
    counts[Count.delete_misses]!++;
    if (!request.noreply) session.output.line(Lines.notFound);
    return;
  }
  counts[Count.delete_hits]!++;
  store.remove(item);
  core.mutated(MutationKind.remove, buffer, keyStart, keyEnd, 0);
  if (!request.noreply) session.output.line(Lines.deleted);
}

export function executeArithmetic(session: Session, request: TextRequest): void {
  const { core, output } = session;
  const { store, counts } = core;
  const { buffer, keyStart, keyEnd } = request;
  const decrement = request.command === Command.decr;
  const item = store.find(buffer, keyStart, keyEnd);
  if (item === 0) {
    counts[decrement ? Count.decr_misses : Count.incr_misses]!++;
    if (!request.noreply) output.line(Lines.notFound);
    return;
  }
  const result = store.increment(item, request.deltaHigh, request.deltaLow, decrement);
  if (result !== INCREMENT_OK) {
    const nonNumeric = result === INCREMENT_NON_NUMERIC;
    if (!request.noreply) output.line(nonNumeric ? Lines.nonNumeric : Lines.outOfMemory);
    return;
  }
  counts[decrement ? Count.decr_hits : Count.incr_hits]!++;
  core.mutated(MutationKind.put, buffer, keyStart, keyEnd, store.incremented);
  if (request.noreply) return;
  output.reserve(32);
  output.at = writeNumberLine(output.buffer, output.at, store.resultHigh, store.resultLow);
}

export function executeTouch(session: Session, request: TextRequest): void {
  const { core } = session;
  const { store, counts } = core;
  const { buffer, keyStart, keyEnd } = request;
  counts[Count.cmd_touch]!++;
  const item = store.find(buffer, keyStart, keyEnd);
  if (item === 0) {
    counts[Count.touch_misses]!++;
    if (!request.noreply) session.output.line(Lines.notFound);
    return;
  }
  counts[Count.touch_hits]!++;
  // To memcached a touch is a fetch too: mg's h tells it.
  store.markFetched(item);
  store.setExpiry(item, toExpiry(request.exptime, core.clock));
  core.mutated(MutationKind.touch, buffer, keyStart, keyEnd, item);
  if (!request.noreply) session.output.line(Lines.touched);
}

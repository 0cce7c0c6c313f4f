// set, add, replace, append, prepend, cas: a value goes in, classic form. The value lies in the input, or has arrived
// piece by piece in a reservation of the store.

import { toExpiry } from "@marugoto/core";
import { Command, Lines, type TextRequest } from "@marugoto/protocol";
import { Count } from "../counters.ts";
import { MutationKind } from "../mutation.ts";
import type { Session } from "../session.ts";
import { drop, joinValue, putValue } from "./value.ts";

/** Executes a classic storage command whose value is whole. The reservation, if any, is used up. */
export function executeStorage(session: Session, request: TextRequest, reservation: number): void {
  const { core } = session;
  const { store, counts } = core;
  const { buffer, keyStart, keyEnd } = request;
  counts[Count.cmd_set]!++;
  if (core.prefixStats.enabled) core.prefixStats.set(buffer, keyStart, keyEnd);
  let line: Buffer;
  switch (request.command) {
    case Command.set:
      line = put(session, request, reservation);
      break;
    case Command.add: {
      const old = store.find(buffer, keyStart, keyEnd);
      if (old === 0) {
        line = put(session, request, reservation);
      } else {
        line = Lines.notStored;
        drop(core, reservation);
      }
      break;
    }
    case Command.replace:
      if (store.find(buffer, keyStart, keyEnd) !== 0) {
        line = put(session, request, reservation);
      } else {
        line = Lines.notStored;
        drop(core, reservation);
      }
      break;
    case Command.append:
    case Command.prepend: {
      const old = store.find(buffer, keyStart, keyEnd);
      const joined = old === 0 ? 0 : joinValue(core, request, old, request.command === Command.prepend, reservation);
      if (old === 0) drop(core, reservation);
      if (joined !== 0) core.mutated(MutationKind.put, buffer, keyStart, keyEnd, joined);
      line = joined === 0 ? Lines.notStored : Lines.stored;
      break;
    }
    default:
      line = compareAndSwap(session, request, reservation);
  }
  if (!request.noreply) session.output.line(line);
}

function put(session: Session, request: TextRequest, reservation: number): Buffer {
  const { core } = session;
  const item = putValue(core, request, toExpiry(request.exptime, core.clock), 0, 0, reservation);
  if (item === 0) return outOfMemory(session, request, request.command === Command.set);
  core.mutated(MutationKind.put, request.buffer, request.keyStart, request.keyEnd, item);
  return Lines.stored;
}

function compareAndSwap(session: Session, request: TextRequest, reservation: number): Buffer {
  const { store, counts } = session.core;
  const old = store.find(request.buffer, request.keyStart, request.keyEnd);
  if (old === 0) {
    counts[Count.cas_misses]!++;
    drop(session.core, reservation);
    return Lines.notFound;
  }
  const { casHigh, casLow } = request;
  // A cas of 0 asks for nothing, so it never matches (memcached.c: do_store_item, CAS_NONE).
  const matches = (casHigh | casLow) !== 0 && store.casHigh(old) === casHigh && store.casLow(old) === casLow;
  if (!matches) {
    counts[Count.cas_badval]!++;
    drop(session.core, reservation);
    return Lines.exists;
  }
  counts[Count.cas_hits]!++;
  return put(session, request, reservation);
}

/** Checks the size before a value is read or stored. @returns the answer if it can't be, else undefined */
export function refuseTooLarge(session: Session, request: TextRequest): Buffer | undefined {
  const { store, counts } = session.core;
  if (store.fits(request.keyEnd - request.keyStart, request.valueBytes, request.flags)) return undefined;
  counts[Count.store_too_large]!++;
  if (request.command === Command.set || request.command === Command.metaSet) removeOld(session, request);
  return Lines.tooLarge;
}

/** The answer when the store has no room. `set` must not leave the old value behind, which is stale now. */
export function outOfMemory(session: Session, request: TextRequest, removesOld: boolean): Buffer {
  session.core.counts[Count.store_no_memory]!++;
  if (removesOld) removeOld(session, request);
  return Lines.outOfMemoryStoring;
}

function removeOld(session: Session, request: TextRequest): void {
  const { core } = session;
  const { buffer, keyStart, keyEnd } = request;
  const old = core.store.find(buffer, keyStart, keyEnd);
  if (old === 0) return;
  core.store.remove(old);
  core.mutated(MutationKind.remove, buffer, keyStart, keyEnd, 0);
}

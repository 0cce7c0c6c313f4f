// md: removes an item, marks it stale (I), or drops its value and keeps the key (x).

import { toExpiry } from "@marugoto/core";
import { Lines, MetaFlag, MetaStatus, type TextRequest } from "@marugoto/protocol";
import { Count } from "../counters.ts";
import { MutationKind } from "../mutation.ts";
import type { Session } from "../session.ts";
import { answerStatus } from "./meta-reply.ts";

const noValue = Buffer.alloc(0);

export function executeMetaDelete(session: Session, request: TextRequest): void {
  const { core } = session;
  const { store, counts } = core;
  const { buffer, keyStart, keyEnd, metaFlags } = request;
  if (core.prefixStats.enabled) core.prefixStats.delete(buffer, keyStart, keyEnd);
  let item = store.find(buffer, keyStart, keyEnd);
  if (item === 0) {
    counts[Count.delete_misses]!++;
    answerStatus(session, request, MetaStatus.notFound);
    return;
  }
  const cas = (metaFlags & MetaFlag.C) !== 0;
  if (cas && (store.casHigh(item) !== request.casHigh || store.casLow(item) !== request.casLow)) {
    counts[Count.delete_misses]!++;
    answerStatus(session, request, MetaStatus.exists);
    return;
  }
  const given = (metaFlags & MetaFlag.E) !== 0;
  const drops = (metaFlags & MetaFlag.x) !== 0;
  if (drops) {
    // The emptied item keeps its cas unless E gives one; flags become 0, the expiry is T's or none.
    const high = given ? request.newCasHigh : store.casHigh(item);
    const low = given ? request.newCasLow : store.casLow(item);
    const expiry = (metaFlags & MetaFlag.T) !== 0 ? toExpiry(request.exptime, core.clock) : 0;
    item = store.put(buffer, keyStart, keyEnd, request.flags, expiry, noValue, 0, 0, high, low);
    if (item === 0) {
      session.output.line(Lines.outOfMemory);
      return;
    }
  }
  if ((metaFlags & MetaFlag.I) !== 0) {
    if ((metaFlags & MetaFlag.T) !== 0) store.setExpiry(item, toExpiry(request.exptime, core.clock));
    store.setStale(item, true);
    // The next reader may win again.
    store.setWinSent(item, false);
    if (given) {
      store.setCas(item, request.newCasHigh, request.newCasLow);
    } else {
      store.nextCas();
      store.setCas(item, store.nextCasHigh, store.nextCasLow);
    }
  } else {
    counts[Count.delete_hits]!++;
    if (!drops) {
      store.remove(item);
      item = 0;
    }
  }
  core.mutated(item === 0 ? MutationKind.remove : MutationKind.put, buffer, keyStart, keyEnd, item);
  if ((metaFlags & MetaFlag.q) === 0) answerStatus(session, request, MetaStatus.hit);
}

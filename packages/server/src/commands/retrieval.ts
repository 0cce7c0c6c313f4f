// get, gets, gat, gats. An answer may be long: between two keys it leaves in parts, and waits when the client doesn't
// read; then the same request comes again and goes on at `session.resumeKey`.

import { toExpiry } from "@marugoto/core";
import {
  Command,
  Lines,
  MAX_VALUE_HEAD_BYTES,
  writeCrlf,
  writeValueHead,
  writeValueHeadWithCas,
  type TextRequest,
} from "@marugoto/protocol";
import { MISS_EXPIRED, MISS_FLUSHED } from "@marugoto/storage";
import { Count } from "../counters.ts";
import { MutationKind } from "../mutation.ts";
import { OUTPUT_LIMIT } from "../output.ts";
import type { ServerCore } from "../server-core.ts";
import type { Session } from "../session.ts";
import { PINNED_BYTES, pinValue } from "./pinned.ts";

export function executeRetrieval(session: Session, request: TextRequest): void {
  const { core, output } = session;
  const { command, input, keyOffsets, keyCount } = request;
  const touches = command === Command.gat || command === Command.gats;
  const withCas = command === Command.gets || command === Command.gats;
  let key = session.resumeKey;
  session.resumeKey = 0;
  for (; key < keyCount; key++) {
    const start = keyOffsets[2 * key]!;
    const end = keyOffsets[2 * key + 1]!;
    const item = touches ? findAndTouch(core, request, start, end) : find(core, input, start, end);
    if (item === 0) continue;
    writeItem(session, input, start, end, item, withCas);
    if ((output.length > OUTPUT_LIMIT || session.hasPinned) && !session.sendSome()) {
      session.resumeKey = key + 1;
      return;
    }
  }
  output.line(Lines.end);
}

function find(core: ServerCore, key: Buffer, start: number, end: number): number {
  const { store, counts } = core;
  const item = store.find(key, start, end);
  counts[Count.cmd_get]!++;
  if (core.prefixStats.enabled) core.prefixStats.get(key, start, end, item !== 0);
  if (item === 0) {
    countMiss(core);
    return 0;
  }
  counts[Count.get_hits]!++;
  store.markFetched(item);
  return item;
}

/** Counts a miss of a retrieval right after `find` said so. */
export function countMiss(core: ServerCore): void {
  const { counts } = core;
  counts[Count.get_misses]!++;
  const reason = core.store.lastMiss;
  if (reason === MISS_EXPIRED) counts[Count.get_expired]!++;
  else if (reason === MISS_FLUSHED) counts[Count.get_flushed]!++;
}

function findAndTouch(core: ServerCore, request: TextRequest, start: number, end: number): number {
  const { store, counts } = core;
  const { input } = request;
  const item = store.find(input, start, end);
  // Counted as a touch and not as a get, as memcached does.
  counts[Count.cmd_touch]!++;
  if (core.prefixStats.enabled) core.prefixStats.get(input, start, end, item !== 0);
  if (item === 0) {
    counts[Count.touch_misses]!++;
    return 0;
  }
  counts[Count.touch_hits]!++;
  store.markFetched(item);
  store.setExpiry(item, toExpiry(request.exptime, core.clock));
  core.mutated(MutationKind.touch, input, start, end, item);
  return item;
}

function writeItem(session: Session, key: Buffer, start: number, end: number, item: number, withCas: boolean): void {
  const { output, core } = session;
  const { store } = core;
  const bytes = store.valueBytes(item);
  const pinned = bytes > PINNED_BYTES;
  output.reserve(MAX_VALUE_HEAD_BYTES + 2 + (pinned ? 0 : bytes));
  const { buffer } = output;
  const flags = store.flags(item);
  const at = withCas
    ? writeValueHeadWithCas(buffer, output.at, key, start, end, flags, bytes, store.casHigh(item), store.casLow(item))
    : writeValueHead(buffer, output.at, key, start, end, flags, bytes);
  output.at = pinned ? at : writeCrlf(buffer, store.copyValue(item, buffer, at));
  if (pinned) pinValue(session, item);
}

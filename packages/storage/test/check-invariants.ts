// Takes a store's buffers apart and checks that index, segments, slots and counters agree. Linear in what it holds.

import { expect } from "vitest";
import { stateInts } from "../src/buffers.ts";
import { KeyIndex } from "../src/key-index.ts";
import { HELD, LargeValues, LINGERING } from "../src/large-values.ts";
import { Memory } from "../src/memory.ts";
import * as R from "../src/record.ts";
import { CLOSED, FREE, OPEN, RETIRED, SegmentLog, TAKEN } from "../src/segment-log.ts";
import { SlabClasses } from "../src/slab-classes.ts";
import * as S from "../src/state.ts";
import type { Store } from "../src/store.ts";

/** What `checkInvariants` has counted. */
export interface Tally {
  items: number;
  /** Bytes of items that have not expired, chunks included. */
  unexpiredBytes: number;
}

/** Throws at the first disagreement. */
export function checkInvariants(store: Store, now: number): Tally {
  const { buffers } = store;
  const ints = stateInts(buffers);
  const memory = new Memory(buffers);
  const index = new KeyIndex(buffers, memory);
  const log = new SegmentLog(buffers, memory);
  const large = new LargeValues(buffers, memory, log);
  const classes = new SlabClasses(buffers);

  // ---- the index: each entry a linked item, found under its own key ----
  const linked = new Set<number>();
  const classItems = new Map<number, number>();
  let live = 0;
  let unexpiredBytes = 0;
  let items = 0;
  let requested = 0;
  const heldSlots = new Set<number>();
  for (let cursor = 0; cursor < 2 ** 32;) {
    cursor = index.walk(cursor, 1000, (item) => {
      expect(linked.has(item), "an address is in the index once").toBe(false);
      linked.add(item);
      const word = memory.word(item, R.LENGTH_WORD);
      expect(word & R.LINKED, "an item of the index is linked").toBe(R.LINKED);
      const at = memory.byteAt(item) + R.ITEM_HEADER_BYTES;
      const key = memory.bytes[memory.arenaOf(item)]!;
      expect(index.lookup(memory.hashAt(item), key, at, at + memory.keyLength(item))).toBe(item);
      if (log.flushed[log.segmentOf(item)] === 1) return;
      let bytes = memory.recordBytesAt(item);
      if ((word & R.LARGE) !== 0) {
        const slot = memory.readInt(memory.arenaOf(item), memory.valueAt(item));
        expect(large.status(slot)).toBe(HELD);
        expect(large.head(slot)).toBe(item);
        heldSlots.add(slot);
        bytes += large.chunkBytes(slot);
      }
      live += bytes;
      items++;
      const expiry = memory.word(item, R.EXPIRY_WORD) >>> 1;
      if (expiry === 0 || expiry > now) unexpiredBytes += bytes;
      const hasFlags = memory.word(item, R.EXPIRY_WORD) & 1;
      const size = classes.requestedBytes(memory.keyLength(item), word >>> R.LENGTH_SHIFT, hasFlags);
      requested += size;
      const id = classes.classFor(size);
      classItems.set(id, (classItems.get(id) ?? 0) + 1);
    });
  }
  expect(store.currItems).toBe(items);
  expect(store.liveBytes).toBe(live);
  expect(store.requestedBytes).toBe(requested);
  for (let id = 1; id <= classes.count; id++) expect(classes.read(id, "items")).toBe(classItems.get(id) ?? 0);

  // ---- slots: chains that are whole ----
  let promised = 0;
  let lingering = 0;
  const chunksOf = new Map<number, number>();
  for (let slot = 1; slot < ints[S.SLOT_FRESH]!; slot++) {
    const status = large.status(slot);
    if (status === 0) continue;
    let bytes = 0;
    let filled = 0;
    let previous = 0;
    for (let chunk = large.first(slot); chunk !== 0; chunk = large.nextChunk(chunk)) {
      expect(large.ownerOf(chunk)).toBe(slot);
      expect(memory.word(chunk, R.PREVIOUS_WORD)).toBe(previous);
      chunksOf.set(chunk, slot);
      bytes += memory.recordBytesAt(chunk);
      filled += large.filledLength(slot, chunk);
      previous = chunk;
    }
    expect(large.chunkBytes(slot)).toBe(bytes);
    if (!large.hasFailed(slot)) expect(filled).toBe(large.filled(slot));
    if (status === HELD) expect(heldSlots.has(slot), "a held slot has its item").toBe(true);
    else if (status === LINGERING) lingering += bytes;
    else promised += large.promiseFor(large.length(slot));
  }
  expect(store.promisedBytes).toBe(promised);
  expect(store.lingeringBytes).toBe(lingering);

  // ---- segments: every linked record is met when they are read from end to end, and their sums are right ----
  let free = 0;
  let active = 0;
  let met = 0;
  const open = new Set(ints.subarray(S.OPEN, S.OPEN + 2 * log.groups));
  for (let segment = 0; segment < ints[S.FRESH]!; segment++) {
    const status = log.status[segment]!;
    if (status === RETIRED) continue;
    active++;
    if (status === FREE) {
      free++;
      continue;
    }
    expect([OPEN, CLOSED, TAKEN]).toContain(status);
    expect(open.has(segment)).toBe(status === OPEN);
    expect(ints[S.VICTIM] === segment).toBe(status === TAKEN);
    const isFlushed = log.flushed[segment] === 1;
    let liveHere = 0;
    let pins = 0;
    let least = Infinity;
    let most = 0;
    let at = segment === 0 ? R.MIN_RECORD_BYTES : 0;
    while (at < log.fill[segment]!) {
      const address = log.addressOf(segment, at);
      const bytes = memory.recordBytesAt(address);
      at += bytes;
      let item = address;
      if (memory.keyLength(address) === 0) {
        const slot = chunksOf.get(address);
        if (slot === undefined) {
          expect(large.ownerOf(address)).toBe(0);
          continue;
        }
        liveHere += bytes;
        if (large.pins(slot) > 0) pins++;
        if (large.status(slot) !== HELD) continue;
        item = large.head(slot);
      } else if (linked.has(address)) {
        met++;
        if (isFlushed) continue;
        liveHere += bytes;
      } else {
        expect(memory.word(address, R.LENGTH_WORD) & R.LINKED, "what is linked is in the index").toBe(0);
        continue;
      }
      const expiry = memory.word(item, R.EXPIRY_WORD) >>> 1 || Infinity;
      least = Math.min(least, expiry);
      most = Math.max(most, expiry);
    }
    expect(at).toBe(log.fill[segment]);
    expect(log.live[segment], `live bytes of segment ${segment}`).toBe(liveHere);
    expect(log.pins[segment]).toBe(pins);
    if (!isFlushed) {
      expect(log.minExpiry[segment]!).toBeLessThanOrEqual(least);
      if (most !== Infinity) expect(log.maxExpiry[segment]!).toBeGreaterThanOrEqual(most);
      else expect(log.maxExpiry[segment]).toBe(0x7fff_ffff);
    }
  }
  expect(met).toBe(linked.size);
  expect(ints[S.FREE_COUNT]).toBe(free + ints[S.ACTIVE]! - active);
  return { items, unexpiredBytes };
}

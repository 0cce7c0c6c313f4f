// `stats items` and `stats slabs` over virtual classes: items are counted by the size class they would have in
// memcached, though no memory is divided that way. The ids, and so `stats cachedump`, mean what they mean there.

import type { ClassCounter } from "@marugoto/storage";
import type { ServerCore } from "../server-core.ts";
import type { StatRows } from "./rows.ts";

const PAGE_BYTES = 1024 * 1024;

/** The rows of a class as memcached has them without its LRU maintainer; null = a thing that doesn't exist here. */
const itemRows: readonly (readonly [name: string, counter: ClassCounter | null])[] = [
  ["number", "items"],
  ["age", null],
  ["mem_requested", "requestedBytes"],
  ["evicted", "evicted"],
  ["evicted_nonzero", "evictedNonzero"],
  ["evicted_time", "evictedTime"],
  ["outofmemory", "outOfMemory"],
  ["tailrepairs", null],
  ["reclaimed", "reclaimed"],
  ["expired_unfetched", "expiredUnfetched"],
  ["evicted_unfetched", "evictedUnfetched"],
  ["crawler_reclaimed", null],
  ["crawler_items_checked", null],
  ["lrutail_reflocked", null],
];

export function addItems(core: ServerCore, rows: StatRows): void {
  const { classes } = core.store;
  for (let id = 1; id <= classes.count; id++) {
    if (classes.read(id, "items") === 0) continue;
    for (const [name, counter] of itemRows) {
      rows.add(`items:${id}:${name}`, counter === null ? 0 : classes.read(id, counter));
    }
  }
}

export function addSlabs(core: ServerCore, rows: StatRows): void {
  const { store } = core;
  const { classes } = store;
  let active = 0;
  for (let id = 1; id <= classes.count; id++) {
    const used = classes.read(id, "items");
    if (used === 0) continue;
    active++;
    const size = classes.chunkBytes(id);
    const perPage = Math.max(1, Math.floor(PAGE_BYTES / size));
    const pages = Math.ceil(used / perPage);
    rows.add(`${id}:chunk_size`, size);
    rows.add(`${id}:chunks_per_page`, perPage);
    rows.add(`${id}:total_pages`, pages);
    rows.add(`${id}:total_chunks`, pages * perPage);
    rows.add(`${id}:used_chunks`, used);
    rows.add(`${id}:free_chunks`, pages * perPage - used);
    rows.add(`${id}:free_chunks_end`, 0);
  }
  rows.add("active_slabs", active);
  const arenaBytes = store.buffers.arenas.reduce((sum, arena) => sum + (arena?.byteLength ?? 0), 0);
  rows.add("total_malloced", arenaBytes);
}

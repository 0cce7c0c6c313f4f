// `stats items` and `stats slabs` over virtual classes: items are counted by the size class they would have in
// memcached, though no memory is divided that way. The ids, and so `stats cachedump`, mean what they mean there.

import type { ServerCore } from "../server-core.ts";
import type { StatRows } from "./rows.ts";

const PAGE_BYTES = 1024 * 1024;

export function addItems(core: ServerCore, rows: StatRows): void {
  const { store } = core;
  for (let id = 1; id <= store.classCount; id++) {
    const number = store.classItems(id);
    if (number === 0) continue;
    const row = (name: string, value: number) => {
      rows.add(`items:${id}:${name}`, value);
    };
    row("number", number);
    row("mem_requested", store.classBytes(id));
    row("evicted", store.classEvicted(id));
    row("evicted_unfetched", store.classEvictedUnfetched(id));
    row("expired_unfetched", store.classExpiredUnfetched(id));
    row("reclaimed", store.classReclaimed(id));
  }
}

export function addSlabs(core: ServerCore, rows: StatRows): void {
  const { store } = core;
  let active = 0;
  for (let id = 1; id <= store.classCount; id++) {
    const used = store.classItems(id);
    if (used === 0) continue;
    active++;
    const row = (name: string, value: number) => {
      rows.add(`${id}:${name}`, value);
    };
    const size = store.classSize(id);
    const perPage = Math.max(1, Math.floor(PAGE_BYTES / size));
    const pages = Math.ceil(used / perPage);
    row("chunk_size", size);
    row("chunks_per_page", perPage);
    row("total_pages", pages);
    row("total_chunks", pages * perPage);
    row("used_chunks", used);
    row("free_chunks", pages * perPage - used);
    row("free_chunks_end", 0);
  }
  rows.add("active_slabs", active);
  rows.add("total_malloced", store.allocatedBytes);
}

// Plain `stats`: memcached's names in memcached's order. Names that have no meaning here (slab pages, LRU segments,
// memcached's log threads) are shown with what is true of this server: 0, or "none".

import { Count } from "../counters.ts";
import type { ServerCore } from "../server-core.ts";
import type { StatRows } from "./rows.ts";

const FIRST_SECOND = 2;

export function addGeneral(core: ServerCore, rows: StatRows): void {
  const { store, clock, counters, options } = core;
  const indexBytes = store.buffers.index.reduce((sum, piece) => sum + piece.byteLength, 0);
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  const count = (name: keyof typeof Count) => {
    rows.add(name, counters.read(Count[name]));
  };
  rows.add("pid", process.pid);
  rows.add("uptime", clock.seconds - FIRST_SECOND);
  rows.add("time", clock.seconds + clock.startedAtUnix);
  rows.add("version", options.version);
  rows.add("libevent", `node-${process.versions.node}`);
  rows.add("pointer_size", 64);
  rows.add("rusage_user", (userCPUTime / 1e6).toFixed(6));
  rows.add("rusage_system", (systemCPUTime / 1e6).toFixed(6));
  rows.add("max_connections", options.maxConnections);
  rows.add("curr_connections", core.sessions.size);
  count("total_connections");
  count("rejected_connections");
  rows.add("connection_structures", core.sessions.size);
  rows.add("response_obj_oom", 0);
  rows.add("response_obj_count", 1);
  rows.add("response_obj_bytes", core.output.buffer.length);
  rows.add("read_buf_count", 1);
  rows.add("read_buf_bytes", core.readBufferBytes);
  rows.add("read_buf_bytes_free", 0);
  rows.add("read_buf_oom", 0);
  rows.add("reserved_fds", 0);
  for (const name of itemCommands) count(name);
  rows.add("auth_cmds", 0);
  rows.add("auth_errors", 0);
  if (options.idleTimeoutSec > 0) count("idle_kicks");
  count("bytes_read");
  count("bytes_written");
  rows.add("limit_maxbytes", core.memoryBytes);
  rows.add("accepting_conns", 1);
  rows.add("listen_disabled_num", 0);
  rows.add("time_in_listen_disabled_us", 0);
  rows.add("threads", options.threads);
  count("conn_yields");
  rows.add("hash_power_level", 0);
  rows.add("hash_bytes", indexBytes);
  rows.add("hash_is_expanding", 0);
  for (const name of slabMover) rows.add(name, name.endsWith("status") ? "none" : 0);
  rows.add("lru_crawler_running", 0);
  count("lru_crawler_starts");
  rows.add("lru_maintainer_juggles", 0);
  rows.add("malloc_fails", 0);
  for (const name of logger) rows.add(name, 0);
  rows.add("unexpected_napi_ids", 0);
  rows.add("round_robin_fallback", 0);
  rows.add("bytes", store.liveBytes);
  rows.add("curr_items", store.currItems);
  rows.add("total_items", store.totalItems);
  rows.add("slab_global_page_pool", 0);
  rows.add("expired_unfetched", store.expiredUnfetched);
  rows.add("evicted_unfetched", store.evictedUnfetched);
  rows.add("evicted_active", 0);
  rows.add("evictions", store.evictions);
  rows.add("reclaimed", store.reclaimed);
  for (const name of lruMaintainer) rows.add(name, 0);
}

const itemCommands = [
  "cmd_get",
  "cmd_set",
  "cmd_flush",
  "cmd_touch",
  "cmd_meta",
  "get_hits",
  "get_misses",
  "get_expired",
  "get_flushed",
  "delete_misses",
  "delete_hits",
  "incr_misses",
  "incr_hits",
  "decr_misses",
  "decr_hits",
  "cas_misses",
  "cas_hits",
  "cas_badval",
  "touch_hits",
  "touch_misses",
  "store_too_large",
  "store_no_memory",
] as const satisfies readonly (keyof typeof Count)[];

const slabMover = [
  "slab_reassign_rescues",
  "slab_reassign_chunk_rescues",
  "slab_reassign_inline_reclaim",
  "slab_reassign_busy_items",
  "slab_reassign_busy_deletes",
  "slab_reassign_busy_nomem",
  "slab_reassign_last_busy_status",
  "slab_reassign_running",
  "slabs_moved",
];

const logger = ["log_worker_dropped", "log_worker_written", "log_watcher_skipped", "log_watcher_sent", "log_watchers"];

const lruMaintainer = [
  "crawler_reclaimed",
  "crawler_items_checked",
  "lrutail_reflocked",
  "moves_to_cold",
  "moves_to_warm",
  "moves_within_lru",
  "direct_reclaims",
  "lru_bumps_dropped",
];

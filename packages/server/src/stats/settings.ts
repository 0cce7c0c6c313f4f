// `stats settings`: how the server was started, in memcached's names.

import type { ServerCore } from "../server-core.ts";
import type { ListenerOptions } from "../options.ts";
import type { StatRows } from "./rows.ts";

const yesNo = (on: boolean) => (on ? "yes" : "no");

export function addSettings(core: ServerCore, rows: StatRows): void {
  const { options } = core;
  const tcp = options.listeners.filter((listener) => listener.kind === "tcp");
  const unix = options.listeners.find((listener) => listener.kind === "unix");
  const settings: Record<string, string | number> = {
    maxbytes: core.memoryBytes,
    maxconns: options.maxConnections,
    tcpport: tcp[0]?.port ?? 0,
    udpport: 0,
    inter: interfaces(tcp),
    verbosity: core.verbosity,
    oldest: core.oldestLive,
    evictions: options.evict ? "on" : "off",
    domain_socket: unix?.path ?? "NULL",
    umask: (unix?.mode ?? 0o700).toString(8),
    shutdown_command: yesNo(options.shutdownEnabled),
    growth_factor: options.growthFactor.toFixed(2),
    chunk_size: options.minItemBytes,
    num_threads: options.threads,
    num_threads_serving: 1,
    num_threads_per_udp: 0,
    stat_key_prefix: options.prefixDelimiter,
    detail_enabled: yesNo(core.prefixStats.enabled),
    reqs_per_event: options.requestsPerEvent,
    cas_enabled: yesNo(options.cas),
    tcp_backlog: options.backlog,
    binding_protocol: options.bindingProtocol === "auto" ? "auto-negotiate" : options.bindingProtocol,
    auth_enabled_sasl: "no",
    auth_enabled_ascii: "no",
    item_size_max: options.maxItemBytes,
    maxconns_fast: "yes",
    hashpower_init: 0,
    slab_reassign: "no",
    slab_automove: 0,
    slab_chunk_max: options.maxItemBytes,
    lru_crawler: "no",
    tail_repair_time: 0,
    flush_enabled: yesNo(options.flushEnabled),
    dump_enabled: yesNo(options.dumpEnabled),
    hash_algorithm: "murmur3",
    lru_maintainer_thread: "no",
    lru_segmented: "no",
    idle_timeout: options.idleTimeoutSec,
    track_sizes: yesNo(options.trackSizes),
    inline_ascii_response: "no",
    client_flags_size: 4,
    ...options.settings,
  };
  for (const [name, value] of Object.entries(settings)) rows.add(name, value);
}

function interfaces(listeners: readonly Extract<ListenerOptions, { kind: "tcp" }>[]): string {
  return listeners.length === 0 ? "NULL" : listeners.map(({ host }) => host).join(",");
}

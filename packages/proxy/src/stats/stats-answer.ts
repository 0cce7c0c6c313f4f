// The answers to `stats` and its sections on a client's connection: `STAT name value` rows as memcached writes them. Lists
// have a number before each name, as `stats items` has: names of servers and pools have colons of their own.

import { formatEndpoint } from "@marugoto/core";
import { Lines } from "@marugoto/protocol";
import type { ProxyCore } from "../proxy-core.ts";
import { NodeCount } from "../routing/node.ts";
import type { Pair } from "../routing/pair.ts";
import type { ProxyPool } from "../routing/proxy-pool.ts";
import { readPool, readStats } from "./read-stats.ts";

/** Rows of `stats hotkeys`. */
const HOT_KEYS = 20;

type Value = string | number;
type Rows = readonly (readonly [name: string, value: Value])[];

/**
 * @param section what stands behind `stats`, "" for nothing
 * @param pool the pool of the client that asks
 * @returns the whole answer; ERROR for a section that does not exist
 */
export function statsAnswer(section: string, core: ProxyCore, pool: ProxyPool): Uint8Array {
  switch (section) {
    case "":
      return answer(general(core, pool));
    case "servers":
      return answer(servers(pool));
    case "pools":
      return answer(pools(core));
    case "proxy":
      return answer(proxy(core));
    case "hotkeys":
      return answer(hotKeys(pool));
    case "settings":
    case "items":
    case "slabs":
    case "sizes":
    case "conns":
      // Sections of a memcached, which programs that watch one ask for: a proxy has nothing to put there.
      return Lines.end;
    default:
      return Lines.error;
  }
}

function answer(rows: Rows): Buffer {
  return Buffer.from(`${rows.map(([name, value]) => `STAT ${name} ${value}\r\n`).join("")}END\r\n`, "latin1");
}

/** Each list's rows, with its number before their names. */
function numbered(lists: readonly Rows[]): Rows {
  return lists.flatMap((rows, i) => rows.map(([name, value]) => [`${i}:${name}`, value] as const));
}

/** What a memcached would tell, as far as a proxy has it; the rest is about the pool of the connection. */
function general(core: ProxyCore, pool: ProxyPool): Rows {
  const { uptimeSec, currConnections, totalConnections } = readStats(core, core.pools);
  const { user, system } = process.cpuUsage();
  const { counts, nodes } = pool;
  return [
    ["pid", process.pid],
    ["uptime", uptimeSec],
    ["time", Math.floor(Date.now() / 1000)],
    ["version", core.version],
    ["pointer_size", 64],
    ["rusage_user", seconds(user)],
    ["rusage_system", seconds(system)],
    ["curr_connections", currConnections],
    ["total_connections", totalConnections],
    ["rejected_connections", core.pools.reduce((sum, each) => sum + each.counts.rejectedClients, 0)],
    ["threads", 1],
    ["pool", pool.config.name],
    ["pool_requests", counts.requests],
    ["pool_keys_read", counts.keysRead],
    ["pool_servers", nodes.length],
    ["pool_servers_in_use", inUse(pool)],
    ["pool_server_ejects", counts.serverEjects],
  ];
}

function servers(pool: ProxyPool): Rows {
  const nowMs = performance.now();
  const { servers: read } = readPool(pool);
  return numbered(
    pool.nodes.map((node, i) => [
      ["name", node.name],
      ["address", formatEndpoint(node.endpoint)],
      ["weight", node.config.weight],
      ...pairRows(node.pair),
      ["state", node.inUse ? "in_use" : "out"],
      ["out_ms", node.inUse ? 0 : Math.round(nowMs - node.outSinceMs)],
      ["ledger", node.absence?.ledger === undefined ? "none" : node.inUse ? "followed" : "own"],
      ["keys_elsewhere", node.absence?.noted.size ?? 0],
      ["keys_fenced", node.fence.size],
      ...Object.entries<number>({ ...read[i]!.counters }),
      ["lost_noreplies", node.counts[NodeCount.lostNoreplies]!],
      ["shared_reads", node.counts[NodeCount.shared]!],
    ]),
  );
}

/** Of a replicated pair: what its members are, as last seen. */
function pairRows(pair: Pair | null): Rows {
  if (pair === null) return [];
  const [active, other] = [pair.stateOf("active"), pair.stateOf("other")];
  return [
    ["role", active.role ?? "unknown"],
    ["partner", formatEndpoint(pair.otherEndpoint)],
    ["partner_state", other.isUp ? "up" : "down"],
    ["partner_role", other.role ?? "unknown"],
  ];
}

function pools(core: ProxyCore): Rows {
  return numbered(
    core.pools.map((pool) => {
      const { config, counts, nodes } = pool;
      return [
        ["name", config.name],
        ["listen", formatEndpoint(config.listen.endpoint)],
        ["placement", config.placement.preset],
        ["failover", config.failover.mode],
        ["rejoin", config.rejoin.policy],
        ["servers", nodes.length],
        ["servers_in_use", inUse(pool)],
        ...Object.entries<number>({ ...readPool(pool).counters }),
        ["total_clients", counts.totalClients],
        ["rejected_clients", counts.rejectedClients],
        ["requests", counts.requests],
        ["keys_read", counts.keysRead],
      ];
    }),
  );
}

function proxy(core: ProxyCore): Rows {
  const { uptimeSec, currConnections, totalConnections } = readStats(core, core.pools);
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return [
    ["pid", process.pid],
    ["uptime", uptimeSec],
    ["version", core.version],
    ["node_version", process.version],
    ["config_version", core.generation],
    ["pools", core.pools.length],
    ["curr_connections", currConnections],
    ["total_connections", totalConnections],
    ["rusage_user", seconds(user)],
    ["rusage_system", seconds(system)],
    ["rss_bytes", rss],
    ["heap_used_bytes", heapUsed],
    ["buffer_bytes", arrayBuffers],
  ];
}

/** The keys that are read most at present, in the pool of the connection. */
function hotKeys(pool: ProxyPool): Rows {
  const nowMs = pool.backend.now();
  const total = pool.hotKeys.totalReads(nowMs);
  const rows = numbered(
    pool.hotKeys.top(HOT_KEYS, nowMs).map(({ key, reads, uncertain }) => {
      const bytes = Buffer.from(key, "latin1");
      return [
        ["key", printable(key)],
        ["server", pool.owner(bytes, 0, bytes.length).name],
        ["reads", reads],
        ["reads_uncertain", uncertain],
        ["share_percent", ((100 * reads) / total).toFixed(1)],
      ];
    }),
  );
  return [["reads", total], ...rows];
}

/** Blanks, control characters and bytes beyond ASCII as %XX, as memcached writes keys in its dumps. */
function printable(key: string): string {
  return key.replace(
    /[^\x21-\x24\x26-\x7e]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
}

function inUse({ nodes }: ProxyPool): number {
  return nodes.filter((node) => node.inUse).length;
}

/** As memcached writes times of the processor. */
function seconds(microseconds: number): string {
  return (microseconds / 1e6).toFixed(6);
}

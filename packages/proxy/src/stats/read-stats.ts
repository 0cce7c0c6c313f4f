// Reads what pools, servers and connections have counted, under nutcracker's names.

import type { ProxyCore } from "../proxy-core.ts";
import { NodeCount, type Node } from "../routing/node.ts";
import type { ProxyPool } from "../routing/proxy-pool.ts";
import type { PoolStats, ProxyStats, ServerCounters } from "./types.ts";

/** A reading of everything, now. */
export function readStats(core: ProxyCore, pools: readonly ProxyPool[]): ProxyStats {
  return {
    uptimeSec: Math.floor((performance.now() - core.startedAtMs) / 1000),
    totalConnections: pools.reduce((sum, { counts }) => sum + counts.totalClients, 0),
    currConnections: pools.reduce((sum, { counts }) => sum + counts.clients, 0),
    pools: pools.map(readPool),
  };
}

export function readPool(pool: ProxyPool): PoolStats {
  const { counts, config, nodes } = pool;
  return {
    name: config.name,
    counters: {
      client_eof: counts.clientEofs,
      client_err: counts.clientErrors,
      client_connections: counts.clients,
      server_ejects: counts.serverEjects,
      forward_error: counts.forwardErrors,
      fragments: counts.fragments,
    },
    servers: nodes.map((node) => ({ name: node.name, counters: readServer(pool, node) })),
  };
}

function readServer(pool: ProxyPool, node: Node): ServerCounters {
  let connections = 0;
  let inQueue = 0;
  let outQueue = 0;
  let inBytes = 0;
  for (const link of pool.linksOf(node)) {
    // What a connection that is still being made has been given waits to be sent; else it waits for its answer.
    if (link.isUp) {
      connections++;
      outQueue += link.waiting;
    } else {
      inQueue += link.waiting;
    }
    inBytes += link.connection?.bufferedBytes ?? 0;
  }
  const { counts } = node;
  return {
    server_eof: counts[NodeCount.eofs]!,
    server_err: counts[NodeCount.errors]!,
    server_timedout: counts[NodeCount.timeouts]!,
    server_connections: connections,
    server_ejected_at: node.ejectedAtUs,
    requests: counts[NodeCount.requests]!,
    request_bytes: counts[NodeCount.requestBytes]!,
    responses: counts[NodeCount.responses]!,
    response_bytes: counts[NodeCount.responseBytes]!,
    in_queue: inQueue,
    in_queue_bytes: inBytes,
    out_queue: outQueue,
    out_queue_bytes: Math.max(counts[NodeCount.unansweredBytes]! - inBytes, 0),
  };
}

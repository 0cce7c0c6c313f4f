// Configurations for tests, without a file: every field has what a file that doesn't name it would get.

import { formatEndpoint, type Endpoint } from "@marugoto/core";
import type { PoolConfig, ProxyConfig, ServerConfig } from "../../src/config/types.ts";

export function serverConfig(endpoint: Endpoint | number, overrides: Partial<ServerConfig> = {}): ServerConfig {
  const to: Endpoint = typeof endpoint === "number" ? { kind: "tcp", host: "127.0.0.1", port: endpoint } : endpoint;
  const address = formatEndpoint(to);
  return {
    name: address,
    alias: undefined,
    address,
    endpoint: to,
    partner: undefined,
    weight: 1,
    line: 1,
    ...overrides,
  };
}

export function poolConfig(
  servers: readonly (Endpoint | number | ServerConfig)[],
  overrides: Partial<PoolConfig> = {},
): PoolConfig {
  return {
    name: "pool",
    line: 1,
    listen: { endpoint: { kind: "tcp", host: "127.0.0.1", port: 0 }, mode: undefined, backlog: 512, reusePort: false },
    servers: servers.map((server) =>
      typeof server === "object" && "address" in server ? server : serverConfig(server),
    ),
    placement: { preset: "twemproxy", hash: "fnv1a_64", distribution: "ketama", hashTag: undefined },
    backend: { connections: 1, preconnect: false, keepAlive: false },
    timeouts: { connectMs: 1000, requestMs: 5000, idleMs: Infinity },
    limits: {
      clientConnections: 0,
      serverRequests: 131_072,
      serverBytes: 64 * 1024 * 1024,
      clientBytes: 1024 * 1024,
      valueBytes: 128 * 1024 * 1024,
    },
    failover: { mode: "error", failureLimit: 2, retryMs: 30_000 },
    rejoin: { policy: "fence", fencedKeys: 1_000_000, warmMs: 30_000 },
    gutter: undefined,
    leases: undefined,
    partialGets: true,
    flushAll: false,
    discovery: { answer: undefined, follow: undefined },
    ...overrides,
  };
}

export function proxyConfig(...pools: readonly PoolConfig[]): ProxyConfig {
  return { file: "", pools };
}

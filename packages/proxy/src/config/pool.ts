// From the keys of one pool as read to its configuration: defaults, names, and the rules between two keys.

import { CacheError, DEFAULT_PORT, formatEndpoint } from "@marugoto/core";
import type { ServerEntry } from "./address.ts";
import type { PoolFields } from "./keys.ts";
import { toPlacement } from "./placement.ts";
import type { Reader } from "./reader.ts";
import type {
  DiscoveryConfig,
  FailoverConfig,
  GutterConfig,
  LeaseConfig,
  PlacementConfig,
  PoolConfig,
  RejoinConfig,
  ServerConfig,
  TimeoutConfig,
} from "./types.ts";

/**
 * @param path the pool's name, under which problems are reported
 * @param tellMissing whether a required key that isn't there is a problem worth telling
 * @returns the pool; undefined when something that it can't be without is missing
 */
export function toPool(fields: PoolFields, path: string, reader: Reader, tellMissing = true): PoolConfig | undefined {
  checkRedis(fields, path, reader);
  const placement = placementOf(fields, path, reader);
  const discovery = discoveryOf(fields, path, reader);
  const hasListen = reader.has(`${path}.listen`);
  const hasServers = reader.has(`${path}.servers`) || discovery.follow !== undefined;
  if (tellMissing && !hasListen) reader.fail(path, "has no listen");
  if (tellMissing && !hasServers) reader.fail(path, "has no servers");
  if (fields.listen === undefined || placement === undefined) return undefined;
  const servers = (fields.servers ?? []).map((entry) => toServer(entry, placement, reader));
  checkNames(servers, `${path}.servers`, reader);
  checkPlacement(placement, servers, path, reader);
  const limits = fields.limits;
  const gutter = gutterOf(fields, path, reader);
  return {
    name: path,
    line: reader.lineOf(path),
    listen: {
      endpoint: fields.listen.endpoint,
      mode: fields.listen.mode,
      backlog: fields.backlog ?? 512,
      reusePort: fields.reuseport ?? false,
    },
    servers,
    placement,
    backend: {
      connections: fields.server_connections ?? 1,
      preconnect: fields.preconnect ?? false,
      keepAlive: fields.tcpkeepalive ?? false,
    },
    timeouts: timeoutsOf(fields),
    limits: {
      clientConnections: fields.client_connections ?? 0,
      serverRequests: limits?.server_requests ?? 131_072,
      serverBytes: limits?.server_bytes ?? 64 * 1024 ** 2,
      clientBytes: limits?.client_bytes ?? 1024 ** 2,
      valueBytes: limits?.value_bytes ?? 128 * 1024 ** 2,
    },
    failover: failoverOf(fields, gutter, path, reader),
    rejoin: rejoinOf(fields),
    gutter,
    leases: leasesOf(fields),
    partialGets: fields.partial_gets ?? true,
    flushAll: fields.flush_all ?? false,
    discovery,
  };
}

function checkRedis({ redis }: PoolFields, path: string, reader: Reader): void {
  if (redis === true) reader.fail(`${path}.redis`, "is true; it must be false: this proxy speaks memcached, not redis");
}

// ---- placement ----

/** Keys of the placement map that belong to one preset. */
const keysOfPreset: Readonly<Record<string, readonly string[]>> = {
  phpMemcache: ["hash_strategy", "hash_function"],
  phpMemcached: ["libketama_compatible", "hash", "distribution", "sort_hosts", "prefix_key", "hash_with_prefix_key"],
};

function placementOf(fields: PoolFields, path: string, reader: Reader): PlacementConfig | undefined {
  const given = fields.placement;
  if (given === undefined && reader.has(`${path}.placement`)) return undefined; // Reported already.
  const options = typeof given === "object" ? given : undefined;
  const preset = typeof given === "string" ? given : given === undefined ? "twemproxy" : given.preset;
  if (preset === undefined) {
    if (!reader.has(`${path}.placement.preset`)) reader.fail(`${path}.placement`, "has no preset");
    return undefined;
  }
  const allowed = ["preset", ...(keysOfPreset[preset] ?? [])];
  for (const name of Object.keys(options ?? {})) {
    if (allowed.includes(name)) continue;
    reader.fail(`${path}.placement.${name}`, `does not belong to ${preset}; ${belongs(preset)}`);
  }
  if (preset !== "twemproxy") {
    for (const name of ["hash", "hash_tag", "distribution"] as const) {
      if (fields[name] === undefined) continue;
      reader.fail(`${path}.${name}`, `belongs to placement twemproxy, but placement is ${preset}; ${belongs(preset)}`);
    }
  }
  switch (preset) {
    case "twemproxy":
      return {
        preset,
        hash: fields.hash ?? "fnv1a_64",
        distribution: fields.distribution ?? "ketama",
        hashTag: fields.hash_tag,
      };
    case "phpMemcache":
      return {
        preset,
        hashStrategy: options?.hash_strategy ?? "consistent",
        hashFunction: options?.hash_function ?? "crc32",
      };
    case "phpMemcached":
      return {
        preset,
        libketamaCompatible: options?.libketama_compatible ?? false,
        hash: options?.hash,
        distribution: options?.distribution,
        sortHosts: options?.sort_hosts ?? false,
        prefixKey: options?.prefix_key ?? "",
        hashWithPrefixKey: options?.hash_with_prefix_key ?? false,
      };
    case "rendezvous":
    case "jump":
      return { preset };
  }
}

function belongs(preset: string): string {
  if (preset === "twemproxy") return "its keys are hash, hash_tag and distribution of the pool";
  const keys = keysOfPreset[preset];
  return keys === undefined ? "it has no keys" : `its keys are ${keys.map((key) => `placement.${key}`).join(", ")}`;
}

/** What a preset refuses only when it has all servers before it. */
function checkPlacement(
  placement: PlacementConfig,
  servers: readonly ServerConfig[],
  path: string,
  reader: Reader,
): void {
  if (servers.length === 0) return;
  if (placement.preset === "jump" && servers.some(({ weight }) => weight !== 1)) {
    reader.fail(`${path}.servers`, "have weights; placement jump knows none");
  }
  if (reader.problems.length > 0) return;
  try {
    toPlacement(placement, servers);
  } catch (error) {
    if (!(error instanceof CacheError)) throw error;
    reader.fail(`${path}.servers`, `can't be placed: ${error.message}`);
  }
}

// ---- servers ----

function toServer(entry: ServerEntry, placement: PlacementConfig, reader: Reader): ServerConfig {
  const { endpoint, partner, weight, alias, path } = entry;
  const address = formatEndpoint(endpoint);
  return {
    name: alias ?? (placement.preset === "twemproxy" ? twemproxyName(entry) : address),
    alias,
    address,
    endpoint,
    partner,
    weight,
    line: reader.lineOf(path),
  };
}

/** As nutcracker names a server without a name: no port 11211, and a colon behind a path. */
function twemproxyName({ endpoint }: ServerEntry): string {
  if (endpoint.kind === "unix") return `${endpoint.path}:`;
  return endpoint.port === DEFAULT_PORT ? formatEndpoint(endpoint).replace(/:\d+$/, "") : formatEndpoint(endpoint);
}

/** nutcracker refuses two servers of one name; so do we, under every placement. */
function checkNames(servers: readonly ServerConfig[], path: string, reader: Reader): void {
  const first = new Map<string, ServerConfig>();
  for (const [i, server] of servers.entries()) {
    const same = first.get(server.name);
    if (same === undefined) first.set(server.name, server);
    else {
      reader.fail(
        `${path}[${i}]`,
        `has the name ${server.name}, as the server in line ${same.line}; names must differ, and a share is told by weight`,
      );
    }
  }
}

// ---- the rest ----

function timeoutsOf({ timeout, timeouts }: PoolFields): TimeoutConfig {
  const both = timeout === 0 ? Infinity : timeout;
  return {
    connectMs: timeouts?.connect ?? both ?? 1000,
    requestMs: timeouts?.request ?? both ?? 5000,
    idleMs: timeouts?.idle ?? Infinity,
  };
}

function failoverOf(
  fields: PoolFields,
  gutter: GutterConfig | undefined,
  path: string,
  reader: Reader,
): FailoverConfig {
  if (fields.failover === "gutter" && fields.gutter === undefined && !reader.has(`${path}.gutter`)) {
    reader.fail(`${path}.failover`, "is gutter, but the pool has no gutter");
  }
  if (fields.failover !== undefined && fields.failover !== "gutter" && gutter !== undefined) {
    reader.fail(
      `${path}.failover`,
      `is ${fields.failover}, but the pool has a gutter, which only failover: gutter uses`,
    );
  }
  const fallback = gutter !== undefined ? "gutter" : fields.auto_eject_hosts === true ? "eject" : "error";
  return {
    mode: fields.failover ?? fallback,
    failureLimit: Math.max(fields.server_failure_limit ?? 2, 1),
    retryMs: fields.server_retry_timeout ?? 30_000,
  };
}

function rejoinOf({ rejoin }: PoolFields): RejoinConfig {
  const options = typeof rejoin === "object" ? rejoin : undefined;
  return {
    policy: (typeof rejoin === "string" ? rejoin : rejoin?.policy) ?? "fence",
    fencedKeys: options?.fenced_keys ?? 1_000_000,
    warmMs: options?.warm ?? 30_000,
  };
}

function gutterOf({ gutter }: PoolFields, path: string, reader: Reader): GutterConfig | undefined {
  if (gutter === undefined) return undefined;
  const entries = isList(gutter) ? gutter : gutter.servers;
  const at = isList(gutter) ? `${path}.gutter` : `${path}.gutter.servers`;
  if (entries === undefined) {
    if (!reader.has(at)) reader.fail(`${path}.gutter`, "has no servers");
    return undefined;
  }
  const servers = entries.map((entry) => toServer(entry, { preset: "rendezvous" }, reader));
  checkNames(servers, at, reader);
  const ttlMs = (isList(gutter) ? undefined : gutter.ttl) ?? 300_000;
  return { servers, ttlSec: Math.ceil(ttlMs / 1000) };
}

function isList(value: unknown): value is readonly ServerEntry[] {
  return Array.isArray(value);
}

function leasesOf({ leases }: PoolFields): LeaseConfig | undefined {
  if (leases === undefined || leases === false) return undefined;
  const options = leases === true ? undefined : leases;
  return { waitMs: options?.wait ?? 500, holdMs: options?.hold ?? 2000 };
}

function discoveryOf({ discovery }: PoolFields, path: string, reader: Reader): DiscoveryConfig {
  const { answer = "proxy", dns, srv, port, interval = 5000, timeout = 2000, keep = 60_000 } = discovery ?? {};
  if (dns !== undefined && srv !== undefined) {
    reader.fail(`${path}.discovery.srv`, "stands beside discovery.dns; there must be one of them");
  }
  if (srv !== undefined && port !== undefined) {
    reader.fail(`${path}.discovery.port`, "belongs to discovery.dns; SRV records name their ports");
  }
  const name = dns ?? srv;
  return {
    answer: answer === "off" ? undefined : { nodes: answer },
    follow:
      name === undefined
        ? undefined
        : {
            kind: dns === undefined ? "srv" : "dns",
            name,
            port: dns === undefined ? 0 : (port ?? DEFAULT_PORT),
            intervalMs: interval,
            timeoutMs: timeout,
            keepMs: keep,
          },
  };
}

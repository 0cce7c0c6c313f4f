// What a config file says, after every default is filled in and every value is checked: the only form in which the proxy
// knows its configuration. How it is written is keys.ts; how a file becomes this is load.ts.

import type { Endpoint } from "@marugoto/core";
import type { LibmemcachedDistribution, LibmemcachedHash, TwemproxyHash } from "@marugoto/hashing";

/** A whole file. */
export interface ProxyConfig {
  /** The file it was read from, as given; "" for a text that came from no file. */
  readonly file: string;
  /** At least one, in the order of the file. Names and listeners are different from each other. */
  readonly pools: readonly PoolConfig[];
}

/** One pool: what listens, the servers behind it, and its rules. */
export interface PoolConfig {
  readonly name: string;
  /** Line of its name in the file, from 1. */
  readonly line: number;
  readonly listen: ListenConfig;
  /** At least one, unless `discovery.follow` brings them; in the file's order. Index = the placement's server index. */
  readonly servers: readonly ServerConfig[];
  readonly placement: PlacementConfig;
  readonly backend: BackendConfig;
  readonly timeouts: TimeoutConfig;
  readonly limits: LimitConfig;
  readonly failover: FailoverConfig;
  readonly rejoin: RejoinConfig;
  /** Where keys of a server go that is out of use. Default: none. */
  readonly gutter: GutterConfig | undefined;
  /** Default: none, a miss is a miss for everybody at once. */
  readonly leases: LeaseConfig | undefined;
  /** Whether a get of several keys, some of them on a server that fails, gives the others; else SERVER_ERROR. Default true. */
  readonly partialGets: boolean;
  /** Whether flush_all is passed on to all servers. Default false. */
  readonly flushAll: boolean;
  readonly discovery: DiscoveryConfig;
}

export interface ListenConfig {
  /** Port 0 = any free one. */
  readonly endpoint: Endpoint;
  /** Permission bits of a Unix socket; undefined = what the process's umask leaves. Undefined for TCP. */
  readonly mode: number | undefined;
  /** Connections that may wait to be accepted. Default 512. */
  readonly backlog: number;
  /** SO_REUSEPORT, so that several processes can listen on one port. Default false. */
  readonly reusePort: boolean;
}

export interface ServerConfig {
  /**
   * What the twemproxy, rendezvous and ketama rules hash, and what stats and logs call it. Default: the address; under
   * twemproxy's rules without port 11211, and a Unix socket's path keeps a trailing colon. Different for each server.
   */
  readonly name: string;
  /** The name that the file gives; undefined when it gives none. */
  readonly alias: string | undefined;
  /** `host:port` or `/path` as in the file, without the weight; of a pair, its first member. */
  readonly address: string;
  /** Where it is dialled. */
  readonly endpoint: Endpoint;
  /** The other member of a replicated pair, which is the same slot; undefined for a server that stands alone. */
  readonly partner: Endpoint | undefined;
  /** Whole, at least 1. Default 1. */
  readonly weight: number;
  /** Line in the file, from 1. */
  readonly line: number;
}

/** Which program's rules place keys. Keys are placed as they travel, prefix included. */
export type PlacementConfig =
  | TwemproxyPlacementConfig
  | PhpMemcachePlacementConfig
  | PhpMemcachedPlacementConfig
  | { readonly preset: "rendezvous" }
  | { readonly preset: "jump" };

/** nutcracker's `hash`, `distribution` and `hash_tag`. */
export interface TwemproxyPlacementConfig {
  readonly preset: "twemproxy";
  /** Default "fnv1a_64". */
  readonly hash: TwemproxyHash;
  /** Default "ketama". "random": any server for each request. */
  readonly distribution: "ketama" | "modula" | "random";
  /** Two characters; undefined = the whole key is hashed. */
  readonly hashTag: string | undefined;
}

/** PHP's `memcache.hash_strategy` and `memcache.hash_function`. */
export interface PhpMemcachePlacementConfig {
  readonly preset: "phpMemcache";
  /** Default "consistent". */
  readonly hashStrategy: "consistent" | "standard";
  /** Default "crc32". */
  readonly hashFunction: "crc32" | "fnv";
}

/** Options of PHP's class Memcached. */
export interface PhpMemcachedPlacementConfig {
  readonly preset: "phpMemcached";
  /** Default false. */
  readonly libketamaCompatible: boolean;
  /** Default: what `libketamaCompatible` sets, else "DEFAULT". */
  readonly hash: LibmemcachedHash | undefined;
  /** Default: what `libketamaCompatible` sets, else "MODULA". */
  readonly distribution: LibmemcachedDistribution | undefined;
  /** Default false. */
  readonly sortHosts: boolean;
  /** OPT_PREFIX_KEY of the clients: it stands before the keys that arrive, and is not hashed. Default "". */
  readonly prefixKey: string;
  /** The clients hash it with the key. Default false. */
  readonly hashWithPrefixKey: boolean;
}

/** Connections to the servers. */
export interface BackendConfig {
  /** Per server, at least 1. A key keeps to one of them. Default 1. */
  readonly connections: number;
  /** Whether the listener opens only after every server was dialled once. Default false. */
  readonly preconnect: boolean;
  /** Whether the kernel probes silent connections. Default false. */
  readonly keepAlive: boolean;
}

/** All in ms. `Infinity` = no limit. */
export interface TimeoutConfig {
  /** From dialling a server to its first answer. Default: nutcracker's `timeout`, else 1000. */
  readonly connectMs: number;
  /** From a request's arrival to the server's answer. Default: nutcracker's `timeout`, else 5000. */
  readonly requestMs: number;
  /** A client that is silent for so long is disconnected. Default `Infinity`. */
  readonly idleMs: number;
}

export interface LimitConfig {
  /** Clients at a time. Default 0 = as many as the process may open. */
  readonly clientConnections: number;
  /** Requests that may wait for one server's answers. Default 131072. */
  readonly serverRequests: number;
  /** Bytes that may wait to be sent to one server. Default 64 MiB. */
  readonly serverBytes: number;
  /** Bytes of answers that may wait for one client; beyond, it is not read until it reads. Default 1 MiB. */
  readonly clientBytes: number;
  /** A longer value is refused, from clients and servers alike. Default 128 MiB. */
  readonly valueBytes: number;
}

/** What becomes of the keys of a server that is out of use. */
export interface FailoverConfig {
  /**
   * - "error": `SERVER_ERROR` at once. Default.
   * - "miss": reads miss, writes get `SERVER_ERROR`.
   * - "eject": the others share them, by the placement without that server. Default with `auto_eject_hosts: true`.
   * - "gutter": they go to the gutter servers. Default with `gutter`.
   */
  readonly mode: "error" | "miss" | "eject" | "gutter";
  /** Failures in a row after which a server is out of use. Default 2. */
  readonly failureLimit: number;
  /** Longest time between two probes of a server that is out of use, in ms. Default 30000. */
  readonly retryMs: number;
}

/** What a server must show before it is read again. */
export interface RejoinConfig {
  /**
   * - "fence": nothing older than the last write is read from it. A new process is flushed (once, whoever comes first);
   *   an old one is not read for the keys that were written elsewhere meanwhile. Default.
   * - "flush": it is flushed, new or not.
   * - "trust": it is read at once, as nutcracker does.
   */
  readonly policy: "fence" | "flush" | "trust";
  /** Keys that are remembered per server for "fence". Beyond, all its reads miss until it is flushed. Default 10⁶. */
  readonly fencedKeys: number;
  /**
   * For so long after its return, in ms, a miss is answered from where the key was meanwhile, and stored anew.
   * 0 = never. Default 30000.
   */
  readonly warmMs: number;
}

/** Servers that stand in for those out of use. A key's place among them is by rendezvous. */
export interface GutterConfig {
  /** At least one; `weight` counts. */
  readonly servers: readonly ServerConfig[];
  /** Seconds that a value stays there at most. Default 300. */
  readonly ttlSec: number;
}

/** One client loads a value that is missing, the others wait for it. */
export interface LeaseConfig {
  /** How long the others wait before they miss too, in ms. Default 500. */
  readonly waitMs: number;
  /** How long the one may take before another client is asked, in ms. Default 2000. */
  readonly holdMs: number;
}

export interface DiscoveryConfig {
  /** Answers `config get cluster` and `get AmazonElastiCache:cluster`. */
  readonly answer: AnswerConfig | undefined;
  /** Follows a name that stands for the pool's servers. */
  readonly follow: FollowConfig | undefined;
}

export interface AnswerConfig {
  /**
   * - "proxy": the address at which the client reached this proxy. Default.
   * - "servers": the servers themselves, for clients that place keys on their own.
   */
  readonly nodes: "proxy" | "servers";
}

export interface FollowConfig {
  /** "dns": A and AAAA records, all with `port`. "srv": SRV records, which name the ports. */
  readonly kind: "dns" | "srv";
  readonly name: string;
  /** For "dns". Default 11211; 0 for "srv". */
  readonly port: number;
  /** Between two look-ups, in ms. Default 5000. */
  readonly intervalMs: number;
  /** Longest time of one look-up, in ms; after it the last good answer stays. Default 2000. */
  readonly timeoutMs: number;
  /** How long the slot of a server that is no longer named waits for a successor, in ms. Default 60000. */
  readonly keepMs: number;
}

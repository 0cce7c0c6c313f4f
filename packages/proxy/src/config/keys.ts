// Every key of a pool: what it takes, what holds without it, what it is for. The reader, the messages and the reference in
// docs/proxy.md come from this one table.

import { isScalar, isSeq, type Node } from "yaml";
import { MAX_ITEM_BYTES } from "@marugoto/core";
import type { LibmemcachedDistribution, LibmemcachedHash, TwemproxyHash } from "@marugoto/hashing";
import { listenAddress, servers } from "./address.ts";
import { ours, record, theirs } from "./record.ts";
import { count, duration, either, flag, milliseconds, scalar, size, word } from "./shape.ts";

const isShortForm = (node: Node | undefined) => node === undefined || isScalar(node);

// ---- hashes and distributions; the types make sure that none is missing ----

const twemproxyHashes: Record<TwemproxyHash, 1> = {
  one_at_a_time: 1,
  md5: 1,
  crc16: 1,
  crc32: 1,
  crc32a: 1,
  fnv1_64: 1,
  fnv1a_64: 1,
  fnv1_32: 1,
  fnv1a_32: 1,
  hsieh: 1,
  murmur: 1,
  jenkins: 1,
};

const phpHashes: Record<Exclude<LibmemcachedHash, "HSIEH">, 1> = {
  DEFAULT: 1,
  MD5: 1,
  CRC: 1,
  FNV1_64: 1,
  FNV1A_64: 1,
  FNV1_32: 1,
  FNV1A_32: 1,
  MURMUR: 1,
  JENKINS: 1,
  MURMUR3: 1,
};

const phpDistributions: Record<Exclude<LibmemcachedDistribution, "VIRTUAL_BUCKET">, 1> = {
  MODULA: 1,
  CONSISTENT: 1,
  CONSISTENT_KETAMA: 1,
  CONSISTENT_KETAMA_SPY: 1,
  CONSISTENT_WEIGHTED: 1,
};

const namesOf = <T extends string>(table: Record<T, 1>) => Object.keys(table) as T[];

const hashTag = scalar('exactly two characters, in quotes, as in "{}"', (text) =>
  Buffer.byteLength(text) === 2 ? text : undefined,
);

const dnsName = scalar("a host name", (text) => (/^[\w-]+(\.[\w-]+)*\.?$/.test(text) ? text : undefined));

const prefix = scalar("at most 127 bytes without blanks", (text) =>
  /^\S*$/.test(text) && Buffer.byteLength(text) <= 127 ? text : undefined,
);

// ---- maps of our own ----

const presets = word("twemproxy", "phpMemcache", "phpMemcached", "rendezvous", "jump");

const placement = record({
  preset: ours(presets, "required", "Whose rules place the keys."),
  hash_strategy: ours(word("consistent", "standard"), "consistent", "phpMemcache: php.ini's memcache.hash_strategy."),
  hash_function: ours(word("crc32", "fnv"), "crc32", "phpMemcache: php.ini's memcache.hash_function."),
  libketama_compatible: ours(flag, "false", "phpMemcached: OPT_LIBKETAMA_COMPATIBLE."),
  hash: ours(word(...namesOf(phpHashes)), "DEFAULT, or what libketama_compatible sets", "phpMemcached: OPT_HASH."),
  distribution: ours(
    word(...namesOf(phpDistributions)),
    "MODULA, or what libketama_compatible sets",
    "phpMemcached: OPT_DISTRIBUTION.",
  ),
  sort_hosts: ours(flag, "false", "phpMemcached: OPT_SORT_HOSTS."),
  prefix_key: ours(prefix, "none", "phpMemcached: OPT_PREFIX_KEY of the clients, which PHP sends and does not hash."),
  hash_with_prefix_key: ours(flag, "false", "phpMemcached: OPT_HASH_WITH_PREFIX_KEY: the prefix is hashed too."),
});

const timeouts = record({
  connect: ours(
    duration({ bare: "ms", least: 1, never: true }),
    "timeout, else 1s",
    "From dialling a server until it answers.",
  ),
  request: ours(
    duration({ bare: "ms", least: 1, never: true }),
    "timeout, else 5s",
    "From a request's arrival until its answer; then it alone gets SERVER_ERROR.",
  ),
  idle: ours(
    duration({ bare: "ms", least: 1, never: true }),
    "never",
    "A client that is silent for so long is disconnected.",
  ),
});

const MOST_BYTES = 4 * 1024 ** 3;

const limits = record({
  server_requests: ours(count(1), "131072", "Requests that may wait for one server's answers."),
  server_bytes: ours(size(1024, MOST_BYTES), "64m", "Bytes that may wait to be sent to one server."),
  client_bytes: ours(
    size(1024, MOST_BYTES),
    "1m",
    "Answers that may wait for one client; beyond, nothing more is read from it until it reads.",
  ),
  value_bytes: ours(size(1024, MAX_ITEM_BYTES), "128m", "Longest value, from clients and servers alike."),
});

const rejoinPolicy = word("fence", "flush", "trust");

const rejoin = record({
  policy: ours(
    rejoinPolicy,
    "fence",
    "fence: a returned server shows nothing older than the last write. flush: it is emptied first. trust: it is read at once.",
  ),
  fenced_keys: ours(
    count(1),
    "1000000",
    "Keys written elsewhere that are remembered for each server; beyond, its reads miss until it is emptied.",
  ),
  warm: ours(
    duration({ bare: "ms" }),
    "30s",
    "For so long after a return, a miss is answered from where the key was meanwhile.",
  ),
});

const gutter = record({
  servers: ours(servers, "required", "The servers that stand in."),
  ttl: ours(duration({ bare: "s", least: 1000 }), "5m", "Longest life of a value there."),
});

const leases = record({
  wait: ours(duration({ bare: "ms", least: 1 }), "500ms", "How long other clients wait for the value that one loads."),
  hold: ours(duration({ bare: "ms", least: 1 }), "2s", "After so long without a value, the next client loads it."),
});

const discovery = record({
  answer: ours(
    word("proxy", "servers", "off"),
    "proxy",
    "What `config get cluster` names: this proxy, or the servers behind it.",
  ),
  dns: ours(dnsName, "none", "A name whose A and AAAA records are the servers."),
  srv: ours(dnsName, "none", "A name whose SRV records are the servers."),
  port: ours(count(1, 65_535), "11211", "The servers' port, with dns."),
  interval: ours(duration({ bare: "ms", least: 100 }), "5s", "Between two look-ups."),
  timeout: ours(duration({ bare: "ms", least: 10 }), "2s", "Longest look-up; the last good answer stays."),
  keep: ours(
    duration({ bare: "ms", never: true }),
    "1m",
    "How long the place of a server that is no longer named waits for a new one, before its keys move.",
  ),
});

// ---- a pool ----

/** All keys of a pool, nutcracker's first. */
export const poolKeys = {
  listen: theirs(listenAddress, "required", "Where clients connect."),
  servers: theirs(servers, "required, unless discovery follows a name", "The servers of the pool."),
  hash: theirs(word(...namesOf(twemproxyHashes)), "fnv1a_64", "The hash of a key, by nutcracker's names."),
  hash_tag: theirs(hashTag, "none", "Only what stands between these two characters in a key is hashed."),
  distribution: theirs(word("ketama", "modula", "random"), "ketama", "From hash to server."),
  timeout: theirs(milliseconds, "none", "Sets timeouts.connect and timeouts.request; 0 = never."),
  backlog: theirs(count(), "512", "Connections that may wait to be accepted."),
  preconnect: theirs(flag, "false", "Every server is dialled before the pool listens."),
  tcpkeepalive: theirs(flag, "false", "The kernel probes silent connections to servers."),
  reuseport: theirs(flag, "false", "Several processes may listen on this port."),
  client_connections: theirs(count(), "0", "Clients at a time; 0 = no limit. Enforced."),
  server_connections: theirs(count(1, 1024), "1", "Connections to each server. A key keeps to one of them."),
  auto_eject_hosts: theirs(flag, "false", "true sets failover to eject."),
  server_retry_timeout: theirs(
    milliseconds,
    "30000",
    "Longest time between two probes of a server that is out of use.",
  ),
  server_failure_limit: theirs(count(), "2", "Failures in a row after which a server is out of use."),
  redis: theirs(flag, "false", "Only false: true is refused."),
  redis_auth: theirs(
    scalar("absent", () => undefined as string | undefined),
    "none",
    "Refused, as nutcracker does without redis.",
  ),
  redis_db: theirs(count(), "0", "No effect, as in nutcracker without redis."),

  placement: ours(
    either(presets, placement, isShortForm),
    "twemproxy",
    "Whose rules place the keys. hash, hash_tag and distribution belong to twemproxy.",
  ),
  failover: ours(
    word("error", "miss", "eject", "gutter"),
    "gutter with gutter, eject with auto_eject_hosts, else error",
    "What becomes of the keys of a server that is out of use.",
  ),
  rejoin: ours(either(rejoinPolicy, rejoin, isShortForm), "fence", "How a server comes back into use."),
  gutter: ours(
    either(servers, gutter, (node) => isSeq(node)),
    "none",
    "Servers that stand in for those out of use.",
  ),
  leases: ours(either(flag, leases, isShortForm), "false", "One client loads a missing value, the others wait for it."),
  partial_gets: ours(
    flag,
    "true",
    "Whether a get of several keys gives what it finds when a server fails; false: SERVER_ERROR instead.",
  ),
  flush_all: ours(flag, "false", "Whether flush_all is passed on to every server; else it is refused."),
  discovery: ours(discovery, "answer: proxy", "Auto discovery, for clients and of servers."),
  timeouts: ours(timeouts, "see below", "Longest waits."),
  limits: ours(limits, "see below", "Bounds on what may wait."),
};

export const poolShape = record(poolKeys);

/** What a pool of the file reads as. */
export type PoolFields = NonNullable<ReturnType<typeof poolShape.read>>;

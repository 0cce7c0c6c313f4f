// Placement of PHP's class Memcached (php-memcached 3.2.0 on libmemcached 1.1.4), from PHP's own list of calls or from
// a plain config. What it does when a server fails is the client's affair; an ejected server is an argument here.

import { DEFAULT_PORT, MAX_KEY_BYTES } from "@marugoto/core";
import {
  addHashPoints,
  addMd5Points,
  CONSISTENT_POINTS_PER_SERVER,
  ketamaPointCount,
} from "../distributions/ketama-points.ts";
import { modula } from "../distributions/modula.ts";
import { Ring, RingPoints } from "../distributions/ring.ts";
import { virtualBucket } from "../distributions/virtual-buckets.ts";
import { libmemcachedHash, type LibmemcachedHash } from "../hashes/by-name.ts";
import type { Char, Hash } from "../hashes/hash.ts";
import { BasePlacement, NO_SERVER, type PlacementServer } from "../placement.ts";
import { checkEjected, invalid, serverId } from "./checks.ts";
import {
  runMemcachedSteps,
  type LibmemcachedDistribution,
  type MemcachedState,
  type MemcachedStep,
  type PhpMemcachedServer,
} from "./memcached-steps.ts";

interface Common {
  /** Indexes of servers that are out of the ring (OPT_REMOVE_FAILED_SERVERS); other distributions ignore it. */
  readonly ejected?: readonly number[];
  /** How PHP's machine reads a char; default "signed". */
  readonly char?: Char;
  /** Whether libmemcached was built with HASH_HSIEH; default false, as in Debian. */
  readonly hasHsieh?: boolean;
}

/** PHP's calls, in their order, which matters. */
export interface PhpMemcachedCalls extends Common {
  readonly steps: readonly MemcachedStep[];
  /** The servers that `["addServer"]` and `["addServers"]` without arguments add. */
  readonly servers?: readonly PhpMemcachedServer[];
}

/** The same without an order: all options are set first, then the servers are added one by one. */
export interface PhpMemcachedConfig extends Common {
  readonly servers: readonly PhpMemcachedServer[];
  /** OPT_LIBKETAMA_COMPATIBLE: MD5 and the weighted ring, unless `hash` or `distribution` say otherwise. Default false. */
  readonly libketamaCompatible?: boolean;
  /** OPT_HASH; default "DEFAULT", which is one-at-a-time. */
  readonly hash?: LibmemcachedHash;
  /** OPT_DISTRIBUTION; default "MODULA". */
  readonly distribution?: LibmemcachedDistribution;
  /** The table of setBucket, for distribution "VIRTUAL_BUCKET". */
  readonly buckets?: readonly number[];
  /** OPT_SORT_HOSTS; default false. */
  readonly sortHosts?: boolean;
  /** OPT_PREFIX_KEY, at most 127 bytes; default none. */
  readonly prefixKey?: string;
  /** OPT_HASH_WITH_PREFIX_KEY; default false: the prefix is sent and not hashed. */
  readonly hashWithPrefixKey?: boolean;
  /** OPT_BINARY_PROTOCOL; default false. */
  readonly binaryProtocol?: boolean;
  /** OPT_VERIFY_KEY; default false. */
  readonly verifyKey?: boolean;
  /** OPT_NUMBER_OF_REPLICAS; default 0. */
  readonly numberOfReplicas?: number;
}

export type PhpMemcachedOptions = PhpMemcachedCalls | PhpMemcachedConfig;

export class PhpMemcachedPlacement extends BasePlacement {
  readonly servers: readonly PlacementServer[];
  readonly #options: PhpMemcachedOptions;
  readonly #state: MemcachedState;
  readonly #hash: Hash;
  /** Position in the library's list → server index. */
  readonly #order: Uint32Array;
  readonly #ring: Ring | undefined;
  readonly #buckets: Uint32Array | undefined;
  /** Prefix, then room for the key at hand. */
  readonly #prefixed = new Uint8Array(MAX_KEY_BYTES);
  readonly #prefix: Uint8Array;

  constructor(options: PhpMemcachedOptions) {
    super();
    const steps = "steps" in options ? options.steps : stepsOf(options);
    const state = runMemcachedSteps(steps, options.servers ?? [], options.hasHsieh ?? false);
    const char = options.char ?? "signed";
    if (state.servers.length === 0) throw invalid("phpMemcached needs at least one server");
    this.#options = options;
    this.#state = state;
    this.servers = state.servers.map(({ host, port, weight }) => ({
      id: serverId(host, port),
      name: ringName(host, port, state.distribution),
      weight,
    }));
    this.#hash = libmemcachedHash(state.hash, char);
    this.#order = Uint32Array.from(state.order);
    this.#prefix = Buffer.from(state.prefix, "utf8");
    this.#prefixed.set(this.#prefix);
    if (state.distribution.startsWith("CONSISTENT")) {
      const ejected = checkEjected(options.ejected ?? [], state.servers.length);
      this.#ring = this.#buildRing(ejected, libmemcachedHash(state.ringHash, char));
    } else if (state.distribution === "VIRTUAL_BUCKET" && state.buckets) {
      const beyond = state.buckets.find((server) => server >= state.servers.length);
      if (beyond !== undefined)
        throw invalid(`setBucket names server ${beyond}, but there are ${state.servers.length}`);
      this.#buckets = Uint32Array.from(state.buckets);
    }
  }

  /** As getServerByKey: `NO_SERVER` for a key that is empty, over 250 bytes, or not what OPT_VERIFY_KEY wants. */
  serverIndex(bytes: Uint8Array, start: number, end: number): number {
    if (start >= end || end - start > MAX_KEY_BYTES) return NO_SERVER;
    if (this.#state.verifyKey && !this.#state.binary && !isPrintable(bytes, start, end)) return NO_SERVER;
    return this.#order[this.#position(this.#keyHash(bytes, start, end))]!;
  }

  /** The same pool with these servers out of the ring, and no others. @throws CacheError `invalid_option` for all of them */
  withEjected(ejected: readonly number[]): PhpMemcachedPlacement {
    return new PhpMemcachedPlacement({ ...this.#options, ejected });
  }

  /**
   * Whether set and get of php-memcached 3.2.0 take the key at all, which they check before placing it: 1 to 250
   * bytes; in the text protocol all of 0x21 to 0x7e, so no UTF-8; in the binary protocol anything but a newline.
   */
  acceptsKey(bytes: Uint8Array, start: number, end: number): boolean {
    if (start >= end || end - start > MAX_KEY_BYTES) return false;
    if (!this.#state.binary) return isPrintable(bytes, start, end);
    for (let i = start; i < end; i++) if (bytes[i] === 0x0a) return false;
    return true;
  }

  /**
   * The servers that a set of the key goes to, owner first. Copies are made only in the binary protocol and only by
   * set: on the next OPT_NUMBER_OF_REPLICAS servers of the list (libmemcached 1.1.4, storage.cc:149). A new array.
   */
  copies(bytes: Uint8Array, start: number, end: number): number[] {
    if (this.serverIndex(bytes, start, end) === NO_SERVER) return [];
    const position = this.#position(this.#keyHash(bytes, start, end));
    const count = this.#order.length;
    const replicas = this.#state.binary ? Math.min(this.#state.replicas, count - 1) : 0;
    return Array.from({ length: replicas + 1 }, (_, i) => this.#order[(position + i) % count]!);
  }

  /**
   * Writes the key as it travels: prefix and key, unchanged. It may be longer than a server takes.
   *
   * @param target receives the bytes from offset `at` on; 377 are always enough
   * @returns how many were written; 0 when `acceptsKey` says no
   */
  wireKey(bytes: Uint8Array, start: number, end: number, target: Uint8Array, at = 0): number {
    if (!this.acceptsKey(bytes, start, end)) return 0;
    target.set(this.#prefix, at);
    for (let i = start; i < end; i++) target[at + this.#prefix.length + i - start] = bytes[i]!;
    return this.#prefix.length + end - start;
  }

  protected override settings(): string {
    const { hash, ringHash, distribution, weighted, prefix, hashWithPrefix } = this.#state;
    const parts = [`PHP Memcached, ${distribution}`, hash];
    if (this.#ring && weighted) parts.push("weighted");
    if (this.#ring && !weighted && ringHash !== hash) parts.push(`ring still of ${ringHash}`);
    if (prefix !== "") parts.push(`prefix "${prefix}"${hashWithPrefix ? " hashed" : ""}`);
    return parts.join(", ");
  }

  #keyHash(bytes: Uint8Array, start: number, end: number): number {
    if (this.#order.length === 1) return 0;
    if (!this.#state.hashWithPrefix) return this.#hash(bytes, start, end);
    const at = this.#prefix.length;
    const length = at + end - start;
    // libmemcached's buffer ends here, and so does its hash.
    if (length > MAX_KEY_BYTES) return 0;
    // The key is copied by strncpy: from a zero byte on, only zeros are hashed.
    let text = -1;
    for (let i = start; i < end; i++) {
      if (bytes[i] === 0) text = 0;
      this.#prefixed[at + i - start] = bytes[i]! & text;
    }
    return this.#hash(this.#prefixed, 0, length);
  }

  #position(hash: number): number {
    if (this.#ring) return this.#ring.find(hash);
    if (this.#state.distribution === "VIRTUAL_BUCKET") return virtualBucket(hash, this.#buckets, this.#order.length);
    return modula(hash, this.#order.length);
  }

  #buildRing(ejected: readonly boolean[], hash: Hash): Ring {
    const { weighted } = this.#state;
    const live = Array.from(this.#order.keys()).filter((position) => !ejected[this.#order[position]!]);
    // libmemcached keeps the ring it has then.
    if (live.length === 0) throw invalid("every server is ejected; libmemcached goes on with the ring before that");
    const server = (position: number) => this.servers[this.#order[position]!]!;
    const total = live.reduce((sum, position) => sum + server(position).weight, 0);
    const points = new RingPoints(live.length * 160);
    for (const position of live) {
      const { name, weight } = server(position);
      if (weighted) addMd5Points(points, position, name, ketamaPointCount(weight, total, live.length));
      else addHashPoints(points, position, name, hash, CONSISTENT_POINTS_PER_SERVER);
    }
    return new Ring(points);
  }
}

/** hosts.cc:213-270: libketama leaves out port 11211, Spymemcached begins with a slash and always has the port. */
function ringName(host: string, port: number, distribution: LibmemcachedDistribution): string {
  if (distribution === "CONSISTENT_KETAMA_SPY") return `/${host}:${port}`;
  return port === DEFAULT_PORT ? host : `${host}:${port}`;
}

function isPrintable(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    if (byte <= 0x20 || byte >= 0x7f) return false;
  }
  return true;
}

function stepsOf(config: PhpMemcachedConfig): MemcachedStep[] {
  const steps: MemcachedStep[] = [];
  const set = (name: string, value: string | number | boolean | undefined) => {
    if (value !== undefined) steps.push(["setOption", name, value]);
  };
  if (config.libketamaCompatible) set("OPT_LIBKETAMA_COMPATIBLE", true);
  set("OPT_HASH", config.hash);
  set("OPT_DISTRIBUTION", config.distribution);
  set("OPT_SORT_HOSTS", config.sortHosts);
  set("OPT_BINARY_PROTOCOL", config.binaryProtocol);
  set("OPT_VERIFY_KEY", config.verifyKey);
  set("OPT_PREFIX_KEY", config.prefixKey);
  set("OPT_HASH_WITH_PREFIX_KEY", config.hashWithPrefixKey);
  set("OPT_NUMBER_OF_REPLICAS", config.numberOfReplicas);
  if (config.buckets) steps.push(["setBucket", config.buckets, null, 0]);
  steps.push(["addServer"]);
  return steps;
}

/** @throws CacheError `invalid_option` */
export function phpMemcached(options: PhpMemcachedOptions): PhpMemcachedPlacement {
  return new PhpMemcachedPlacement(options);
}

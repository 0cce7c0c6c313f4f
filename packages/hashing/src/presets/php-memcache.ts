// Placement of PHP's class Memcache (pecl-memcache 8.0, which calls itself 4.0.5.2): key normalisation, both hash
// strategies, and the sequence of servers it turns to when some are down. Who is down is the caller's knowledge.

import { DEFAULT_PORT, MAX_KEY_BYTES } from "@marugoto/core";
import { WeightedSlots } from "../distributions/modula.ts";
import { PECL_BUCKETS, peclBuckets } from "../distributions/pecl-consistent.ts";
import { crc32, fold15 } from "../hashes/crc32.ts";
import { fnvHashes } from "../hashes/fnv.ts";
import type { Char, Hash } from "../hashes/hash.ts";
import { BasePlacement, NO_SERVER, type PlacementServer } from "../placement.ts";
import { checkOneOf, checkWhole, invalid, serverId } from "./checks.ts";

export interface PhpMemcacheServer {
  /** As given to addServer; a Unix socket is `unix:///path`. */
  readonly host: string;
  /** As given to addServer, 0 for a Unix socket. Default 11211; 0 for a Unix socket. */
  readonly port?: number;
  /** At least 1; default 1. */
  readonly weight?: number;
}

/** Named after the php.ini settings `memcache.*`; the defaults are the extension's. */
export interface PhpMemcacheOptions {
  /** In the order of the addServer calls. */
  readonly servers: readonly PhpMemcacheServer[];
  /** `memcache.hash_strategy`; default "consistent" (the 2.2 line: "standard"). */
  readonly hashStrategy?: "consistent" | "standard";
  /** `memcache.hash_function`; default "crc32". */
  readonly hashFunction?: "crc32" | "fnv";
  /** What goes before every key and is hashed with it: prefix_static_key, then the host key. Default none. */
  readonly prefix?: string;
  /** `memcache.allow_failover`; default true. */
  readonly allowFailover?: boolean;
  /** `memcache.max_failover_attempts`, at least 1; default 20. */
  readonly maxFailoverAttempts?: number;
  /** `memcache.redundancy`: how many servers a set goes to, at least 1; default 1. */
  readonly redundancy?: number;
  /**
   * "2.2": with the standard strategy, fail over as releases 2.2.x did: the folds of the hashes of `1KEY`, `2KEY`, …
   * are added up. Read in RELEASE_2_2_6, memcache_standard_hash.c; not measured.
   */
  readonly legacyFailover?: "2.2";
  /** How PHP's machine reads a char; default "signed". Only `fnv` and keys beyond ASCII notice. */
  readonly char?: Char;
}

/** Up to "-4294967295" behind the key. */
const SUFFIX_BYTES = 11;

export class PhpMemcachePlacement extends BasePlacement {
  readonly servers: readonly PlacementServer[];
  readonly allowFailover: boolean;
  readonly maxFailoverAttempts: number;
  readonly redundancy: number;
  readonly #strategy: "consistent" | "standard";
  readonly #function: "crc32" | "fnv";
  readonly #legacy: boolean;
  readonly #hash: Hash;
  /** The normalised prefix, then the key at hand. */
  readonly #wire = new Uint8Array(MAX_KEY_BYTES + SUFFIX_BYTES);
  readonly #prefixBytes: number;
  readonly #slots: WeightedSlots;
  readonly #buckets: Uint32Array | undefined;

  constructor(options: PhpMemcacheOptions) {
    super();
    if (options.servers.length === 0) throw invalid("phpMemcache needs at least one server");
    this.servers = options.servers.map(({ host, port, weight = 1 }) => {
      const hashedPort = port ?? (host.startsWith("unix://") ? 0 : DEFAULT_PORT);
      checkWhole(`port of ${host}`, hashedPort, 0, 65535);
      checkWhole(`weight of ${host}`, weight, 1, 0x7fff_ffff);
      return { id: serverId(host, hashedPort), name: `${host}:${hashedPort}`, weight };
    });
    this.allowFailover = options.allowFailover ?? true;
    this.maxFailoverAttempts = checkWhole("maxFailoverAttempts", options.maxFailoverAttempts ?? 20, 1, 0x7fff_ffff);
    this.redundancy = checkWhole("redundancy", options.redundancy ?? 1, 1, 0x7fff_ffff);
    this.#strategy = checkOneOf("hashStrategy", options.hashStrategy ?? "consistent", ["consistent", "standard"]);
    this.#function = checkOneOf("hashFunction", options.hashFunction ?? "crc32", ["crc32", "fnv"]);
    this.#legacy = options.legacyFailover === "2.2" && this.#strategy === "standard";
    this.#hash = this.#function === "crc32" ? crc32 : fnvHashes(options.char ?? "signed").fnv1a_32;

    const prefix = Buffer.from(options.prefix ?? "", "utf8");
    if (prefix.length > MAX_KEY_BYTES) throw invalid(`prefix is ${prefix.length} bytes, at most ${MAX_KEY_BYTES}`);
    this.#prefixBytes = prefix.length;
    for (let i = 0; i < prefix.length; i++) this.#wire[i] = normalised(prefix[i]!);

    const weights = this.servers.map((server) => server.weight);
    this.#slots = new WeightedSlots(
      weights,
      weights.map((_, server) => server),
    );
    if (this.#strategy === "consistent" && this.servers.length > 1) {
      this.#buckets = peclBuckets(
        this.servers.map((server) => server.name),
        weights,
        this.#hash,
      );
    }
  }

  /** The owner while every server is up. `NO_SERVER` only for the empty key. */
  serverIndex(bytes: Uint8Array, start: number, end: number): number {
    if (start >= end) return NO_SERVER;
    if (this.servers.length === 1) return 0;
    if (this.#prefixBytes === 0 && end - start <= MAX_KEY_BYTES && isNormalised(bytes, start, end)) {
      return this.#owner(this.#hash(bytes, start, end));
    }
    return this.#owner(this.#hash(this.#wire, 0, this.#prepare(bytes, start, end)));
  }

  /**
   * The `attempt`-th server (from 0) that is tried instead of an owner that is down: the owner of `KEY-attempt`. It
   * may be the owner itself, or a server that is down too.
   */
  candidate(bytes: Uint8Array, start: number, end: number, attempt: number): number {
    if (start >= end) return NO_SERVER;
    if (this.servers.length === 1) return 0;
    const length = this.#prepare(bytes, start, end);
    return this.#legacy ? this.#legacyCandidate(length, attempt) : this.#candidate(length, attempt);
  }

  /**
   * The server that a request goes to when some are known to be down (memcache_pool.c:1028): the owner if it is up or
   * failover is off, else the first candidate that is up, else the last candidate, which is down: the request fails.
   *
   * @param isUp asked with a server index
   */
  findServer(bytes: Uint8Array, start: number, end: number, isUp: (server: number) => boolean): number {
    let server = this.serverIndex(bytes, start, end);
    if (server === NO_SERVER || isUp(server) || !this.allowFailover) return server;
    for (let attempt = 0; attempt < this.maxFailoverAttempts; attempt++) {
      server = this.candidate(bytes, start, end, attempt);
      if (isUp(server)) break;
    }
    return server;
  }

  /**
   * The servers that a set, delete or increment goes to, the first being the one that is read (memcache_pool.c:1238):
   * `redundancy` different ones, fewer when the attempts run out or a server is down. A new array.
   *
   * @param isUp asked with a server index; default: all are
   */
  copies(bytes: Uint8Array, start: number, end: number, isUp: (server: number) => boolean = () => true): number[] {
    let server = this.findServer(bytes, start, end, isUp);
    if (server === NO_SERVER) return [];
    const copies = [server];
    const seen = [server];
    let attempt = 0;
    for (let i = 1; i < Math.min(this.redundancy, this.servers.length); i++) {
      do server = this.candidate(bytes, start, end, attempt++);
      while (seen.includes(server) && attempt < this.maxFailoverAttempts);
      seen.push(server);
      if (isUp(server) && !copies.includes(server)) copies.push(server);
    }
    return copies;
  }

  /**
   * Writes the key as it travels and is hashed: prefix and key, cut to 250 bytes (a cut may split a character), every
   * byte up to 0x20 turned into `_` (memcache_pool.c:2050).
   *
   * @param target receives up to 250 bytes from offset `at` on
   * @returns how many were written; 0 for the empty key, which is refused
   */
  wireKey(bytes: Uint8Array, start: number, end: number, target: Uint8Array, at = 0): number {
    if (start >= end) return 0;
    const length = this.#prepare(bytes, start, end);
    for (let i = 0; i < length; i++) target[at + i] = this.#wire[i]!;
    return length;
  }

  protected override settings(): string {
    const prefix = this.#prefixBytes === 0 ? "" : `, prefix of ${this.#prefixBytes} bytes`;
    return `PHP Memcache, ${this.#strategy}, ${this.#function}${prefix}`;
  }

  #owner(hash: number): number {
    if (this.#buckets) return this.#buckets[hash & (PECL_BUCKETS - 1)]!;
    return this.#slots.find(standardFold(hash));
  }

  #candidate(length: number, attempt: number): number {
    return this.#owner(this.#hash(this.#wire, 0, writeSuffix(this.#wire, length, attempt)));
  }

  #legacyCandidate(length: number, attempt: number): number {
    let sum = standardFold(this.#hash(this.#wire, 0, length));
    for (let i = 1; i <= attempt + 1; i++) {
      const text = Buffer.concat([Buffer.from(String(i)), this.#wire.subarray(0, length)]);
      sum = (sum + standardFold(this.#hash(text, 0, text.length))) | 0;
    }
    return this.#slots.find(sum);
  }

  /** Puts the normalised key behind the prefix in `#wire`; returns where it ends. */
  #prepare(bytes: Uint8Array, start: number, end: number): number {
    const from = this.#prefixBytes;
    const length = Math.min(from + end - start, MAX_KEY_BYTES);
    for (let i = from; i < length; i++) this.#wire[i] = normalised(bytes[start + i - from]!);
    return length;
  }
}

/** Bits 16 to 30; hash 0 would always take bucket 0, so it becomes 1 (memcache_standard_hash.c:66). */
function standardFold(hash: number): number {
  const fold = fold15(hash);
  return fold === 0 ? 1 : fold;
}

function normalised(byte: number): number {
  return byte <= 0x20 ? 0x5f : byte;
}

function isNormalised(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i]! <= 0x20) return false;
  return true;
}

/** Writes `-attempt` at `at`; returns where it ends. */
function writeSuffix(target: Uint8Array, at: number, attempt: number): number {
  target[at] = 0x2d;
  let end = at + 2;
  for (let rest = attempt; rest >= 10; rest = Math.floor(rest / 10)) end++;
  let rest = attempt;
  for (let i = end - 1; i > at; i--) {
    target[i] = 0x30 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
  return end;
}

/** @throws CacheError `invalid_option` */
export function phpMemcache(options: PhpMemcacheOptions): PhpMemcachePlacement {
  return new PhpMemcachePlacement(options);
}

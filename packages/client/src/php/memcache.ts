// PHP's class Memcache for Node: its placement, failover and values, its method names and defaults, promises in place of
// waiting. As there, a call never throws because a server is down: reads give undefined, writes false.

import { CacheError, MAX_KEY_BYTES } from "@marugoto/core";
import { phpMemcache, type PhpMemcachePlacement } from "@marugoto/hashing";
import type { PoolClock, PoolServer } from "../failover/failover.ts";
import { PeclMemcachePolicy, type PeclMemcacheOptions } from "../failover/pecl-memcache.ts";
import type { ClientOptions } from "../client-options.ts";
import { Client } from "../client.ts";
import type { KeyRules } from "../operation/keys.ts";
import type { ManyValues } from "../operation/many.ts";
import { phpExpiration, type Ttl } from "../operation/ttl.ts";
import type { PoolOptions, ServerOptions } from "../pool/options.ts";
import { Pool } from "../pool/pool.ts";
import { phpMemcacheValues, type PhpMemcacheValues } from "../values/php-memcache.ts";

/** php.ini's `memcache.*` settings and what belongs to Node. */
export interface MemcacheOptions
  extends
    Omit<PeclMemcacheOptions, "onFailure" | "retryIntervalSec">,
    Pick<PoolOptions, "protocol" | "socket" | "authentication" | "limits"> {
  /** Default `phpMemcacheValues()`. */
  readonly values?: PhpMemcacheValues;
  /** Default: the system's. */
  readonly clock?: PoolClock;
}

/** The named arguments of PHP's `addServer`. */
export interface MemcacheServerOptions {
  /** Buckets of this server; from 1, default 1. */
  readonly weight?: number;
  /** Seconds until it counts as failed. The smallest of all servers counts for all, as in PHP. Default 1. */
  readonly timeout?: number;
  /** Seconds until a failed server is tried again; -1 = never. Default 15. */
  readonly retryInterval?: number;
  /** False: failed from the start. Default true. */
  readonly status?: boolean;
  /** Called each time the server is marked as failed. */
  readonly failureCallback?: (host: string, port: number, error: CacheError) => void;
}

/** A pool as PHP's `Memcache` sees it. */
export class Memcache {
  readonly client: Client;
  readonly #pool: Pool;
  readonly #values: PhpMemcacheValues;
  #timeoutSec = Infinity;
  readonly #callbacks = new Map<string, NonNullable<MemcacheServerOptions["failureCallback"]>>();

  constructor(options: MemcacheOptions = {}) {
    const { values = phpMemcacheValues(), clock = { nowMs: Date.now }, prefix = "", ...rest } = options;
    // The prefix goes before the key here, so that what is hashed is what travels.
    const policy = new PeclMemcachePolicy(
      { ...rest, onFailure: (server, error) => this.#failed(server, error) },
      clock,
    );
    this.#pool = new Pool({ ...rest, servers: [], protocol: options.protocol ?? "classic" }, policy);
    this.#values = values;
    const normaliser = phpMemcache({ servers: [{ host: "unused" }] });
    const keys: KeyRules = {
      policy: "reject",
      prefix: normalisedPrefix(normaliser, prefix),
      hashPrefix: true,
      normalise: (key, start, end, target) => Math.min(normaliser.wireKey(key, start, end, target), MAX_KEY_BYTES),
    };
    const clientOptions: ClientOptions = { servers: [], values, onFailure: "throw" };
    this.client = new Client(clientOptions, this.#pool, keys);
  }

  // ---- members ----

  /** @param host a host name, an address, or `unix:///path` with port 0 */
  addServer(host: string, port = 11211, options: MemcacheServerOptions = {}): void {
    const { weight = 1, timeout = 1, retryInterval = 15, failureCallback, status } = options;
    const server: ServerOptions = {
      ...addressOf(host, port),
      weight,
      retryIntervalSec: retryInterval,
      ...(status === undefined ? {} : { status }),
    };
    if (!(timeout > 0)) throw new CacheError("invalid_option", `timeout is ${timeout} s, must be above 0`);
    this.#pool.addServer(server);
    if (failureCallback) this.#callbacks.set(server.name!, failureCallback);
    this.#timeoutSec = Math.min(this.#timeoutSec, timeout);
    this.#pool.setTimeouts(this.#timeoutSec * 1000, this.#timeoutSec * 1000);
  }

  /** @param servers each as the arguments of `addServer` */
  addServers(servers: readonly (readonly [host: string, port?: number, options?: MemcacheServerOptions])[]): void {
    for (const server of servers) this.addServer(...server);
  }

  /** Takes a server out; what it was asked already is still answered. PHP cannot do that. */
  removeServer(host: string, port = 11211): boolean {
    return this.#pool.removeServer(addressOf(host, port).name);
  }

  /** Where a request for the key would go now: `host:port`; undefined: nowhere. */
  findServer(key: string): string | undefined {
    return this.client.serverOf(key)?.name;
  }

  // ---- commands ----

  /** One value, or those of several keys that were found. */
  get<T = unknown>(key: string): Promise<T | undefined>;
  get<T = unknown>(keys: readonly string[]): Promise<ManyValues<string, T>>;
  get<T>(key: string | readonly string[]): Promise<T | undefined | ManyValues<string, T>> {
    if (typeof key !== "string") return this.client.getMany<T>(key, { onFailure: "miss" });
    return this.client.get<T>(key).catch(asMiss);
  }

  /** @param flag MEMCACHE_COMPRESSED (2), and bits 16 to 31 of your own */
  set(key: string, value: unknown, flag = 0, expire: Ttl = 0): Promise<boolean> {
    return this.#store("set", key, value, flag, expire);
  }

  add(key: string, value: unknown, flag = 0, expire: Ttl = 0): Promise<boolean> {
    return this.#store("add", key, value, flag, expire);
  }

  replace(key: string, value: unknown, flag = 0, expire: Ttl = 0): Promise<boolean> {
    return this.#store("replace", key, value, flag, expire);
  }

  delete(key: string): Promise<boolean> {
    return this.client.delete(key).catch(asFalse);
  }

  increment(key: string, by: number | bigint = 1): Promise<bigint | false> {
    return this.client.incr(key, by).then((value) => value ?? false, asFalse);
  }

  decrement(key: string, by: number | bigint = 1): Promise<bigint | false> {
    return this.client.decr(key, by).then((value) => value ?? false, asFalse);
  }

  flush(): Promise<boolean> {
    return this.client.flush().then(() => true, asFalse);
  }

  /** Of each server that answers, by `host:port`. */
  getExtendedStats(section?: string): Promise<ManyValues<string, Record<string, string>>> {
    return this.client.stats(section, { onFailure: "miss" });
  }

  /** Of each server that answers, by `host:port`. */
  getVersion(): Promise<ManyValues<string, string>> {
    return this.client.version({ onFailure: "miss" });
  }

  /** Waits for open calls, then closes the connections. */
  async close(): Promise<void> {
    await this.client.close();
  }

  destroy(): void {
    this.client.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #store(command: "set" | "add" | "replace", key: string, value: unknown, flag: number, ttl: Ttl): Promise<boolean> {
    const values = flag === 0 ? this.#values : withFlag(this.#values, flag);
    return this.client[command](key, value, { ttl: phpExpiration(ttl), values }).catch(asFalse);
  }

  #failed(server: PoolServer, error: CacheError): void {
    const { host, port } = hostAndPort(server.name);
    this.#callbacks.get(server.name)?.(host, port, error);
  }
}

/** As it travels before every key. */
function normalisedPrefix(normaliser: PhpMemcachePlacement, prefix: string): Buffer {
  if (prefix === "") return Buffer.alloc(0);
  const bytes = Buffer.from(prefix, "utf8");
  const target = Buffer.alloc(MAX_KEY_BYTES);
  return target.subarray(0, normaliser.wireKey(bytes, 0, bytes.length, target));
}

function withFlag(values: PhpMemcacheValues, flag: number): PhpMemcacheValues {
  return { encode: (value) => values.encode(value, flag), decode: (flags, bytes) => values.decode(flags, bytes) };
}

/** Addresses and names as pecl-memcache writes them. */
function addressOf(host: string, port: number): { address: string; name: string } {
  if (host.startsWith("unix://")) return { address: host, name: host };
  const isBareV6 = host.includes(":") && !host.startsWith("[");
  return { address: isBareV6 ? `[${host}]:${port}` : `${host}:${port}`, name: `${host}:${port}` };
}

function hostAndPort(name: string): { host: string; port: number } {
  if (name.startsWith("unix://")) return { host: name, port: 0 };
  const at = name.lastIndexOf(":");
  return { host: name.slice(0, at), port: Number(name.slice(at + 1)) };
}

/** What is the server's or the network's fault is no value; what is the program's stays an error. */
function asMiss(error: unknown): undefined {
  if (!(error instanceof CacheError) || error.code === "invalid_option") throw error;
  return undefined;
}

function asFalse(error: unknown): false {
  asMiss(error);
  return false;
}

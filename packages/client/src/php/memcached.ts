// PHP's class Memcached for Node: its placement, failover and values, its method names and result codes, promises in
// place of waiting. As there, a call never throws because a server is down: reads give undefined, writes false, and
// `getResultCode()` says why the call that ended last ended so.

import { CacheError } from "@marugoto/core";
import type { PoolClock } from "../failover/failover.ts";
import { LibmemcachedPolicy, type LibmemcachedOptions } from "../failover/libmemcached.ts";
import type { ClientOptions } from "../client-options.ts";
import { Client } from "../client.ts";
import type { KeyRules } from "../operation/keys.ts";
import { ManyValues } from "../operation/many.ts";
import type { StoreResult, WithCas } from "../operation/results.ts";
import { phpExpiration, type Ttl } from "../operation/ttl.ts";
import type { PoolOptions } from "../pool/options.ts";
import { Pool } from "../pool/pool.ts";
import type { ValueCodec } from "../values/codec.ts";
import { phpMemcachedValues } from "../values/php-memcached.ts";
import { ResultCode, resultMessage, toResultCode } from "./result-codes.ts";

/** Options by the names of PHP's `OPT_*`, and what belongs to Node. */
export interface MemcachedOptions
  extends LibmemcachedOptions, Pick<PoolOptions, "protocol" | "socket" | "authentication" | "limits"> {
  /** OPT_PREFIX_KEY: goes before every key. Default none. */
  readonly prefixKey?: string;
  /** OPT_HASH_WITH_PREFIX_KEY; default false. */
  readonly hashWithPrefixKey?: boolean;
  /** OPT_POLL_TIMEOUT, in ms: how long an answer may take. Default 5000. */
  readonly pollTimeoutMs?: number;
  /** OPT_CONNECT_TIMEOUT, in ms. Default 1000. */
  readonly connectTimeoutMs?: number;
  /** Default `phpMemcachedValues()`. */
  readonly values?: ValueCodec;
  /** Default: the system's. */
  readonly clock?: PoolClock;
}

const casCodes: Record<StoreResult, ResultCode> = {
  stored: ResultCode.SUCCESS,
  exists: ResultCode.DATA_EXISTS,
  not_stored: ResultCode.NOTSTORED,
  not_found: ResultCode.NOTFOUND,
};

/** A pool as PHP's `Memcached` sees it. */
export class Memcached {
  readonly client: Client;
  readonly #pool: Pool;
  readonly #policy: LibmemcachedPolicy;
  #code: ResultCode = ResultCode.SUCCESS;
  #lastError: CacheError | undefined;

  constructor(options: MemcachedOptions = {}) {
    const { prefixKey = "", hashWithPrefixKey = false, values = phpMemcachedValues(), clock, ...rest } = options;
    const policy = (this.#policy = new LibmemcachedPolicy(rest, clock ?? { nowMs: Date.now }));
    const timeouts = { requestMs: options.pollTimeoutMs ?? 5000, connectMs: options.connectTimeoutMs ?? 1000 };
    this.#pool = new Pool({ ...rest, servers: [], timeouts, protocol: options.protocol ?? "classic" }, policy);
    if (!/^[\x21-\x7e]*$/.test(prefixKey) || prefixKey.length > 127) {
      throw new CacheError("invalid_option", "prefixKey must be at most 127 characters of printable ASCII");
    }
    const prefix = Buffer.from(prefixKey, "latin1");
    const keys: KeyRules = { policy: "reject", prefix, hashPrefix: hashWithPrefixKey };
    const clientOptions: ClientOptions = { servers: [], values, onFailure: "throw" };
    this.client = new Client(clientOptions, this.#pool, keys);
  }

  /** Of the call that ended last. */
  getResultCode(): ResultCode {
    return this.#code;
  }

  getResultMessage(): string {
    return resultMessage(this.#code);
  }

  /** What PHP does not tell: the error behind the result code, with its own cause. */
  get lastError(): CacheError | undefined {
    return this.#lastError;
  }

  // ---- members ----

  /** @param host a host name, an address, or the path of a Unix socket with port 0 */
  addServer(host: string, port = 11211, weight = 0): void {
    this.addServers([[host, port, weight]]);
  }

  addServers(servers: readonly (readonly [host: string, port?: number, weight?: number])[]): void {
    this.#pool.addServers(
      servers.map(([host, port = 11211, weight = 0]) => ({ ...addressOf(host, port), weight: weight || 1 })),
    );
  }

  /** Takes a server out; what it was asked already is still answered. PHP cannot do that. */
  removeServer(host: string, port = 11211): boolean {
    return this.#pool.removeServer(addressOf(host, port).name);
  }

  resetServerList(): void {
    this.#pool.setServers([]);
  }

  getServerList(): { host: string; port: number; weight: number }[] {
    return this.#pool.servers.map(({ endpoint, weight }) =>
      endpoint.kind === "unix" ? { host: endpoint.path, port: 0, weight } : { ...endpoint, weight },
    );
  }

  /** The server that a server key belongs to by what is known now. */
  getServerByKey(serverKey: string): { host: string; port: number; weight: number } | undefined {
    return this.getServerList()[this.#pool.servers.indexOf(this.client.serverOf(serverKey, serverKey)!)];
  }

  // ---- commands ----

  get<T = unknown>(key: string): Promise<T | undefined> {
    return this.#read(key, null, () => this.client.get<T>(key));
  }

  getByKey<T = unknown>(serverKey: string, key: string): Promise<T | undefined> {
    return this.#read(key, serverKey, () => this.client.get<T>(key, { serverKey }));
  }

  /** GET_EXTENDED: the value with its cas. */
  gets<T = unknown>(key: string): Promise<WithCas<T> | undefined> {
    return this.#read(key, null, () => this.client.gets<T>(key));
  }

  /**
   * What was found. Servers that are down are left out and the code is SUCCESS, as in PHP; it is NOTFOUND when nothing
   * was found, and the error's when nobody could be asked, or a server that was asked gave no answer and nothing was
   * found elsewhere. For both PHP returns false.
   */
  getMulti<T = unknown>(keys: readonly string[], serverKey?: string): Promise<ManyValues<string, T>> {
    const route = serverKey === undefined ? {} : { serverKey };
    const asked = keys.filter(isKey);
    return this.client.getMany<T>(asked, { ...route, onFailure: "miss" }).then((found) => {
      const unanswered = found.size > 0 ? undefined : found.errors.find(({ error }) => this.#isUnanswered(error));
      const { error } = unanswered ?? found.errors.at(-1) ?? {};
      const isRefused = found.errors.length === asked.length || unanswered !== undefined;
      if (error && isRefused) this.#end(toResultCode(error), error);
      else this.#end(found.size === 0 ? ResultCode.NOTFOUND : ResultCode.SUCCESS, error);
      return found;
    });
  }

  set(key: string, value: unknown, expiration: Ttl = 0): Promise<boolean> {
    return this.#write(
      key,
      () => this.client.set(key, value, { ttl: phpExpiration(expiration) }),
      ResultCode.NOTSTORED,
    );
  }

  setByKey(serverKey: string, key: string, value: unknown, expiration: Ttl = 0): Promise<boolean> {
    return this.#write(
      key,
      () => this.client.set(key, value, { ttl: phpExpiration(expiration), serverKey }),
      ResultCode.NOTSTORED,
      serverKey,
    );
  }

  /** @returns true when every one was stored */
  async setMulti(entries: Iterable<readonly [string, unknown]>, expiration: Ttl = 0): Promise<boolean> {
    const { errors } = await this.client.setMany(entries, { ttl: phpExpiration(expiration), onFailure: "miss" });
    const error = errors.at(-1)?.error;
    this.#end(error ? toResultCode(error) : ResultCode.SUCCESS, error);
    return errors.length === 0;
  }

  add(key: string, value: unknown, expiration: Ttl = 0): Promise<boolean> {
    return this.#write(
      key,
      () => this.client.add(key, value, { ttl: phpExpiration(expiration) }),
      ResultCode.NOTSTORED,
    );
  }

  replace(key: string, value: unknown, expiration: Ttl = 0): Promise<boolean> {
    return this.#write(
      key,
      () => this.client.replace(key, value, { ttl: phpExpiration(expiration) }),
      ResultCode.NOTSTORED,
    );
  }

  append(key: string, value: string): Promise<boolean> {
    return this.#write(key, () => this.client.append(key, value), ResultCode.NOTSTORED);
  }

  prepend(key: string, value: string): Promise<boolean> {
    return this.#write(key, () => this.client.prepend(key, value), ResultCode.NOTSTORED);
  }

  async cas(token: bigint, key: string, value: unknown, expiration: Ttl = 0): Promise<boolean> {
    if (!this.#accepts(key, null)) return false;
    try {
      const end = await this.client.cas(key, value, token, { ttl: phpExpiration(expiration) });
      this.#end(casCodes[end]);
      return end === "stored";
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  delete(key: string): Promise<boolean> {
    return this.#write(key, () => this.client.delete(key), ResultCode.NOTFOUND);
  }

  deleteByKey(serverKey: string, key: string): Promise<boolean> {
    return this.#write(key, () => this.client.delete(key, { serverKey }), ResultCode.NOTFOUND, serverKey);
  }

  /** @returns for each key whether it was deleted */
  async deleteMulti(keys: readonly string[]): Promise<Map<string, boolean>> {
    const results = new Map<string, boolean>();
    for (const [index, done] of (await Promise.all(keys.map((key) => this.delete(key)))).entries()) {
      results.set(keys[index]!, done);
    }
    return results;
  }

  /** As in PHP the code is WRITE_FAILURE, and not what a get would give, when the server is not asked. */
  async touch(key: string, expiration: Ttl = 0): Promise<boolean> {
    const done = await this.#write(key, () => this.client.touch(key, phpExpiration(expiration)), ResultCode.NOTFOUND);
    const error = this.#lastError;
    if (error && this.#policy.wasNotSent(error)) this.#end(ResultCode.WRITE_FAILURE, error);
    return done;
  }

  increment(key: string, by: number | bigint = 1): Promise<bigint | false> {
    return this.#count(key, () => this.client.incr(key, by));
  }

  decrement(key: string, by: number | bigint = 1): Promise<bigint | false> {
    return this.#count(key, () => this.client.decr(key, by));
  }

  flush(delaySec = 0): Promise<boolean> {
    return this.#write("flush", () => this.client.flush(delaySec).then(() => true), ResultCode.FAILURE);
  }

  getStats(section?: string): Promise<ManyValues<string, Record<string, string>>> {
    return this.client.stats(section, { onFailure: "miss" });
  }

  getVersion(): Promise<ManyValues<string, string>> {
    return this.client.version({ onFailure: "miss" });
  }

  /** Waits for open calls, then closes the connections. */
  async quit(): Promise<void> {
    await this.client.close();
  }

  async close(): Promise<void> {
    await this.client.close();
  }

  destroy(): void {
    this.client.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // ---- results ----

  /** It was sent and brought no answer. */
  #isUnanswered(error: CacheError): boolean {
    return (error.code === "connection_lost" || error.code === "timeout") && !this.#policy.wasNotSent(error);
  }

  #end(code: ResultCode, error?: CacheError): void {
    this.#code = code;
    this.#lastError = error;
  }

  /** What is the server's or the network's fault becomes a code; what is the program's stays an error. */
  #fail(error: unknown): void {
    if (!(error instanceof CacheError)) throw error;
    this.#end(toResultCode(error), error);
  }

  async #read<T>(key: string, serverKey: string | null, call: () => Promise<T | undefined>): Promise<T | undefined> {
    if (!this.#accepts(key, serverKey)) return undefined;
    try {
      const value = await call();
      this.#end(value === undefined ? ResultCode.NOTFOUND : ResultCode.SUCCESS);
      return value;
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  async #write(
    key: string,
    call: () => Promise<boolean>,
    otherwise: ResultCode,
    serverKey: string | null = null,
  ): Promise<boolean> {
    if (!this.#accepts(key, serverKey)) return false;
    try {
      const done = await call();
      this.#end(done ? ResultCode.SUCCESS : otherwise);
      return done;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  async #count(key: string, call: () => Promise<bigint | undefined>): Promise<bigint | false> {
    return (await this.#read(key, null, call)) ?? false;
  }

  /** 3.2.0 refuses every key that isn't printable ASCII, as libmemcached's text protocol does. */
  #accepts(key: string, serverKey: string | null): boolean {
    if (isKey(key) && (serverKey === null || serverKey.length > 0)) return true;
    this.#end(ResultCode.BAD_KEY_PROVIDED);
    return false;
  }
}

function isKey(key: string): boolean {
  return /^[\x21-\x7e]+$/.test(key);
}

/** Addresses and names as php-memcached writes them. */
function addressOf(host: string, port: number): { address: string; name: string } {
  if (host.startsWith("/")) return { address: host, name: host };
  const isBareV6 = host.includes(":") && !host.startsWith("[");
  return {
    address: isBareV6 ? `[${host}]:${port || 11211}` : `${host}:${port || 11211}`,
    name: `${host}:${port || 11211}`,
  };
}

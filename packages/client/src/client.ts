// The plain client: commands as methods, a promise each, over one pool. Placement, failover, values and keys are options;
// what a command means is memcached's business, and this file adds nothing to it.

import { CacheError, type TypedEvents } from "@marugoto/core";
import { Command } from "@marugoto/protocol";
import type { PoolServer } from "./failover/failover.ts";
import type { CallOptions, ClientOptions, CounterOptions, WriteOptions } from "./client-options.ts";
import { CircuitPolicy } from "./failover/circuit.ts";
import { checkSeconds, checkUint64, toUint64 } from "./operation/arguments.ts";
import { isAsciiText } from "./operation/ascii.ts";
import { control, type ControlAnswer } from "./operation/control.ts";
import { ownKey, toPrefix, type Key, type KeyRules } from "./operation/keys.ts";
import { Gathering, isAborted, manyError, ManyValues, type KeyFailure, type ManyWrites } from "./operation/many.ts";
import { OpCode } from "./operation/op-code.ts";
import type { Op } from "./operation/op.ts";
import type { LeaseResult, OnFailure, StoreResult, WithCas } from "./operation/results.ts";
import { toExptime, type Ttl } from "./operation/ttl.ts";
import type { PoolEvents } from "./pool/events.ts";
import type { ServerSpec } from "./pool/options.ts";
import { Pool } from "./pool/pool.ts";
import { SingleFlight, type GetOrSetOptions, type Loader } from "./get-or-set.ts";
import { Namespace, type NamespaceOptions } from "./namespace.ts";
import { isTraced, trace } from "./tracing.ts";
import { nodeValues } from "./values/node.ts";
import type { ValueCodec } from "./values/codec.ts";

/** A memcached client. Make one with `createClient`. */
export class Client<V = unknown> {
  /** The lower door, and the members. */
  readonly pool: Pool;
  readonly #keys: KeyRules;
  readonly #values: ValueCodec;
  readonly #onFailure: OnFailure;
  readonly #ttl: Ttl | undefined;
  readonly #traceKeys: boolean;
  readonly #options: ClientOptions;
  #flights: SingleFlight | undefined;

  /**
   * @param shared the pool to stand on, in place of one of its own
   * @param keys how keys are written, in place of what the options say
   */
  constructor(options: ClientOptions, shared?: Pool, keys?: KeyRules) {
    const prefix = toPrefix(options.prefix ?? "");
    this.#options = options;
    this.#keys = keys ?? { policy: options.keys ?? "reject", prefix, hashPrefix: options.hashPrefix ?? true };
    this.#values = options.values ?? nodeValues();
    this.#onFailure = options.onFailure ?? "throw";
    this.#ttl = options.ttl;
    this.#traceKeys = options.traceKeys ?? false;
    this.pool = shared ?? new Pool(options, options.failover ?? new CircuitPolicy(options));
    if (shared === undefined && options.gutter) {
      const { servers, ttlSec = 10 } = options.gutter;
      this.pool.gutter = { pool: new Pool({ ...options, servers }, new CircuitPolicy()), ttlSec };
    }
  }

  /** The same connections with other settings for keys, values, ttl and failures. */
  with(
    options: Pick<ClientOptions, "values" | "keys" | "prefix" | "hashPrefix" | "ttl" | "onFailure" | "traceKeys">,
  ): Client<V> {
    const { keys, prefix, hashPrefix } = options;
    const rules: KeyRules = {
      ...this.#keys,
      ...(keys === undefined ? {} : { policy: keys }),
      ...(prefix === undefined ? {} : { prefix: toPrefix(prefix) }),
      ...(hashPrefix === undefined ? {} : { hashPrefix }),
    };
    return new Client<V>({ ...this.#options, ...options }, this.pool, rules);
  }

  get events(): TypedEvents<PoolEvents> {
    return this.pool.events;
  }

  // ---- reading ----

  /** @returns undefined when there is no such item */
  get<T = V>(key: Key, options?: CallOptions): Promise<T | undefined> {
    return this.#run("get", this.#op(OpCode.get, key, options)) as Promise<T | undefined>;
  }

  /** The value with its cas. */
  gets<T = V>(key: Key, options?: CallOptions): Promise<WithCas<T> | undefined> {
    return this.#run("gets", this.#op(OpCode.gets, key, options)) as Promise<WithCas<T> | undefined>;
  }

  /** Reads an item and gives it a new ttl. */
  gat<T = V>(key: Key, ttl: Ttl, options?: CallOptions): Promise<T | undefined> {
    return this.#withTtl("gat", OpCode.gat, key, ttl, options) as Promise<T | undefined>;
  }

  /** As `gat`, with the cas. */
  gats<T = V>(key: Key, ttl: Ttl, options?: CallOptions): Promise<WithCas<T> | undefined> {
    return this.#withTtl("gats", OpCode.gats, key, ttl, options) as Promise<WithCas<T> | undefined>;
  }

  /** Many values at once, from all servers they lie on. Keys that are not there are absent. */
  getMany<T = V, K extends Key = string>(keys: readonly K[], options?: CallOptions): Promise<ManyValues<K, T>> {
    return this.#readMany<K, T>("getMany", OpCode.get, keys, options);
  }

  /** As `getMany`, with the cas of each. */
  getsMany<T = V, K extends Key = string>(
    keys: readonly K[],
    options?: CallOptions,
  ): Promise<ManyValues<K, WithCas<T>>> {
    return this.#readMany<K, WithCas<T>>("getsMany", OpCode.gets, keys, options);
  }

  // ---- writing ----

  /**
   * @param value bytes are not copied: they must stay as they are until the call has ended
   * @returns true; false only with `onFailure: "miss"`
   */
  set(key: Key, value: unknown, options?: WriteOptions): Promise<boolean> {
    return this.#store("set", OpCode.set, key, value, options) as Promise<boolean>;
  }

  /** Stores only what is not there yet. */
  add(key: Key, value: unknown, options?: WriteOptions): Promise<boolean> {
    return this.#store("add", OpCode.add, key, value, options) as Promise<boolean>;
  }

  /** Stores only over what is there. */
  replace(key: Key, value: unknown, options?: WriteOptions): Promise<boolean> {
    return this.#store("replace", OpCode.replace, key, value, options) as Promise<boolean>;
  }

  /** Adds bytes (text as UTF-8) behind an item, as they are. */
  append(key: Key, value: string | Uint8Array, options?: CallOptions): Promise<boolean> {
    return this.#extend("append", OpCode.append, key, value, options);
  }

  /** Adds bytes (text as UTF-8) before an item, as they are. */
  prepend(key: Key, value: string | Uint8Array, options?: CallOptions): Promise<boolean> {
    return this.#extend("prepend", OpCode.prepend, key, value, options);
  }

  /**
   * Stores only while the item is the one that `cas` was read with.
   *
   * @returns `exists`: it has changed; `not_found`: it is gone
   */
  cas(key: Key, value: unknown, cas: bigint, options?: WriteOptions): Promise<StoreResult> {
    return this.#store("cas", OpCode.cas, key, value, options, cas) as Promise<StoreResult>;
  }

  /** @returns false when there was nothing to delete */
  delete(key: Key, options?: CallOptions): Promise<boolean> {
    return this.#run("delete", this.#op(OpCode.delete, key, options)) as Promise<boolean>;
  }

  /** @returns false when there is no such item */
  touch(key: Key, ttl: Ttl, options?: CallOptions): Promise<boolean> {
    return this.#withTtl("touch", OpCode.touch, key, ttl, options) as Promise<boolean>;
  }

  /**
   * Adds to a counter, an item whose value is a decimal number below 2^64; it wraps there.
   *
   * @param delta 0 to 2^64 - 1
   * @returns the new value; undefined when there is none
   */
  incr(key: Key, delta: number | bigint = 1, options?: CounterOptions): Promise<bigint | undefined> {
    return this.#count("incr", OpCode.incr, key, delta, options);
  }

  /** Subtracts from a counter; it stops at 0. */
  decr(key: Key, delta: number | bigint = 1, options?: CounterOptions): Promise<bigint | undefined> {
    return this.#count("decr", OpCode.decr, key, delta, options);
  }

  setMany<K extends Key = string>(
    entries: Iterable<readonly [K, unknown]>,
    options?: WriteOptions,
  ): Promise<ManyWrites<K>> {
    const pairs = [...entries];
    const keys = pairs.map(([key]) => key);
    return this.#writeMany("setMany", keys, options, (index) => {
      const op = this.#op(OpCode.set, keys[index]!, options);
      return this.#fill(op, pairs[index]![1], options);
    });
  }

  deleteMany<K extends Key = string>(keys: readonly K[], options?: CallOptions): Promise<ManyWrites<K>> {
    return this.#writeMany("deleteMany", keys, options, (index) => this.#op(OpCode.delete, keys[index]!, options));
  }

  // ---- whole servers ----

  /** Forgets every item on every server, after `delaySec` seconds. */
  async flush(delaySec = 0, options?: CallOptions): Promise<void> {
    await this.#everywhere("flush", Command.flushAll, delaySec, options, () => undefined);
  }

  /** `stats` of each server by its name. */
  stats(section?: string, options?: CallOptions): Promise<ManyValues<string, Record<string, string>>> {
    return this.#everywhere("stats", Command.stats, section, options, (answer) => answer.rows);
  }

  /** The version text of each server by its name. */
  version(options?: CallOptions): Promise<ManyValues<string, string>> {
    return this.#everywhere("version", Command.version, undefined, options, (answer) => answer.version);
  }

  // ---- members ----

  get servers(): readonly PoolServer[] {
    return this.pool.servers;
  }

  /** The server that a key belongs to by what is known now; undefined: none. */
  serverOf(key: Key, serverKey: Key | null = null): PoolServer | undefined {
    return this.pool.servers[this.pool.owner(key, this.#keys, serverKey)];
  }

  addServer(server: ServerSpec): void {
    this.pool.addServer(server);
  }

  addServers(servers: readonly ServerSpec[]): void {
    this.pool.addServers(servers);
  }

  /** Takes a server out by name or address; what it was asked already is still answered. */
  removeServer(name: string): boolean {
    return this.pool.removeServer(name);
  }

  // ---- computing what is missing ----

  /**
   * The value of a key, computed and stored when it is not there: by one caller of this process at a time, and by one of
   * all processes where the server speaks meta.
   */
  getOrSet<T = V>(key: Key, load: Loader<T>, options: GetOrSetOptions): Promise<T> {
    this.#flights ??= new SingleFlight(this as Client);
    return this.#flights.getOrSet(key, load, options);
  }

  /** Keys that can be forgotten together. */
  namespace(name: string, options?: NamespaceOptions): Namespace<V> {
    const prefix = this.#keys.prefix.toString("utf8");
    return new Namespace<V>(name, this, (generation) => this.with({ prefix: prefix + generation }), options);
  }

  /**
   * A read that may win the right to recompute, as `getOrSet` makes it. Meta protocol only.
   *
   * @param placeholderSec whole seconds from 1: how long the placeholder of a missing item stays, and with it this right
   * @param recacheBelowSec one reader wins when less is left of the ttl; 0: none does
   */
  lease<T = V>(
    key: Key,
    placeholderSec: number,
    recacheBelowSec: number,
    options?: CallOptions,
  ): Promise<LeaseResult<T> | undefined> {
    const op = this.#op(OpCode.lease, key, options);
    try {
      checkSeconds("placeholderSec", placeholderSec, 1);
      checkSeconds("recacheBelowSec", recacheBelowSec, 0);
    } catch (error) {
      return reject(op, error);
    }
    op.exptime = placeholderSec;
    op.deltaLow = recacheBelowSec;
    return this.#run("lease", op) as Promise<LeaseResult<T> | undefined>;
  }

  /**
   * Marks an item stale: the next lease read recomputes, the others get the old value for `keepSec` seconds.
   *
   * @param options with `cas`: only while the item is the one that was read with it
   * @returns false: there is no such item
   */
  invalidate(key: Key, keepSec = 30, options?: CallOptions & { readonly cas?: bigint }): Promise<boolean> {
    const op = this.#op(OpCode.invalidate, key, options);
    try {
      checkSeconds("keepSec", keepSec, 1);
      if (options?.cas !== undefined) checkUint64("cas", options.cas);
    } catch (error) {
      return reject(op, error);
    }
    op.exptime = keepSec;
    if (options?.cas !== undefined) {
      op.casHigh = Number(options.cas >> 32n);
      op.casLow = Number(options.cas & 0xffff_ffffn);
    }
    return this.#run("invalidate", op) as Promise<boolean>;
  }

  // ---- life ----

  /** Dials every server at once instead of at its first call. Doesn't wait for them. */
  connect(): void {
    this.pool.dialAll();
  }

  ref(): void {
    this.pool.ref();
    this.pool.gutter?.pool.ref();
  }

  /** Lets the process end while connections are open. */
  unref(): void {
    this.pool.unref();
    this.pool.gutter?.pool.unref();
  }

  /** Takes no further call, waits until the open ones are answered, closes all connections. */
  async close(): Promise<void> {
    await Promise.all([this.pool.close(), this.pool.gutter?.pool.close()]);
  }

  /** Closes at once; open calls fail with `closed`. */
  destroy(): void {
    this.pool.destroy();
    this.pool.gutter?.pool.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // ---- how calls are made ----

  #op(code: OpCode, key: Key, options: CallOptions | undefined): Op {
    const op = this.pool.take();
    op.code = code;
    op.key = ownKey(key);
    op.keys = this.#keys;
    op.codec = this.#values;
    if (options === undefined) {
      op.timeoutMs = this.pool.requestTimeoutMs;
      op.onFailurePolicy = this.#onFailure;
    } else {
      op.timeoutMs = options.timeoutMs ?? this.pool.requestTimeoutMs;
      op.onFailurePolicy = options.onFailure ?? this.#onFailure;
      op.signal = options.signal ?? null;
      op.serverKey = options.serverKey === undefined ? null : ownKey(options.serverKey);
    }
    return op;
  }

  #run(operation: string, op: Op): Promise<unknown> {
    if (!isTraced()) return op.promise();
    const key = this.#traceKeys ? { key: String(op.key) } : {};
    return trace({ operation, keyCount: 1, ...key }, () => op.promise());
  }

  #withTtl(name: string, code: OpCode, key: Key, ttl: Ttl, options: CallOptions | undefined): Promise<unknown> {
    const op = this.#op(code, key, options);
    try {
      op.exptime = toExptime(ttl, Date.now());
    } catch (error) {
      return reject(op, error);
    }
    return this.#run(name, op);
  }

  #store(
    name: string,
    code: OpCode,
    key: Key,
    value: unknown,
    options: WriteOptions | undefined,
    cas?: bigint,
  ): Promise<unknown> {
    const op = this.#op(code, key, options);
    try {
      this.#fill(op, value, options);
      if (cas !== undefined) {
        checkUint64("cas", cas);
        op.casHigh = Number(cas >> 32n);
        op.casLow = Number(cas & 0xffff_ffffn);
      }
    } catch (error) {
      return reject(op, error);
    }
    return this.#run(name, op);
  }

  /** @throws CacheError what the codec throws */
  #fill(op: Op, value: unknown, options: WriteOptions | undefined): Op {
    const codec = options?.values ?? this.#values;
    const plain = codec.plainText;
    if (typeof value === "string" && plain !== undefined && value.length < plain.below && isAsciiText(value)) {
      op.value = value;
      op.flags = plain.flags;
    } else {
      const { flags, bytes } = codec.encode(value);
      op.value = bytes;
      op.flags = flags;
    }
    const ttl = options?.ttl ?? this.#ttl;
    if (ttl !== undefined) op.exptime = toExptime(ttl, Date.now());
    return op;
  }

  #extend(
    name: string,
    code: OpCode,
    key: Key,
    value: string | Uint8Array,
    options: CallOptions | undefined,
  ): Promise<boolean> {
    const op = this.#op(code, key, options);
    if (typeof value !== "string" && !(value instanceof Uint8Array)) {
      return reject(op, new TypeError(`${name} takes a string or a Uint8Array, not ${typeof value}`));
    }
    op.value = typeof value === "string" ? Buffer.from(value, "utf8") : value;
    return this.#run(name, op) as Promise<boolean>;
  }

  async #count(
    name: string,
    code: OpCode,
    key: Key,
    delta: number | bigint,
    options: CounterOptions | undefined,
  ): Promise<bigint | undefined> {
    const op = this.#op(code, key, options);
    try {
      const wide = toUint64("delta", delta);
      op.deltaHigh = Number(wide >> 32n);
      op.deltaLow = Number(wide & 0xffff_ffffn);
    } catch (error) {
      return reject(op, error);
    }
    const value = (await this.#run(name, op)) as bigint | undefined;
    if (value !== undefined || options?.initial === undefined) return value;
    // add, not set: of several that find no counter, one makes it and the others count on.
    const initial = toUint64("initial", options.initial);
    const add = this.#op(OpCode.add, key, options);
    add.value = String(initial);
    add.exptime = toExptime(options.ttl ?? this.#ttl, Date.now());
    if ((await this.#run("add", add)) === true) return initial;
    const { initial: _, ...rest } = options;
    return this.#count(name, code, key, delta, rest);
  }

  #readMany<K extends Key, T>(
    operation: string,
    code: OpCode,
    keys: readonly K[],
    options: CallOptions | undefined,
  ): Promise<ManyValues<K, T>> {
    const call = () =>
      new Promise<ManyValues<K, T>>((resolve, rejectCall) => {
        const isPartial = (options?.onFailure ?? this.#onFailure) === "miss";
        const gathering = new Gathering<K>(keys, (errors) => {
          if (errors.length > 0 && (!isPartial || isAborted(errors))) {
            rejectCall(manyError(errors, keys.length));
            return;
          }
          const values = new ManyValues<K, T>(errors);
          const { results } = gathering;
          for (let i = 0; i < keys.length; i++) {
            const value = results[i];
            if (value !== undefined) values.set(keys[i]!, value as T);
          }
          resolve(values);
        });
        if (keys.length === 0) resolve(new ManyValues<K, T>());
        for (let i = 0; i < keys.length; i++) {
          const op = this.#op(code, keys[i]!, options);
          op.many = true;
          this.#startPart(op, gathering, i);
        }
      });
    return isTraced() ? trace({ operation, keyCount: keys.length }, call) : call();
  }

  #startPart<K>(op: Op, gathering: Gathering<K>, index: number): void {
    op.index = index;
    op.owner = gathering;
    // Misses by failure are told apart from misses: they are listed.
    if (op.onFailurePolicy === "miss") op.onFailurePolicy = "throw";
    op.start();
  }

  #writeMany<K extends Key>(
    operation: string,
    keys: readonly K[],
    options: CallOptions | undefined,
    make: (index: number) => Op,
  ): Promise<ManyWrites<K>> {
    const call = () =>
      new Promise<ManyWrites<K>>((resolve, rejectCall) => {
        const isPartial = (options?.onFailure ?? this.#onFailure) === "miss";
        const gathering = new Gathering<K>(keys, (errors) => {
          const isFailed = errors.length > 0 && (!isPartial || isAborted(errors));
          if (isFailed) rejectCall(manyError(errors, keys.length));
          else resolve(writesOf(keys, gathering.results, errors));
        });
        if (keys.length === 0) resolve({ done: 0, notDone: [], errors: [] });
        for (let i = 0; i < keys.length; i++) {
          let op: Op;
          try {
            op = make(i);
          } catch (error) {
            if (!(error instanceof CacheError)) throw error;
            gathering.refused(i, error);
            continue;
          }
          this.#startPart(op, gathering, i);
        }
      });
    return isTraced() ? trace({ operation, keyCount: keys.length }, call) : call();
  }

  async #everywhere<T>(
    operation: string,
    command: typeof Command.stats | typeof Command.version | typeof Command.flushAll,
    argument: string | number | undefined,
    options: CallOptions | undefined,
    pick: (answer: ControlAnswer) => T,
  ): Promise<ManyValues<string, T>> {
    const call = async () => {
      const names = this.pool.servers.map((server) => server.name);
      const ends = await Promise.allSettled(
        names.map((_, index) => control(this.pool, index, command, argument, options)),
      );
      const errors: KeyFailure<string>[] = [];
      for (const [index, end] of ends.entries()) {
        if (end.status === "rejected") errors.push({ key: names[index]!, error: end.reason as CacheError });
      }
      const isPartial = (options?.onFailure ?? this.#onFailure) === "miss";
      if (errors.length > 0 && (!isPartial || isAborted(errors))) {
        throw manyError(errors, names.length);
      }
      const values = new ManyValues<string, T>(errors);
      for (const [index, end] of ends.entries()) {
        if (end.status === "fulfilled") values.set(names[index]!, pick(end.value));
      }
      return values;
    };
    return isTraced() ? trace({ operation, keyCount: 0 }, call) : call();
  }
}

/**
 * A client for a pool of servers. It connects at the first call.
 *
 * @throws CacheError `invalid_option`, `invalid_endpoint`
 */
export function createClient<V = unknown>(options: ClientOptions): Client<V> {
  return new Client<V>(options);
}

function writesOf<K>(keys: readonly K[], results: readonly unknown[], errors: readonly KeyFailure<K>[]): ManyWrites<K> {
  let done = 0;
  const notDone: K[] = [];
  for (let i = 0; i < keys.length; i++) {
    if (results[i] === true) done++;
    else if (results[i] === false) notDone.push(keys[i]!);
  }
  return { done, notDone, errors };
}

/** An op that never started: gives what was thrown, as a rejection. */
function reject(op: Op, error: unknown): Promise<never> {
  op.host.recycle(op);
  return Promise.reject(error instanceof Error ? error : new TypeError(String(error)));
}

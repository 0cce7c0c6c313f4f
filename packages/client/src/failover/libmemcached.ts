// The rules of PHP's class Memcached (libmemcached 1.1.4: connect.cc, hosts.cc, server.hpp). A key never moves unless
// OPT_REMOVE_FAILED_SERVERS takes failed servers out of the ring. A server that could not be connected to is left alone
// for OPT_RETRY_TIMEOUT whole seconds (code 47); a timeout marks nothing.

import { CacheError } from "@marugoto/core";
import {
  NO_SERVER,
  phpMemcached,
  type PhpMemcachedCalls,
  type PhpMemcachedConfig,
  type PhpMemcachedPlacement,
  type PhpMemcachedServer,
} from "@marugoto/hashing";
import { Operation, Refusal, type FailoverPolicy, type PoolClock, type PoolServer, type Trail } from "./failover.ts";
import { isSameServer, toHostAndPort } from "./php-server-name.ts";

export interface LibmemcachedOptions {
  /** PHP's calls in their order, or the plain config; the servers are the pool's. Default: a new Memcached's. */
  readonly placement?: Omit<PhpMemcachedCalls, "servers" | "ejected"> | Omit<PhpMemcachedConfig, "servers" | "ejected">;
  /** OPT_RETRY_TIMEOUT, whole seconds: a failed server is tried again in the second after them. Default 2. */
  readonly retryTimeoutSec?: number;
  /** OPT_SERVER_FAILURE_LIMIT: failed tries, one per retry timeout, before a server is ejected. From 1; default 5. */
  readonly serverFailureLimit?: number;
  /** OPT_SERVER_TIMEOUT_LIMIT: connects that may fail before the first one counts as a failure. Default 0. */
  readonly serverTimeoutLimit?: number;
  /** OPT_REMOVE_FAILED_SERVERS, which is OPT_AUTO_EJECT_HOSTS. Default false. */
  readonly removeFailedServers?: boolean;
  /**
   * OPT_DEAD_TIMEOUT, whole seconds an ejected server stays out before it is tried once more. Default 0: as long as
   * `retryTimeoutSec`, at least 1.
   */
  readonly deadTimeoutSec?: number;
  /**
   * True: with `deadTimeoutSec` 0, do as PHP does. An ejected server comes back into the ring after the retry timeout
   * and every request to it fails with code 35 for ever, even when it is up. Default false: it recovers.
   */
  readonly deadForever?: boolean;
  /**
   * True: copies for replicas wait until something else is sent to their server, as in PHP, where a copy may stay in
   * the client for hours. Default false: they leave at once.
   */
  readonly copiesWait?: boolean;
}

interface ServerState {
  readonly server: PoolServer;
  /** There is a connection, as far as the rules have heard. */
  open: boolean;
  /** MEMCACHED_SERVER_STATE_IN_TIMEOUT. */
  inTimeout: boolean;
  /** Unix second; in timeout, the server is left alone up to and including it. 0: none. */
  nextRetrySec: number;
  failures: number;
  timeouts: number;
  /** The connect under way is the one after the retry timeout. */
  retrying: boolean;
  /** The connect that failed last was such a one, which makes its code 47 and not 3. */
  failedRetry: boolean;
  /** The connection ended while nobody waited. PHP finds that out by the next request, which fails with code 3. */
  lost: boolean;
  /** What `onChange` was told last. */
  usable: boolean;
}

export class LibmemcachedPolicy implements FailoverPolicy {
  readonly reconnect = "on-demand";
  readonly timeoutEndsRequest = true;
  readonly copiesWait: boolean;
  readonly copiesFollowConnect = true;
  readonly deletesCopies = true;
  onChange?: (server: number, usable: boolean, error?: CacheError) => void;
  readonly #options: Required<Omit<LibmemcachedOptions, "placement" | "copiesWait">>;
  readonly #settings: NonNullable<LibmemcachedOptions["placement"]>;
  readonly #clock: PoolClock;
  #placement: PhpMemcachedPlacement | null = null;
  #states: ServerState[] = [];
  /** Indexes that are out of the ring, ascending. */
  #ejected: readonly number[] = [];
  /** The errors of connects. */
  readonly #refusals = new WeakSet<CacheError>();
  /** The ring is built anew in the second after this one; 0: it isn't. */
  #nextRebuildSec = 0;

  /** @throws CacheError `invalid_option` */
  constructor(options: LibmemcachedOptions, clock: PoolClock) {
    this.#settings = options.placement ?? {};
    this.#options = {
      retryTimeoutSec: checkSeconds("retryTimeoutSec", options.retryTimeoutSec ?? 2, 0),
      serverFailureLimit: checkSeconds("serverFailureLimit", options.serverFailureLimit ?? 5, 1),
      serverTimeoutLimit: checkSeconds("serverTimeoutLimit", options.serverTimeoutLimit ?? 0, 0),
      removeFailedServers: options.removeFailedServers ?? false,
      deadTimeoutSec: checkSeconds("deadTimeoutSec", options.deadTimeoutSec ?? 0, 0),
      deadForever: options.deadForever ?? false,
    };
    this.copiesWait = options.copiesWait ?? false;
    this.#clock = clock;
  }

  /** Where keys go now, without the servers that are ejected; null: the pool is empty. */
  get placement(): PhpMemcachedPlacement | null {
    return this.#placement;
  }

  /** Whether a request that ended with `error` was never sent: its server was left alone or could not be connected to. */
  wasNotSent(error: CacheError): boolean {
    return error.code === "server_disabled" || error.code === "server_dead" || this.#refusals.has(error);
  }

  /** Indexes of the servers that are out of the ring. */
  get ejected(): readonly number[] {
    return this.#ejected;
  }

  setServers(servers: readonly PoolServer[]): void {
    const placement = servers.length === 0 ? null : this.#place(servers);
    const before = [...this.#states];
    this.#states = servers.map((server) => {
      const known = before.findIndex((state) => isSameServer(state.server, server));
      return known < 0 ? freshState(server) : { ...before.splice(known, 1)[0]!, server };
    });
    this.#placement = placement;
    this.#ejected = [];
    this.#runDistribution();
  }

  /** As getServerByKey, which puts servers back whose time is over. */
  owner(key: Uint8Array, start: number, end: number): number {
    if (this.#placement === null) return Refusal.noServer;
    this.#redistribute();
    const server = this.#placement.serverIndex(key, start, end);
    return server === NO_SERVER ? Refusal.noServer : server;
  }

  first(key: Uint8Array, start: number, end: number, operation: Operation): number {
    const server = this.owner(key, start, end);
    if (server < 0) return server;
    const admitted = this.#admit(server);
    if (admitted >= 0 || admitted === Refusal.connectionLost || operation !== Operation.read) return admitted;
    return this.#readReplica(key, start, end, 0) ?? admitted;
  }

  /** Nothing is tried elsewhere, but a read of a server that can't be connected to goes on to its replicas. */
  next(key: Uint8Array, start: number, end: number, operation: Operation, trail: Trail): number {
    if (trail.reason !== "connect_failed") return Refusal.lastError;
    const server = trail.failed.at(-1)!;
    const last = this.#states[server]?.failedRetry ? Refusal.serverDisabled : Refusal.lastError;
    if (operation !== Operation.read) return last;
    const copies = this.#placement?.copies(key, start, end) ?? [];
    return this.#readReplica(key, start, end, copies.indexOf(server)) ?? last;
  }

  /**
   * OPT_NUMBER_OF_REPLICAS: in the binary protocol, a set goes to the following servers, too (storage.cc:149), and so does a
   * delete (delete.cc), even while the owner is down.
   */
  copies(key: Uint8Array, start: number, end: number, operation: Operation, server: number, out: number[]): void {
    if (this.#placement === null || (operation !== Operation.set && operation !== Operation.delete)) return;
    // The copies of a set follow the connect to the owner; while that fails there are none.
    if (operation === Operation.set && this.#states[server]?.usable === false) return;
    for (const copy of this.#placement.copies(key, start, end)) {
      if (copy !== server && this.#admit(copy) >= 0) out.push(copy);
    }
  }

  // ---- what the pool reports ----

  /** server.hpp:44: counted once per retry timeout. */
  connectFailed(server: number, error: CacheError): void {
    const state = this.#states[server]!;
    this.#refusals.add(error);
    const { serverTimeoutLimit, retryTimeoutSec } = this.#options;
    state.open = false;
    state.failedRetry = state.retrying;
    state.retrying = false;
    if (!state.inTimeout && ++state.timeouts >= serverTimeoutLimit) {
      state.nextRetrySec = this.#nowSec() + retryTimeoutSec;
      state.inTimeout = true;
      state.failures++;
    }
    if (state.usable) {
      state.usable = false;
      this.onChange?.(server, false, error);
    }
  }

  connectionLost(server: number, idle: boolean): void {
    const state = this.#states[server]!;
    state.open = false;
    state.inTimeout = false;
    state.lost = idle;
  }

  timedOut(): void {
    // Never marks or ejects a server: the next request waits as long again.
  }

  connected(server: number): void {
    const state = this.#states[server]!;
    Object.assign(state, freshState(state.server), { open: true, usable: state.usable });
    if (state.usable) return;
    state.usable = true;
    this.onChange?.(server, true);
  }

  answered(): void {
    // Only a connect changes what is known, and it has.
  }

  // ---- connect.cc:458, backoff_handling ----

  /** Whether a request may be sent there now: the server, or the Refusal. */
  #admit(server: number): number {
    const state = this.#states[server]!;
    if (state.lost) {
      // What is asked at once, the keys of a getMulti, PHP has sent before it finds out: that fails together.
      queueMicrotask(() => {
        state.lost = false;
      });
      return Refusal.connectionLost;
    }
    if (state.open) return server;
    const now = this.#nowSec();
    if (state.failures >= this.#options.serverFailureLimit) {
      if (this.#options.removeFailedServers) {
        this.#eject(state, now);
        return Refusal.serverDead;
      }
      state.inTimeout = true;
      if (state.nextRetrySec === 0) state.nextRetrySec = 1;
    }
    if (state.inTimeout) {
      if (state.nextRetrySec >= now) return Refusal.serverDisabled;
      state.inTimeout = false;
      state.timeouts = 0;
      state.retrying = true;
    }
    return server;
  }

  #eject(state: ServerState, now: number): void {
    const { serverFailureLimit, retryTimeoutSec, deadForever } = this.#options;
    const deadTimeoutSec = this.#options.deadTimeoutSec || (deadForever ? 0 : Math.max(1, retryTimeoutSec));
    if (deadTimeoutSec > 0) {
      state.nextRetrySec = now + deadTimeoutSec;
      // One try when it is back; should that fail, it goes at once.
      state.failures = serverFailureLimit - 1;
    }
    this.#runDistribution();
  }

  // ---- get.cc:455, replication_binary_mget ----

  /** The first replica that may be asked, from the one behind place `from` on; undefined: none. */
  #readReplica(key: Uint8Array, start: number, end: number, from: number): number | undefined {
    const copies = this.#placement?.copies(key, start, end) ?? [];
    if (copies.length < 2 || from < 0) return undefined;
    // Going on to the next closes the server before it, which ends its time-out.
    this.#states[copies[from]!]!.inTimeout = false;
    for (const server of copies.slice(from + 1)) {
      const admitted = this.#admit(server);
      if (admitted >= 0 || admitted === Refusal.connectionLost) return admitted;
      this.#states[server]!.inTimeout = false;
    }
    return undefined;
  }

  // ---- hosts.cc:108, update_continuum ----

  /** hash.cc:95: before a key is placed. */
  #redistribute(): void {
    if (this.#nextRebuildSec !== 0 && this.#nowSec() > this.#nextRebuildSec) this.#runDistribution();
  }

  /** Takes the servers out of the ring that are not to be tried yet, and puts the others back. */
  #runDistribution(): void {
    if (!this.#options.removeFailedServers || this.#placement === null) return;
    const now = this.#nowSec();
    const ejected: number[] = [];
    this.#nextRebuildSec = 0;
    this.#states.forEach(({ nextRetrySec }, server) => {
      if (nextRetrySec <= now) return;
      ejected.push(server);
      if (this.#nextRebuildSec === 0 || nextRetrySec < this.#nextRebuildSec) this.#nextRebuildSec = nextRetrySec;
    });
    // With nobody left the ring stays as it is.
    if (ejected.length === this.#states.length || String(ejected) === String(this.#ejected)) return;
    this.#ejected = ejected;
    this.#placement = this.#placement.withEjected(ejected);
  }

  #place(servers: readonly PoolServer[]): PhpMemcachedPlacement {
    const list = servers.map(({ name, weight }): PhpMemcachedServer => {
      const { host, port } = toHostAndPort(name);
      return [host, port, weight];
    });
    const settings = this.#settings;
    if (!("steps" in settings)) return phpMemcached({ ...settings, servers: list });
    const adds = settings.steps.some(([call]) => call === "addServer" || call === "addServers");
    const steps = adds ? settings.steps : ([...settings.steps, ["addServer"]] as const);
    return phpMemcached({ ...settings, steps, servers: list });
  }

  #nowSec(): number {
    return Math.floor(this.#clock.nowMs() / 1000);
  }
}

function freshState(server: PoolServer): ServerState {
  return {
    server,
    open: false,
    inTimeout: false,
    nextRetrySec: 0,
    failures: 0,
    timeouts: 0,
    retrying: false,
    failedRetry: false,
    lost: false,
    usable: true,
  };
}

function checkSeconds(name: string, value: number, least: number): number {
  if (!Number.isInteger(value) || value < least) {
    throw new CacheError("invalid_option", `${name} is ${value}, must be a whole number from ${least}`);
  }
  return value;
}

// The rules of PHP's class Memcache (pecl-memcache 8.0, memcache_pool.c): a failed server is marked with the second it
// failed in, and its keys are hashed again as KEY-0, KEY-1 … until a server is met that is up. Nothing is copied back
// when it returns, so what was written meanwhile stays on the other server.

import { CacheError } from "@marugoto/core";
import { NO_SERVER, phpMemcache, type PhpMemcacheOptions, type PhpMemcachePlacement } from "@marugoto/hashing";
import { Operation, Refusal, type FailoverPolicy, type PoolClock, type PoolServer, type Trail } from "./failover.ts";
import { isSameServer, toHostAndPort } from "./php-server-name.ts";

/** php.ini's `memcache.*` by the names hashing gives them, and what addServer and setFailureCallback say. */
export interface PeclMemcacheOptions extends Omit<PhpMemcacheOptions, "servers"> {
  /**
   * addServer's retry_interval, in whole seconds: how long a failed server is left alone. -1: for ever. Default 15.
   * A server's own `retryIntervalSec` goes before it.
   */
  readonly retryIntervalSec?: number;
  /**
   * setFailureCallback: called each time a server is marked as failed. What it throws becomes an uncaught exception and
   * disturbs no request.
   */
  readonly onFailure?: (server: PoolServer, error: CacheError) => void;
}

/** What is known of one server. */
interface ServerState {
  readonly server: PoolServer;
  readonly retryIntervalSec: number;
  /** Unix second in which it failed; null: it has not, or a connect has succeeded since. */
  failedAtSec: number | null;
  /** Its connection ended while nobody waited. PHP finds that out by the next request, and only then is it failed. */
  lost: CacheError | null;
}

export class PeclMemcachePolicy implements FailoverPolicy {
  readonly reconnect = "on-demand";
  readonly timeoutEndsRequest = false;
  readonly copiesAnswer = true;
  onChange?: (server: number, usable: boolean, error?: CacheError) => void;
  readonly #options: PeclMemcacheOptions;
  readonly #clock: PoolClock;
  readonly #retryIntervalSec: number;
  #placement: PhpMemcachePlacement | null = null;
  #states: ServerState[] = [];
  readonly #isValid = (server: number): boolean => this.#valid(this.#states[server]!);
  readonly #isUp = (server: number): boolean => {
    const state = this.#states[server]!;
    if (state.lost !== null && this.#valid(state)) this.#fail(server, state.lost);
    return this.#valid(state);
  };

  /** @throws CacheError `invalid_option` */
  constructor(options: PeclMemcacheOptions, clock: PoolClock) {
    this.#options = options;
    this.#clock = clock;
    this.#retryIntervalSec = checkRetryInterval(options.retryIntervalSec ?? 15);
  }

  /** Where keys go by these rules while every server is up; null: the pool is empty. */
  get placement(): PhpMemcachePlacement | null {
    return this.#placement;
  }

  setServers(servers: readonly PoolServer[]): void {
    const placement =
      servers.length === 0
        ? null
        : phpMemcache({
            ...this.#options,
            servers: servers.map(({ name, weight }) => ({ ...peclName(name), weight })),
          });
    const before = [...this.#states];
    this.#states = servers.map((server) => {
      const known = before.findIndex((state) => isSameServer(state.server, server));
      const retryIntervalSec = checkRetryInterval(server.retryIntervalSec ?? this.#retryIntervalSec);
      if (known >= 0) {
        const [{ failedAtSec, lost }] = before.splice(known, 1) as [ServerState];
        return { server, retryIntervalSec, failedAtSec, lost };
      }
      // status=false is a failure at second 0, so that only retry_interval=-1 keeps the server out of use.
      return { server, retryIntervalSec, failedAtSec: server.status === false ? 0 : null, lost: null };
    });
    this.#placement = placement;
  }

  /** As findServer: the server that the next request for the key is sent to, if it can be. */
  owner(key: Uint8Array, start: number, end: number): number {
    return this.#placement?.findServer(key, start, end, this.#isValid) ?? Refusal.noServer;
  }

  first(key: Uint8Array, start: number, end: number): number {
    if (this.#placement === null) return Refusal.noServer;
    const server = this.#placement.findServer(key, start, end, this.#isUp);
    if (server === NO_SERVER) return Refusal.noServer;
    return this.#isUp(server) ? server : Refusal.serverDisabled;
  }

  /** memcache_pool.c:1046: the first of KEY-0, KEY-1 … that is up and that this request has not failed on. */
  next(key: Uint8Array, start: number, end: number, _operation: Operation, trail: Trail): number {
    const placement = this.#placement;
    if (!placement?.allowFailover) return Refusal.lastError;
    const attempts = placement.maxFailoverAttempts;
    if (trail.probes >= attempts) return Refusal.lastError;
    const skip = new Set(trail.failed);
    let server: number;
    for (;;) {
      // Out of attempts, it ends with a server that was skipped, and tries that if it counts as up again.
      do server = placement.candidate(key, start, end, trail.probes++);
      while (skip.has(server) && trail.probes < attempts);
      if (this.#isUp(server)) return server;
      if (trail.probes >= attempts || skip.size >= this.#states.length) break;
      skip.add(server);
    }
    return Refusal.lastError;
  }

  /** memcache.redundancy: every write but the reads goes to so many servers, without one that is down. */
  copies(key: Uint8Array, start: number, end: number, operation: Operation, server: number, out: number[]): void {
    const placement = this.#placement;
    if (placement === null || placement.redundancy === 1) return;
    if (operation === Operation.read || operation === Operation.touch) return;
    for (const copy of placement.copies(key, start, end, this.#isValid)) if (copy !== server) out.push(copy);
  }

  // ---- what the pool reports ----

  connectFailed(server: number, error: CacheError): void {
    this.#fail(server, error);
  }

  connectionLost(server: number, idle: boolean, error: CacheError): void {
    if (idle) this.#states[server]!.lost = error;
    else this.#fail(server, error);
  }

  timedOut(server: number): void {
    const state = this.#states[server]!;
    // Every request that waited there times out; the first of them has marked the server.
    if (!this.#valid(state)) return;
    this.#fail(server, new CacheError("timeout", `${state.server.name}: Network timeout`));
  }

  connected(server: number): void {
    const state = this.#states[server]!;
    state.lost = null;
    if (state.failedAtSec === null) return;
    state.failedAtSec = null;
    this.onChange?.(server, true);
  }

  answered(server: number): void {
    const state = this.#states[server]!;
    // PHP would have connected anew for this request. An answer that comes too late proves nothing.
    if (state.failedAtSec !== null && this.#valid(state)) this.connected(server);
  }

  /** mmc_server_valid. */
  #valid({ failedAtSec, retryIntervalSec }: ServerState): boolean {
    if (failedAtSec === null) return true;
    return retryIntervalSec >= 0 && this.#nowSec() >= failedAtSec + retryIntervalSec;
  }

  #fail(server: number, error: CacheError): void {
    const state = this.#states[server]!;
    const wasFailed = state.failedAtSec !== null;
    state.lost = null;
    state.failedAtSec = this.#nowSec();
    try {
      this.#options.onFailure?.(state.server, error);
    } catch (thrown) {
      process.nextTick(() => {
        throw thrown;
      });
    }
    if (!wasFailed) this.onChange?.(server, false, error);
  }

  #nowSec(): number {
    return Math.floor(this.#clock.nowMs() / 1000);
  }
}

/** pecl-memcache writes a Unix socket as `unix:///path` with port 0. */
function peclName(name: string): { host: string; port: number } {
  const { host, port } = toHostAndPort(name);
  return { host: host.startsWith("/") ? `unix://${host}` : host, port };
}

function checkRetryInterval(seconds: number): number {
  if (!Number.isInteger(seconds) || seconds < -1) {
    throw new CacheError("invalid_option", `retryIntervalSec is ${seconds}, must be a whole number from 0, or -1`);
  }
  return seconds;
}

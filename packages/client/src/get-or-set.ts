// Read, or compute and store: one computation per process and key at a time, and one in the whole cluster where servers
// speak meta. The server gives the right to recompute to one reader (W); the others get the old value while there is one
// (X, Z), and otherwise wait for the new one. Knows nothing of sockets; what a loader does is its own affair.

import { setTimeout as sleep } from "node:timers/promises";
import { CacheError } from "@marugoto/core";
import type { CallOptions, Client } from "./client.ts";
import type { Key } from "./operation/keys.ts";
import type { LeaseResult } from "./operation/op.ts";

export interface GetOrSetOptions extends Pick<CallOptions, "timeoutMs" | "serverKey" | "onFailure"> {
  /** Seconds that the value lives. 0 = for ever. */
  readonly ttl: number;
  /**
   * With so many seconds left, one reader recomputes while all others, and this one too, get the old value. 0 = not
   * before the end. Meta servers only. Default 0.
   */
  readonly refreshBelowSec?: number;
  /** The share of the ttl, 0 to 1, that is taken off at random, so that what was stored together does not end together. */
  readonly jitter?: number;
  /** Seconds that a reader who found nothing has to compute, before another may. Default 10. */
  readonly leaseSec?: number;
  /** How long a reader waits for another's computation before it makes its own, in ms. Default: `leaseSec`. */
  readonly waitMs?: number;
  /** False: no lease over the network, one computation per process only. Default true. */
  readonly lease?: boolean;
  /** Hears of a refresh in the background that has failed; the old value stays. Default: nobody does. */
  readonly onRefreshError?: (error: unknown) => void;
}

/** Computes the value of a key. undefined is given to the callers and not stored. */
export type Loader<T> = (key: Key) => T | Promise<T>;

/** Pauses between two looks while another computes, in ms: from the first to the last, doubling. */
const FIRST_PAUSE_MS = 10;
const LAST_PAUSE_MS = 100;

/** The computations of one client. */
export class SingleFlight {
  readonly #client: Client;
  readonly #flights = new Map<string, Promise<unknown>>();
  readonly #random: () => number;

  constructor(client: Client, random: () => number = Math.random) {
    this.#client = client;
    this.#random = random;
  }

  /** @throws CacheError `invalid_option`; what the loader throws */
  getOrSet<T>(key: Key, load: Loader<T>, options: GetOrSetOptions): Promise<T> {
    const { jitter = 0, leaseSec = 10 } = options;
    if (!(jitter >= 0 && jitter <= 1)) {
      throw new CacheError("invalid_option", `jitter is ${jitter}, must be from 0 to 1`);
    }
    if (!Number.isInteger(leaseSec) || leaseSec < 1) {
      throw new CacheError("invalid_option", `leaseSec is ${leaseSec}, must be a whole number from 1`);
    }
    const name = typeof key === "string" ? key : `bytes:${Buffer.from(key).toString("latin1")}`;
    const flying = this.#flights.get(name);
    if (flying) return flying as Promise<T>;
    const flight = this.#fly(key, load, options).finally(() => this.#flights.delete(name));
    this.#flights.set(name, flight);
    return flight;
  }

  async #fly<T>(key: Key, load: Loader<T>, options: GetOrSetOptions): Promise<T> {
    const { lease = true, leaseSec = 10, refreshBelowSec = 0 } = options;
    if (!lease) return this.#plainly(key, load, options);
    const waitUntil = performance.now() + (options.waitMs ?? leaseSec * 1000);
    let pauseMs = FIRST_PAUSE_MS;
    for (;;) {
      // undefined: nobody answered, and the caller wants that to be a miss.
      let found: LeaseResult<T> | undefined;
      try {
        found = await this.#client.lease<T>(key, leaseSec, refreshBelowSec, callOptions(options));
      } catch (error) {
        if (error instanceof CacheError && error.code === "not_supported") return this.#plainly(key, load, options);
        throw error;
      }
      if (found === undefined) return load(key);
      if (found.won) return this.#recompute(key, load, options, found);
      if (found.value !== undefined) return found.value;
      if (!found.taken || performance.now() >= waitUntil) return this.#recompute(key, load, options, found);
      await sleep(pauseMs);
      pauseMs = Math.min(2 * pauseMs, LAST_PAUSE_MS);
    }
  }

  async #recompute<T>(key: Key, load: Loader<T>, options: GetOrSetOptions, found: LeaseResult<T>): Promise<T> {
    const computed = this.#compute(key, load, options, found);
    if (found.value === undefined) return computed;
    // There is an old value: nobody waits for the new one.
    computed.catch((error: unknown) => options.onRefreshError?.(error));
    return found.value;
  }

  async #compute<T>(key: Key, load: Loader<T>, options: GetOrSetOptions, found: LeaseResult<T>): Promise<T> {
    let value: T;
    try {
      value = await load(key);
    } catch (error) {
      await this.#giveBack(key, options, found);
      throw error;
    }
    if (value === undefined) {
      await this.#giveBack(key, options, found);
    } else {
      // Only while the item is the one that was leased: an invalidation in between has the last word.
      const ttl = this.#ttl(options);
      await this.#client.cas(key, value, found.cas, { ...callOptions(options), ttl });
    }
    return value;
  }

  /** Lets another reader have the right to compute. */
  async #giveBack<T>(key: Key, options: GetOrSetOptions, found: LeaseResult<T>): Promise<void> {
    const call = { ...callOptions(options), onFailure: "miss" } as const;
    if (found.value === undefined) await this.#client.delete(key, call);
    else if (found.stale) await this.#client.invalidate(key, Math.max(1, found.ttlSec), call);
  }

  async #plainly<T>(key: Key, load: Loader<T>, options: GetOrSetOptions): Promise<T> {
    const found = await this.#client.get<T>(key, callOptions(options));
    if (found !== undefined) return found;
    const value = await load(key);
    const ttl = this.#ttl(options);
    if (value !== undefined) await this.#client.set(key, value, { ...callOptions(options), ttl });
    return value;
  }

  #ttl({ ttl, jitter = 0 }: GetOrSetOptions): number {
    return ttl <= 0 ? ttl : Math.max(1, Math.round(ttl * (1 - jitter * this.#random())));
  }
}

function callOptions({ timeoutMs, serverKey, onFailure }: GetOrSetOptions): CallOptions {
  return {
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(serverKey === undefined ? {} : { serverKey }),
    ...(onFailure === undefined ? {} : { onFailure }),
  };
}

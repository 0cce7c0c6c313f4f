// Read, or compute and store: one computation per process and key at a time, and one in the whole cluster where servers
// speak meta. The server gives the right to recompute to one reader (W); the others get the old value while there is one
// (X, Z), and otherwise wait for the new one. Knows nothing of sockets; what a loader does is its own affair.

import { setTimeout as sleep } from "node:timers/promises";
import { CacheError } from "@marugoto/core";
import type { CallOptions } from "./client-options.ts";
import type { Client } from "./client.ts";
import { ownKey, type Key } from "./operation/keys.ts";
import { abortedError } from "./operation/refusal.ts";
import type { LeaseResult } from "./operation/results.ts";
import type { ValueCodec } from "./values/codec.ts";

export interface GetOrSetOptions extends Pick<CallOptions, "timeoutMs" | "serverKey" | "onFailure"> {
  /** Ends this caller's wait with code `aborted`. What was begun goes on: others may wait for it, too. */
  readonly signal?: AbortSignal;
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
  /**
   * Hears when a computed value could not be stored, or a lease not be given back, because of a server, its limits or the network.
   * The callers get what was computed all the same. Default: nobody does; the pool tells `writeFailed`.
   */
  readonly onStoreError?: (error: CacheError) => void;
}

/** Computes the value of a key. undefined is given to the callers and not stored. */
export type Loader<T> = (key: Key) => T | Promise<T>;

/** Pauses between two looks while another computes, in ms: from the first to the last, doubling. */
const FIRST_PAUSE_MS = 10;
const LAST_PAUSE_MS = 100;

/** What takes a placeholder's place when it is given back: nothing, and that is over at once. */
const nothing: ValueCodec = {
  encode: () => ({ flags: 0, bytes: Buffer.alloc(0) }),
  decode: () => undefined,
};

/** What a program must hear of: its value or its options are wrong, and every call would compute anew. */
const mistakes: ReadonlySet<string> = new Set(["value_unencodable", "invalid_option", "key_invalid", "key_too_long"]);

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
    const { ttl, jitter = 0, leaseSec = 10, refreshBelowSec = 0, signal } = options;
    if (typeof ttl !== "number" || Number.isNaN(ttl)) {
      throw new CacheError("invalid_option", `ttl is ${String(ttl)}, must be seconds`);
    }
    if (!(jitter >= 0 && jitter <= 1)) {
      throw new CacheError("invalid_option", `jitter is ${jitter}, must be from 0 to 1`);
    }
    if (!Number.isInteger(leaseSec) || leaseSec < 1) {
      throw new CacheError("invalid_option", `leaseSec is ${leaseSec}, must be a whole number from 1`);
    }
    if (!Number.isInteger(refreshBelowSec) || refreshBelowSec < 0) {
      throw new CacheError("invalid_option", `refreshBelowSec is ${refreshBelowSec}, must be a whole number from 0`);
    }
    if (signal?.aborted) return Promise.reject(abortedError(signal.reason));
    const name = nameOf(key, options.serverKey);
    let flight = this.#flights.get(name) as Promise<T> | undefined;
    if (flight === undefined) {
      flight = this.#fly(ownKey(key), load, options).finally(() => this.#flights.delete(name));
      this.#flights.set(name, flight);
    }
    return signal === undefined ? flight : unlessAborted(flight, signal);
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
      await stored(options, () => this.#client.cas(key, value, found.cas, { ...callOptions(options), ttl }));
    }
    return value;
  }

  /** Lets another reader have the right to compute, unless somebody has stored a value meanwhile. */
  async #giveBack<T>(key: Key, options: GetOrSetOptions, { value, stale, ttlSec, cas }: LeaseResult<T>): Promise<void> {
    const call = callOptions(options);
    if (value === undefined) {
      await stored(options, () => this.#client.cas(key, undefined, cas, { ...call, ttl: -1, values: nothing }));
    } else if (stale) {
      await stored(options, () => this.#client.invalidate(key, Math.max(1, ttlSec), { ...call, cas }));
    }
  }

  async #plainly<T>(key: Key, load: Loader<T>, options: GetOrSetOptions): Promise<T> {
    const found = await this.#client.get<T>(key, callOptions(options));
    if (found !== undefined) return found;
    const value = await load(key);
    if (value !== undefined) {
      const ttl = this.#ttl(options);
      await stored(options, () => this.#client.set(key, value, { ...callOptions(options), ttl }));
    }
    return value;
  }

  #ttl({ ttl, jitter = 0 }: GetOrSetOptions): number {
    return ttl <= 0 ? ttl : Math.max(1, Math.round(ttl * (1 - jitter * this.#random())));
  }
}

/** Text and bytes name the same item; another server key means another item. */
function nameOf(key: Key, serverKey: Key | undefined): string {
  const text = (part: Key) => Buffer.from(part).toString("latin1");
  if (serverKey === undefined) return `:${text(key)}`;
  const server = text(serverKey);
  return `${server.length}:${server}${text(key)}`;
}

/** Waits for a write that must not take from anybody what was computed. */
async function stored(options: GetOrSetOptions, write: () => Promise<unknown>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!(error instanceof CacheError) || mistakes.has(error.code)) throw error;
    options.onStoreError?.(error);
  }
}

/** Leaves the flight to the others when `signal` is aborted. */
function unlessAborted<T>(flight: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const abort = () => {
      reject(abortedError(signal.reason));
    };
    signal.addEventListener("abort", abort, { once: true });
    void flight.then(resolve, reject).finally(() => {
      signal.removeEventListener("abort", abort);
    });
  });
}

function callOptions({ timeoutMs, serverKey, onFailure }: GetOrSetOptions): CallOptions {
  return {
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(serverKey === undefined ? {} : { serverKey }),
    ...(onFailure === undefined ? {} : { onFailure }),
  };
}

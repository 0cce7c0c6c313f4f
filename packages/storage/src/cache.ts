// The store for use within a program: string or Buffer keys and values, seconds to live, plain answers. A thin layer
// over Store; it keeps no state but a clock.

import { CacheError, MAX_KEY_BYTES, NEVER, SystemClock, type Clock } from "@marugoto/core";
import type { StoreOptions } from "./options.ts";
import { createStore, INCREMENT_OK, INCREMENT_NON_NUMERIC, type Store } from "./store.ts";

/** What `createCache` can be told: `StoreOptions`, with a clock of its own if none is given. */
export interface CacheOptions extends Omit<StoreOptions, "clock"> {
  /** Where time comes from; by default the system's, ticking once a second without keeping the process alive. */
  readonly clock?: Clock;
}

/** How an item is stored. */
export interface StoreItemOptions {
  /** Seconds to live, a whole number; 0 or nothing = until evicted. */
  readonly ttlSec?: number;
  /** A number of 32 bits kept with the value. */
  readonly flags?: number;
}

/** A value and what is known of it. */
export interface CacheEntry {
  readonly key: string;
  readonly value: Buffer;
  readonly flags: number;
  /** Seconds left to live; undefined = no limit. */
  readonly ttlSec: number | undefined;
  /** Changes with every change of the value. */
  readonly cas: bigint;
}

/** A key or a value: a string stands for its UTF-8 bytes. */
export type Bytes = string | Uint8Array;

/**
 * Creates a cache.
 *
 * @throws CacheError `invalid_option`
 */
export function createCache(options: CacheOptions): Cache {
  return new Cache(options);
}

/** An in-process cache with a fixed memory limit. Values given out are copies. */
export class Cache {
  readonly #store: Store;
  readonly #clock: Clock;
  #ownClock: SystemClock | undefined;
  readonly #maxItemBytes: number;

  /** Use `createCache`. */
  constructor(options: CacheOptions) {
    const own = new SystemClock();
    this.#clock = options.clock ?? own;
    this.#store = createStore({ ...options, clock: this.#clock });
    this.#maxItemBytes = this.#store.maxItemBytes;
    if (options.clock) return;
    this.#ownClock = own;
    own.onTick(() => {
      this.#store.tick();
    });
    own.start();
  }

  /** The value, or undefined. */
  get(key: Bytes): Buffer | undefined {
    const item = this.#fetch(toKey(key));
    return item === 0 ? undefined : this.#value(item);
  }

  /** The value as a UTF-8 string, or undefined. */
  getString(key: Bytes): string | undefined {
    return this.get(key)?.toString();
  }

  /** The value with flags, time left and cas number, or undefined. */
  getEntry(key: Bytes): CacheEntry | undefined {
    const item = this.#fetch(toKey(key));
    return item === 0 ? undefined : this.#entry(item);
  }

  /** Whether the key has a value; doesn't count as a fetch. */
  has(key: Bytes): boolean {
    return this.#find(toKey(key)) !== 0;
  }

  /**
   * Stores a value, whether or not the key has one.
   *
   * @throws CacheError `key_invalid`, `key_too_long`, `value_too_large`, or `out_of_memory` (only with `evict: false`)
   */
  set(key: Bytes, value: Bytes, options?: StoreItemOptions): void {
    this.#put(toKey(key), toBytes(value), options);
  }

  /** As `set`, but only if the key has no value; returns whether it was stored. */
  add(key: Bytes, value: Bytes, options?: StoreItemOptions): boolean {
    const bytes = toKey(key);
    if (this.#find(bytes) !== 0) return false;
    this.#put(bytes, toBytes(value), options);
    return true;
  }

  /** As `set`, but only if the key has a value, and, with `cas`, only if that is still the same; returns whether. */
  replace(key: Bytes, value: Bytes, options?: StoreItemOptions & { readonly cas?: bigint }): boolean {
    const bytes = toKey(key);
    const item = this.#find(bytes);
    if (item === 0 || (options?.cas !== undefined && options.cas !== this.#cas(item))) return false;
    this.#put(bytes, toBytes(value), options);
    return true;
  }

  /** Removes a key; returns whether it had a value. */
  delete(key: Bytes): boolean {
    const item = this.#find(toKey(key));
    if (item === 0) return false;
    this.#store.remove(item);
    return true;
  }

  /** Gives a key another time to live, 0 = without limit; returns whether it has a value. */
  touch(key: Bytes, ttlSec: number): boolean {
    const item = this.#find(toKey(key));
    if (item === 0) return false;
    this.#store.setExpiry(item, this.#expiry(ttlSec));
    return true;
  }

  /**
   * Adds to a value that is a decimal number below 2^64, as memcached's incr does: a sum wraps at 2^64. With a negative
   * `by` it subtracts and stops at 0.
   *
   * @returns the new number; undefined if the key has no value
   * @throws TypeError if the value is not such a number
   */
  increment(key: Bytes, by: number | bigint = 1): bigint | undefined {
    const bytes = toKey(key);
    const item = this.#find(bytes);
    if (item === 0) return undefined;
    const delta = BigInt(by);
    const size = BigInt.asUintN(64, delta < 0n ? -delta : delta);
    const answer = this.#store.increment(item, Number(size >> 32n), Number(size & 0xffff_ffffn), delta < 0n);
    if (answer === INCREMENT_NON_NUMERIC)
      throw new TypeError(`the value of ${bytes.toString()} is not a decimal number`);
    if (answer !== INCREMENT_OK) throw outOfMemory(this.#store);
    return (BigInt(this.#store.resultHigh) << 32n) | BigInt(this.#store.resultLow);
  }

  /** Removes everything at once. */
  clear(): void {
    this.#store.flush();
  }

  /** How many items there are, expired ones that haven't been met yet included. */
  get size(): number {
    return this.#store.currItems;
  }

  /** What they take of `maxBytes`. */
  get bytes(): number {
    return this.#store.liveBytes;
  }

  /** The store below, for all that this door leaves out. */
  get store(): Store {
    return this.#store;
  }

  /**
   * All entries, in no order. What is stored or deleted meanwhile may or may not come; what stays comes once. A key that
   * isn't UTF-8 comes with replacement characters.
   */
  *entries(): Generator<CacheEntry> {
    for (let cursor = 0; cursor !== -1;) {
      const batch: CacheEntry[] = [];
      cursor = this.#store.walk(cursor, 64, (item) => batch.push(this.#entry(item)));
      yield* batch;
    }
  }

  /** Stops the clock that the cache started; with a clock from outside, nothing is left to do. */
  close(): void {
    this.#ownClock?.stop();
  }

  #find(key: Buffer): number {
    return this.#store.find(key, 0, key.length);
  }

  #fetch(key: Buffer): number {
    const item = this.#find(key);
    if (item !== 0) this.#store.markFetched(item);
    return item;
  }

  #put(key: Buffer, value: Uint8Array, options?: StoreItemOptions): void {
    const flags = options?.flags ?? 0;
    const store = this.#store;
    if (!store.fits(key.length, value.length, flags)) {
      throw new CacheError(
        "value_too_large",
        `item of ${value.length} bytes, at most ${this.#maxItemBytes} with its key`,
      );
    }
    const expiry = this.#expiry(options?.ttlSec ?? 0);
    if (store.put(key, 0, key.length, flags, expiry, value, 0, value.length, 0, 0) === 0) throw outOfMemory(store);
  }

  #expiry(ttlSec: number): number {
    if (!Number.isInteger(ttlSec) || ttlSec < 0)
      throw new TypeError(`ttlSec is ${ttlSec}, must be a whole number from 0`);
    return ttlSec === 0 ? NEVER : Math.min(this.#clock.seconds + ttlSec, 0x7fff_fffe);
  }

  #value(item: number): Buffer {
    const value = Buffer.allocUnsafe(this.#store.valueBytes(item));
    this.#store.copyValue(item, value, 0);
    return value;
  }

  #cas(item: number): bigint {
    return (BigInt(this.#store.casHigh(item)) << 32n) | BigInt(this.#store.casLow(item));
  }

  #entry(item: number): CacheEntry {
    const store = this.#store;
    const key = Buffer.allocUnsafe(store.keyBytes(item));
    store.copyKey(item, key, 0);
    const expiry = store.expiry(item);
    const ttlSec = expiry === NEVER ? undefined : expiry - this.#clock.seconds;
    return { key: key.toString(), value: this.#value(item), flags: store.flags(item), ttlSec, cas: this.#cas(item) };
  }
}

function toBytes(bytes: Bytes): Uint8Array {
  return typeof bytes === "string" ? Buffer.from(bytes) : bytes;
}

function toKey(bytes: Bytes): Buffer {
  const key =
    typeof bytes === "string" ? Buffer.from(bytes) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (key.length === 0) throw new CacheError("key_invalid", "key is empty, at least 1 byte");
  if (key.length > MAX_KEY_BYTES)
    throw new CacheError("key_too_long", `key is ${key.length} bytes, at most ${MAX_KEY_BYTES}`);
  return key;
}

function outOfMemory(store: Store): CacheError {
  return new CacheError("out_of_memory", `no room: ${store.liveBytes} of ${store.maxBytes} bytes hold live items`);
}

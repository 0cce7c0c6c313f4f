// The cache itself: memcached's semantics over items that are named by handles. It knows no protocol and no socket.
// What a command means (add, replace, cas, quiet flags …) is the caller's: the store offers find, put, remove and
// the fields of an item.

import type { Clock } from "@marugoto/core";
import { resolveOptions, type ResolvedOptions, type StoreOptions } from "./options.ts";

/** The memory of a store; opaque. Hand it to `openStore` to have a second instance over the same items. */
export interface StoreBuffers {
  /** @internal */
  readonly interim: Interim;
}

interface Item {
  key: string;
  value: Buffer;
  flags: number;
  expiry: number;
  storedAt: number;
  casHigh: number;
  casLow: number;
  lastAccess: number;
  fetched: boolean;
  stale: boolean;
  win: boolean;
  pins: number;
}

interface Interim {
  options: ResolvedOptions;
  maxBytes: number;
  handles: Map<string, number>;
  items: Map<number, Item>;
  pinned: Map<number, { value: Buffer; count: number }>;
  reservations: Map<number, { value: Buffer; filled: number }>;
  nextHandle: number;
  nextReservation: number;
  round: number;
  rank: number;
  casHigh: number;
  casLow: number;
  oldestLive: number;
  liveBytes: number;
  promised: number;
  totalItems: number;
  evictions: number;
  evictedUnfetched: number;
  expiredUnfetched: number;
  reclaimed: number;
}

/** Why the last `find` gave 0: nothing was there. */
export const MISS_NONE = 0;
/** Why the last `find` gave 0: the item had expired. */
export const MISS_EXPIRED = 1;
/** Why the last `find` gave 0: the item was stored before a `flush`. */
export const MISS_FLUSHED = 2;

/** What `increment` answers: done; see `resultHigh`, `resultLow` and `incremented`. */
export const INCREMENT_OK = 0;
/** What `increment` answers: the value is no number by memcached's rules. */
export const INCREMENT_NON_NUMERIC = 1;
/** What `increment` answers: no room for the longer number; the item is as it was. */
export const INCREMENT_OUT_OF_MEMORY = 2;

/**
 * Creates an empty store.
 *
 * @throws CacheError `invalid_option`
 */
export function createStore(options: StoreOptions): Store {
  const resolved = resolveOptions(options);
  const interim: Interim = {
    options: resolved,
    maxBytes: resolved.maxBytes,
    handles: new Map(),
    items: new Map(),
    pinned: new Map(),
    reservations: new Map(),
    nextHandle: 1,
    nextReservation: 0,
    round: 0,
    rank: 0,
    casHigh: 0,
    casLow: 0,
    oldestLive: 0x7fff_ffff,
    liveBytes: 0,
    promised: 0,
    totalItems: 0,
    evictions: 0,
    evictedUnfetched: 0,
    expiredUnfetched: 0,
    reclaimed: 0,
  };
  return new Store({ interim }, resolved.clock);
}

/** A second instance over the buffers of another: same items, same counters. Never use two at the same moment. */
export function openStore(buffers: StoreBuffers, options: { readonly clock: Clock }): Store {
  return new Store(buffers, options.clock);
}

/**
 * A store of items.
 *
 * An item is named by a handle, a non-zero int32 (it may be negative); 0 means none. A handle is valid until the next
 * call that stores, removes or reclaims: `put`, `concat`, `commit`, `increment`, `fill`, `remove`, `find` (which
 * unlinks an expired item of that key), `flush`, `setMaxBytes`, `tick`. Keys and values given as arguments must not
 * lie in the store's own memory. Expiries are seconds of the clock as core's `toExpiry` gives them: 0 never.
 */
export class Store {
  readonly buffers: StoreBuffers;
  /** After `find` gave 0: `MISS_NONE`, `MISS_EXPIRED` or `MISS_FLUSHED`. */
  lastMiss = MISS_NONE;
  /** Upper 32 bits, unsigned, of the number that `increment` made. */
  resultHigh = 0;
  /** Lower 32 bits, unsigned, of the number that `increment` made. */
  resultLow = 0;
  /** The item's handle after `increment` gave `INCREMENT_OK`. */
  incremented = 0;
  /** Upper 32 bits, unsigned, of the number that `nextCas` drew. */
  nextCasHigh = 0;
  /** Lower 32 bits, unsigned, of the number that `nextCas` drew. */
  nextCasLow = 0;
  readonly #clock: Clock;
  readonly #s: Interim;

  /** Use `createStore` or `openStore`. */
  constructor(buffers: StoreBuffers, clock: Clock) {
    this.buffers = buffers;
    this.#clock = clock;
    this.#s = buffers.interim;
  }

  // ---- finding ----

  /**
   * Finds the live item of key `bytes[start, end)`. An expired or flushed one is unlinked and not found. Doesn't
   * count as an access.
   *
   * @returns a handle, or 0; then `lastMiss` says why
   */
  find(bytes: Uint8Array, start: number, end: number): number {
    const handle = this.#s.handles.get(text(bytes, start, end)) ?? 0;
    this.lastMiss = MISS_NONE;
    if (handle === 0) return 0;
    const item = this.#item(handle);
    const now = this.#clock.seconds;
    if (item.storedAt <= this.#s.oldestLive && this.#s.oldestLive <= now) this.lastMiss = MISS_FLUSHED;
    else if (item.expiry !== 0 && item.expiry <= now) this.lastMiss = MISS_EXPIRED;
    if (this.lastMiss === MISS_NONE) return handle;
    this.remove(handle);
    return 0;
  }

  /** Records a fetch: sets the fetched mark, the recency that eviction looks at, and last access = now. */
  markFetched(item: number): void {
    this.#item(item).fetched = true;
    this.#item(item).lastAccess = this.#clock.seconds;
  }

  // ---- the fields of an item ----

  /** Length of the value in bytes. */
  valueBytes(item: number): number {
    return this.#item(item).value.length;
  }

  /** Length of the key in bytes, 1 to 250. */
  keyBytes(item: number): number {
    return this.#item(item).key.length;
  }

  /** Client flags, unsigned 32 bits. */
  flags(item: number): number {
    return this.#item(item).flags;
  }

  /** The second of the clock from which on the item is gone; 0 = never. */
  expiry(item: number): number {
    return this.#item(item).expiry;
  }

  /** Upper 32 bits of the cas number, unsigned. */
  casHigh(item: number): number {
    return this.#item(item).casHigh;
  }

  /** Lower 32 bits of the cas number, unsigned. */
  casLow(item: number): number {
    return this.#item(item).casLow;
  }

  /** The second of the clock in which the item was stored or last marked fetched. */
  lastAccess(item: number): number {
    return this.#item(item).lastAccess;
  }

  /** Whether `markFetched` was called since the item was stored. */
  wasFetched(item: number): boolean {
    return this.#item(item).fetched;
  }

  /** Whether the item was marked stale (meta `md I`, `ms I`). */
  isStale(item: number): boolean {
    return this.#item(item).stale;
  }

  /** Whether the right to recache the item was handed out (meta flag W). */
  isWinSent(item: number): boolean {
    return this.#item(item).win;
  }

  /** The virtual slab class that memcached would keep the item in, 1 to `classes.count`. */
  classOf(_item: number): number {
    return 1;
  }

  /** What memcached would count for the item: header, key, value, terminators, cas and flags, in bytes. */
  requestedBytesOf(item: number): number {
    const { key, value, flags } = this.#item(item);
    return 48 + key.length + 1 + value.length + 2 + (this.#s.options.cas ? 8 : 0) + (flags === 0 ? 0 : 4);
  }

  /** Changes the expiry in place (memcached's touch): same cas, same handle. */
  setExpiry(item: number, expiry: number): void {
    this.#item(item).expiry = expiry;
  }

  /** Changes the cas number in place; halves unsigned 32 bits. */
  setCas(item: number, high: number, low: number): void {
    this.#item(item).casHigh = high >>> 0;
    this.#item(item).casLow = low >>> 0;
  }

  setStale(item: number, on: boolean): void {
    this.#item(item).stale = on;
  }

  setWinSent(item: number, on: boolean): void {
    this.#item(item).win = on;
  }

  /** Copies the key to `target` from `at` on; returns the end. The room is the caller's business. */
  copyKey(item: number, target: Buffer, at: number): number {
    return at + target.write(this.#item(item).key, at, "latin1");
  }

  /** Copies the value, large or small, to `target` from `at` on; returns the end. The room is the caller's business. */
  copyValue(item: number, target: Buffer, at: number): number {
    return at + this.#item(item).value.copy(target, at);
  }

  /** Whether the value lies in several pieces; only such a value can be pinned. All above 64 KiB do. */
  isLarge(item: number): boolean {
    return this.#item(item).value.length > 16384;
  }

  // ---- storing ----

  /**
   * Whether memcached would take such an item: 48 + key + 1 + value + 2, + 8 with cas, + 4 with flags, must not
   * exceed `maxItemBytes`. Store nothing that doesn't fit.
   */
  fits(keyBytes: number, valueBytes: number, flags: number): boolean {
    const total = 48 + keyBytes + 1 + valueBytes + 2 + (this.#s.options.cas ? 8 : 0) + (flags === 0 ? 0 : 4);
    return total <= this.#s.options.maxItemBytes;
  }

  /**
   * Stores an item, in place of the one with that key if there is one.
   *
   * @param flags client flags, 32 bits
   * @param expiry a second of the clock, 0 = never
   * @param casHigh @param casLow the cas number to store; 0, 0 = the next one
   * @returns the item's handle, or 0 for want of memory; then nothing has changed
   */
  put(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    flags: number,
    expiry: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    casHigh: number,
    casLow: number,
  ): number {
    const bytes = Buffer.from(value.subarray(valueStart, valueEnd));
    return this.#put(text(key, keyStart, keyEnd), flags, expiry, bytes, casHigh, casLow);
  }

  /**
   * Appends to the value of `item`, or prepends with `before`. Flags and expiry stay; the cas number is a new one.
   *
   * @param key the item's key, once more
   * @returns the new handle, or 0 for want of memory; then nothing has changed
   */
  concat(
    item: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    before: boolean,
  ): number {
    return this.#concat(item, text(key, keyStart, keyEnd), value.subarray(valueStart, valueEnd), before);
  }

  /**
   * Adds to the decimal number that the value is, or subtracts: memcached's incr and decr. A sum wraps at 2^64, a
   * difference stops at 0. The new text takes the old one's place, padded with spaces, unless it is longer. The cas
   * number is a new one.
   *
   * Accepted are leading spaces and zeros, a `+`, and anything after a space or at the end; below 2^64.
   *
   * @returns `INCREMENT_OK`, then see `resultHigh`, `resultLow`, `incremented`; `INCREMENT_NON_NUMERIC`;
   *   `INCREMENT_OUT_OF_MEMORY`
   */
  increment(item: number, deltaHigh: number, deltaLow: number, decrement: boolean): number {
    const it = this.#item(item);
    const match =
      it.value.length > 0 && it.value.length <= 40 ? /^\s*\+?(\d+)(?:\s.*)?$/s.exec(it.value.toString("latin1")) : null;
    const old = match ? BigInt(match[1] ?? "0") : 1n << 64n;
    if (old >= 1n << 64n) return INCREMENT_NON_NUMERIC;
    const delta = (BigInt(deltaHigh >>> 0) << 32n) | BigInt(deltaLow >>> 0);
    const result = decrement ? (delta > old ? 0n : old - delta) : BigInt.asUintN(64, old + delta);
    this.resultHigh = Number(result >> 32n);
    this.resultLow = Number(result & 0xffff_ffffn);
    const bytes = Buffer.from(result.toString());
    if (bytes.length <= it.value.length) {
      it.value = Buffer.concat([bytes, Buffer.alloc(it.value.length - bytes.length, " ")]);
      this.nextCas();
      this.setCas(item, this.nextCasHigh, this.nextCasLow);
      this.incremented = item;
      return INCREMENT_OK;
    }
    this.incremented = this.#put(it.key, it.flags, it.expiry, bytes, 0, 0);
    return this.incremented === 0 ? INCREMENT_OUT_OF_MEMORY : INCREMENT_OK;
  }

  /** Removes the item. */
  remove(item: number): void {
    const it = this.#item(item);
    this.#s.liveBytes -= footprint(it);
    this.#s.items.delete(item);
    this.#s.handles.delete(it.key);
  }

  // ---- values that arrive in pieces ----

  /**
   * Promises room for a value that is still arriving. It counts as used, isn't found by anyone, and is given back by
   * `release`; at most a quarter of `maxBytes` may be so promised.
   *
   * @param expiry the expiry it will have, if known: only decides what it is laid beside
   * @returns a reservation, 0 or more; -1 = refused for want of memory
   */
  reserve(valueBytes: number, _expiry = 0): number {
    if (this.#s.promised + valueBytes > this.#s.maxBytes / 4) return -1;
    this.#s.promised += valueBytes;
    this.#s.reservations.set(this.#s.nextReservation, { value: Buffer.alloc(valueBytes), filled: 0 });
    return this.#s.nextReservation++;
  }

  /** Takes the next bytes of the value. Giving more than was reserved is a TypeError. */
  fill(reservation: number, source: Uint8Array, start: number, end: number): void {
    const r = this.#reservation(reservation);
    if (r.filled + end - start > r.value.length) {
      throw new TypeError(`reservation of ${r.value.length} bytes is given ${r.filled + end - start}`);
    }
    r.value.set(source.subarray(start, end), r.filled);
    r.filled += end - start;
  }

  /** How many bytes of a reservation have been filled. */
  filledBytes(reservation: number): number {
    return this.#reservation(reservation).filled;
  }

  /**
   * Makes an item of a filled reservation, as `put` does. The reservation ends in either case. Committing one that
   * isn't full is a TypeError.
   *
   * @returns the item's handle, or 0 for want of memory
   */
  commit(
    reservation: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    flags: number,
    expiry: number,
    casHigh: number,
    casLow: number,
  ): number {
    const { value } = this.#full(reservation);
    this.release(reservation);
    return this.#put(text(key, keyStart, keyEnd), flags, expiry, value, casHigh, casLow);
  }

  /** `concat` with the value of a filled reservation; the reservation ends in either case. */
  commitConcat(
    reservation: number,
    item: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    before: boolean,
  ): number {
    const { value } = this.#full(reservation);
    this.release(reservation);
    return this.#concat(item, text(key, keyStart, keyEnd), value, before);
  }

  /** Gives a reservation back: the client has gone, or the value is not wanted. */
  release(reservation: number): void {
    this.#s.promised -= this.#reservation(reservation).value.length;
    this.#s.reservations.delete(reservation);
  }

  // ---- values that are written from their place ----

  /**
   * Keeps the bytes of a large value where they are until `unpin`, whatever happens to the item meanwhile.
   *
   * @returns a pin, 1 or more; 0 = the value is not large (copy it)
   */
  pin(item: number): number {
    if (!this.isLarge(item)) return 0;
    const pinned = this.#s.pinned.get(item) ?? { value: this.#item(item).value, count: 0 };
    pinned.count++;
    this.#s.pinned.set(item, pinned);
    return item;
  }

  /** The pinned value as views, in order. Don't keep them beyond `unpin`. */
  pinnedPieces(pin: number): Buffer[] {
    const pinned = this.#s.pinned.get(pin);
    if (!pinned) throw new TypeError(`${pin} is not a pin`);
    return [pinned.value];
  }

  /** Ends one `pin`. */
  unpin(pin: number): void {
    const pinned = this.#s.pinned.get(pin);
    if (!pinned) throw new TypeError(`${pin} is not a pin`);
    if (--pinned.count === 0) this.#s.pinned.delete(pin);
  }

  // ---- cas numbers ----

  /** Draws the next cas number into `nextCasHigh` and `nextCasLow`; 0 when the store was created without cas. */
  nextCas(): void {
    const s = this.#s;
    if (!s.options.cas) return;
    s.casLow = (s.casLow + 1) >>> 0;
    if (s.casLow === 0 && ++s.casHigh === 256) {
      s.round++;
      s.casHigh = 0;
    }
    this.nextCasHigh = ((s.round * 8 + s.rank) * 256 + s.casHigh) >>> 0;
    this.nextCasLow = s.casLow;
  }

  /** What stands above the 40 bits of the counter in a cas number: round × 8 + rank. */
  epoch(): number {
    return this.#s.round * 8 + this.#s.rank;
  }

  /**
   * Lets cas numbers go on from a higher epoch, counting from 1. The same epoch changes nothing; a lower one, in
   * which numbers could come twice, is a RangeError.
   *
   * @param round 0 to 2^21 - 1
   * @param rank 0 to 7
   */
  setEpoch(round: number, rank: number): void {
    const epoch = round * 8 + rank;
    if (epoch === this.epoch()) return;
    if (epoch < this.epoch()) throw new RangeError(`epoch ${epoch} lies below the present one, ${this.epoch()}`);
    this.#s.round = round;
    this.#s.rank = rank;
    this.#s.casHigh = 0;
    this.#s.casLow = 0;
  }

  // ---- the whole store ----

  /**
   * memcached's flush_all. With `at` <= now (the default): everything stored before this call is gone at once, what
   * is stored after it, in the same second too, stays. With a later `at`: at second `at` - 1 everything is gone and
   * nothing stored during that second can be found; before, nothing happens, and a further `flush` replaces this one.
   */
  flush(at: number = this.#clock.seconds): void {
    this.#s.oldestLive = 0x7fff_ffff;
    if (at > this.#clock.seconds) {
      this.#s.oldestLive = at - 1;
      return;
    }
    this.#s.items.clear();
    this.#s.handles.clear();
    this.#s.liveBytes = 0;
  }

  /**
   * Changes `maxBytes` (memcached's cache_memlimit). Growing takes effect at once; shrinking evicts little by little
   * as items are stored, and in `tick`.
   *
   * @returns false if the store can't become that large or small; then nothing has changed
   */
  setMaxBytes(bytes: number): boolean {
    this.#s.maxBytes = bytes;
    return true;
  }

  /** The present limit in bytes. */
  get maxBytes(): number {
    return this.#s.maxBytes;
  }

  /**
   * Visits some items and goes on from there next time. An item that lives during the whole walk is visited exactly
   * once, whatever is stored or removed between the calls. `visit` may remove the item it is given and change its
   * fields; it must not store.
   *
   * @param cursor 0 to start, then what the last call returned
   * @param maxItems about how many to visit in this call, at least 1
   * @returns the next cursor, or -1 after the last item
   */
  walk(cursor: number, _maxItems: number, visit: (item: number) => void): number {
    if (cursor !== 0) return -1;
    const now = this.#clock.seconds;
    for (const [handle, { expiry }] of [...this.#s.items]) if (expiry === 0 || expiry > now) visit(handle);
    return -1;
  }

  /** To be called once a second: reclaims some of what has expired. Bounded in time. */
  tick(): void {
    for (const [handle, { expiry, fetched }] of [...this.#s.items]) {
      if (expiry === 0 || expiry > this.#clock.seconds) continue;
      this.remove(handle);
      this.#s.reclaimed++;
      if (!fetched) this.#s.expiredUnfetched++;
    }
  }

  // ---- counters ----

  /** Items linked at present, those among them included that have expired and wait to be reclaimed. */
  get currItems(): number {
    return this.#s.items.size;
  }

  /** Items ever stored. */
  get totalItems(): number {
    return this.#s.totalItems;
  }

  /** Bytes that the items of `currItems` take in the store, headers and padding included. */
  get liveBytes(): number {
    return this.#s.liveBytes;
  }

  /** What memcached would call `bytes`: the sum of `requestedBytesOf` over the items of `currItems`. */
  get requestedBytes(): number {
    let sum = 0;
    for (const handle of this.#s.items.keys()) sum += this.requestedBytesOf(handle);
    return sum;
  }

  /** Bytes promised to values that are still arriving. */
  get promisedBytes(): number {
    return this.#s.promised;
  }

  /** Live items that had to make room. */
  get evictions(): number {
    return this.#s.evictions;
  }

  /** Evicted items that had never been fetched. */
  get evictedUnfetched(): number {
    return this.#s.evictedUnfetched;
  }

  /** Items that expired without having been fetched, counted as they are reclaimed. */
  get expiredUnfetched(): number {
    return this.#s.expiredUnfetched;
  }

  /** Expired items that were reclaimed to make room or in `tick`. */
  get reclaimed(): number {
    return this.#s.reclaimed;
  }

  // ---- within ----

  #item(handle: number): Item {
    const item = this.#s.items.get(handle);
    if (!item) throw new TypeError(`${handle} is not a live item`);
    return item;
  }

  #reservation(reservation: number): { value: Buffer; filled: number } {
    const r = this.#s.reservations.get(reservation);
    if (!r) throw new TypeError(`${reservation} is not a reservation`);
    return r;
  }

  #full(reservation: number): { value: Buffer; filled: number } {
    const r = this.#reservation(reservation);
    if (r.filled !== r.value.length) throw new TypeError(`reservation of ${r.value.length} bytes has ${r.filled}`);
    return r;
  }

  #concat(item: number, key: string, value: Uint8Array, before: boolean): number {
    const { value: old, flags, expiry } = this.#item(item);
    return this.#put(key, flags, expiry, Buffer.concat(before ? [value, old] : [old, value]), 0, 0);
  }

  #put(key: string, flags: number, expiry: number, value: Buffer, casHigh: number, casLow: number): number {
    const s = this.#s;
    if (casHigh === 0 && casLow === 0) {
      this.nextCas();
      casHigh = this.nextCasHigh;
      casLow = this.nextCasLow;
    }
    const now = this.#clock.seconds;
    const item: Item = {
      ...{ key, value, flags: flags >>> 0, expiry, casHigh: casHigh >>> 0, casLow: casLow >>> 0, storedAt: now },
      ...{ lastAccess: now, fetched: false, stale: false, win: false, pins: 0 },
    };
    const old = s.handles.get(key);
    if (!s.options.evict && s.liveBytes + footprint(item) > s.maxBytes * 0.95) return 0;
    if (old !== undefined) this.remove(old);
    for (const handle of s.items.keys()) {
      if (s.liveBytes + footprint(item) <= s.maxBytes * 0.95) break;
      s.evictions++;
      this.remove(handle);
    }
    const handle = s.nextHandle++;
    s.handles.set(key, handle);
    s.items.set(handle, item);
    s.liveBytes += footprint(item);
    s.totalItems++;
    return handle;
  }
}

function text(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
}

function footprint(item: Item): number {
  return Math.max(64, (21 + item.key.length + item.value.length + (item.flags === 0 ? 0 : 4) + 3) & ~3);
}

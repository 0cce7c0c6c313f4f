// The cache itself: memcached's semantics over items that are named by handles. It knows no protocol and no socket.
// What a command means (add, replace, cas, quiet flags …) is the caller's: the store offers find, put, remove and
// the fields of an item.

import type { Clock } from "@marugoto/core";
import { createBuffers, type StoreBuffers } from "./buffers.ts";
import type { CasCounter } from "./cas-counter.ts";
import { Decimal, MAX_DIGITS } from "./decimal.ts";
import { addressableBytes } from "./geometry.ts";
import type { ItemFields, Items } from "./items.ts";
import type { KeyIndex } from "./key-index.ts";
import { ARRIVING, type LargeValues } from "./large-values.ts";
import type { Memory } from "./memory.ts";
import { MIN_STORE_BYTES, resolveOptions, type StoreOptions } from "./options.ts";
import { assemble, refresh, type Parts } from "./parts.ts";
import type { Reclaimer } from "./reclaimer.ts";
import * as R from "./record.ts";
import type { SegmentLog } from "./segment-log.ts";
import { CLASS_BYTES, type SlabClasses } from "./slab-classes.ts";
import * as S from "./state.ts";
import { Writer } from "./writer.ts";

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

/** Home buckets that move to a larger index with each tick. */
const MIGRATE_PER_TICK = 4096;

/** Values on their way may be promised this share of `maxBytes`. */
const PROMISED_SHARE = 0.25;

/** A store can't be made smaller than this many of its segments. */
const FEWEST_SEGMENTS = 16;

/**
 * Creates an empty store.
 *
 * @throws CacheError `invalid_option`
 */
export function createStore(options: StoreOptions): Store {
  const resolved = resolveOptions(options);
  const buffers = createBuffers(resolved, CLASS_BYTES);
  const store = new Store(buffers, resolved.clock);
  store.classes.layOut(resolved.growthFactor, resolved.minItemBytes);
  return store;
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
  /** The virtual slab classes and what is counted for each. */
  readonly classes: SlabClasses;
  readonly #clock: Clock;
  readonly #ints: Int32Array;
  readonly #numbers: Float64Array;
  readonly #memory: Memory;
  readonly #index: KeyIndex;
  readonly #log: SegmentLog;
  readonly #large: LargeValues;
  readonly #items: Items;
  readonly #reclaimer: Reclaimer;
  readonly #cas: CasCounter;
  readonly #writer: Writer;
  readonly #parts: Parts;
  readonly #decimal = new Decimal();
  readonly #scratchKey = Buffer.alloc(256);
  readonly #scratchValue = Buffer.alloc(MAX_DIGITS);
  #generation: number;

  /** Use `createStore` or `openStore`. */
  constructor(buffers: StoreBuffers, clock: Clock) {
    this.buffers = buffers;
    this.#clock = clock;
    const parts = assemble(buffers);
    this.#parts = parts;
    this.#ints = parts.ints;
    this.#numbers = parts.numbers;
    this.#memory = parts.memory;
    this.#index = parts.index;
    this.#log = parts.log;
    this.#large = parts.large;
    this.#items = parts.items;
    this.#reclaimer = parts.reclaimer;
    this.#cas = parts.cas;
    this.classes = parts.classes;
    this.#writer = new Writer(parts);
    this.#generation = this.#ints[S.GENERATION]!;
  }

  // ---- finding ----

  /**
   * Finds the live item of key `bytes[start, end)`. An expired or flushed one is unlinked and not found. Doesn't
   * count as an access.
   *
   * @returns a handle, or 0; then `lastMiss` says why
   */
  find(bytes: Uint8Array, start: number, end: number): number {
    const now = this.#sync();
    this.lastMiss = MISS_NONE;
    const item = this.#index.lookup(this.#memory.hashOf(bytes, start, end), bytes, start, end);
    if (item === 0) return 0;
    const expiry = this.#memory.word(item, R.EXPIRY_WORD) >>> 1;
    if ((expiry === 0 || expiry > now) && this.#log.flushed[item >>> this.#log.segmentShift] === 0) {
      if (this.#ints[S.BLACKOUT] === 0) return item;
      this.lastMiss = MISS_FLUSHED;
      return 0;
    }
    this.lastMiss = this.#items.isFlushed(item) ? MISS_FLUSHED : MISS_EXPIRED;
    this.#items.unlink(item);
    return 0;
  }

  /** Records a fetch: sets the fetched mark, the recency that eviction looks at, and last access = now. */
  markFetched(item: number): void {
    const memory = this.#memory;
    const words = memory.words[memory.arenaOf(item)]!;
    const at = memory.wordAt(item);
    const frequency = words[at + R.ACCESS_WORD]! & R.MAX_FREQUENCY;
    words[at + R.ACCESS_WORD] = (this.#clock.seconds << 2) | (frequency < R.MAX_FREQUENCY ? frequency + 1 : frequency);
    words[at + R.LENGTH_WORD]! |= R.FETCHED;
  }

  // ---- the fields of an item ----

  /** Reads the fields of an item in one go, which is cheaper than one by one. */
  readFields(item: number, fields: ItemFields): void {
    this.#items.readFields(item, fields);
  }

  /** Length of the value in bytes. */
  valueBytes(item: number): number {
    return this.#items.valueBytes(item);
  }

  /** Length of the key in bytes, 1 to 250. */
  keyBytes(item: number): number {
    return this.#memory.keyLength(item);
  }

  /** Client flags, unsigned 32 bits. */
  flags(item: number): number {
    return this.#items.flags(item);
  }

  /** The second of the clock from which on the item is gone; 0 = never. */
  expiry(item: number): number {
    return this.#items.expiry(item);
  }

  /** Upper 32 bits of the cas number, unsigned. */
  casHigh(item: number): number {
    return this.#memory.word(item, R.CAS_HIGH_WORD) >>> 0;
  }

  /** Lower 32 bits of the cas number, unsigned. */
  casLow(item: number): number {
    return this.#memory.word(item, R.CAS_LOW_WORD) >>> 0;
  }

  /** The second of the clock in which the item was stored or last marked fetched. */
  lastAccess(item: number): number {
    return this.#memory.word(item, R.ACCESS_WORD) >>> 2;
  }

  /** Whether `markFetched` was called since the item was stored. */
  wasFetched(item: number): boolean {
    return (this.#memory.word(item, R.LENGTH_WORD) & R.FETCHED) !== 0;
  }

  /** Whether the item was marked stale (meta `md I`, `ms I`). */
  isStale(item: number): boolean {
    return (this.#memory.word(item, R.LENGTH_WORD) & R.STALE) !== 0;
  }

  /** Whether the right to recache the item was handed out (meta flag W). */
  isWinSent(item: number): boolean {
    return (this.#memory.word(item, R.LENGTH_WORD) & R.WIN_SENT) !== 0;
  }

  /** The virtual slab class that memcached would keep the item in, 1 to `classes.count`. */
  classOf(item: number): number {
    return this.#items.classOf(item);
  }

  /** What memcached would count for the item: header, key, value, terminators, cas and flags, in bytes. */
  requestedBytesOf(item: number): number {
    return this.#items.requestedBytes(item);
  }

  /** Changes the expiry in place (memcached's touch): same cas, same handle. */
  setExpiry(item: number, expiry: number): void {
    const memory = this.#memory;
    memory.setWord(item, R.EXPIRY_WORD, (expiry << 1) | (memory.word(item, R.EXPIRY_WORD) & 1));
    this.#log.noteExpiry(this.#log.segmentOf(item), expiry);
    const slot = this.#items.slotOf(item);
    if (slot !== 0) this.#large.noteExpiry(slot, expiry);
  }

  /** Changes the cas number in place; halves unsigned 32 bits. */
  setCas(item: number, high: number, low: number): void {
    this.#memory.setWord(item, R.CAS_HIGH_WORD, high);
    this.#memory.setWord(item, R.CAS_LOW_WORD, low);
  }

  setStale(item: number, on: boolean): void {
    this.#setBit(item, R.STALE, on);
  }

  setWinSent(item: number, on: boolean): void {
    this.#setBit(item, R.WIN_SENT, on);
  }

  /** Copies the key to `target` from `at` on; returns the end. The room is the caller's business. */
  copyKey(item: number, target: Buffer, at: number): number {
    const memory = this.#memory;
    const length = memory.keyLength(item);
    memory.copyOut(memory.arenaOf(item), memory.byteAt(item) + R.ITEM_HEADER_BYTES, length, target, at);
    return at + length;
  }

  /** Copies the value, large or small, to `target` from `at` on; returns the end. The room is the caller's business. */
  copyValue(item: number, target: Buffer, at: number): number {
    return this.#items.copyValue(item, target, at);
  }

  /** Copies the key and behind it the value; returns the end. The room is the caller's business. */
  copyKeyAndValue(item: number, target: Buffer, at: number): number {
    return this.#items.copyKeyAndValue(item, target, at);
  }

  /** Whether the value lies in several pieces; only such a value can be pinned. All above 64 KiB do. */
  isLarge(item: number): boolean {
    return (this.#memory.word(item, R.LENGTH_WORD) & R.LARGE) !== 0;
  }

  // ---- storing ----

  /**
   * Whether memcached would take such an item: 48 + key + 1 + value + 2, + 8 with cas, + 4 with flags, must not
   * exceed `maxItemBytes`. Store nothing that doesn't fit.
   */
  fits(keyBytes: number, valueBytes: number, flags: number): boolean {
    return this.classes.requestedBytes(keyBytes, valueBytes, flags) <= this.#ints[S.MAX_ITEM_BYTES]!;
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
    const now = this.#sync();
    const writer = this.#writer;
    return writer.put(key, keyStart, keyEnd, flags, expiry, value, valueStart, valueEnd, casHigh, casLow, now);
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
    const now = this.#sync();
    return this.#writer.concat(item, key, keyStart, keyEnd, value, valueStart, valueEnd, 0, before, now);
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
    this.#sync();
    const memory = this.#memory;
    const length = this.#items.valueBytes(item);
    if (length === 0 || this.isLarge(item)) return INCREMENT_NON_NUMERIC;
    const at = memory.valueAt(item);
    const decimal = this.#decimal;
    if (!decimal.parse(memory.bytes[memory.arenaOf(item)]!, at, at + length)) return INCREMENT_NON_NUMERIC;
    if (decrement) decimal.subtract(deltaHigh, deltaLow);
    else decimal.add(deltaHigh, deltaLow);
    this.resultHigh = decimal.high;
    this.resultLow = decimal.low;
    const digits = decimal.write(this.#scratchValue, 0);
    if (digits > length) return this.#putLonger(item, digits);
    const bytes = memory.bytes[memory.arenaOf(item)]!;
    memory.copyIn(this.#scratchValue, 0, digits, memory.arenaOf(item), at);
    for (let i = at + digits; i < at + length; i++) bytes[i] = 0x20;
    this.nextCas();
    this.setCas(item, this.nextCasHigh, this.nextCasLow);
    this.incremented = item;
    return INCREMENT_OK;
  }

  /** Removes the item. */
  remove(item: number): void {
    this.#sync();
    this.#items.unlink(item);
  }

  // ---- values that arrive in pieces ----

  /**
   * Promises room for a value that is still arriving. It counts as used, isn't found by anyone, and is given back by
   * `release`; at most a quarter of `maxBytes` may be so promised.
   *
   * @param expiry the expiry it will have, if known: only decides what it is laid beside
   * @returns a reservation, 0 or more; -1 = refused for want of memory
   */
  reserve(valueBytes: number, expiry = 0): number {
    this.#sync();
    const promised = this.#numbers[S.PROMISED]! + this.#large.promiseFor(valueBytes);
    const most = this.#numbers[S.MAX_BYTES]! * PROMISED_SHARE;
    const slot = promised > most ? 0 : this.#large.open(valueBytes, expiry);
    return slot === 0 ? -1 : slot;
  }

  /** Takes the next bytes of the value. Giving more than was reserved is a TypeError. */
  fill(reservation: number, source: Uint8Array, start: number, end: number): void {
    const now = this.#sync();
    const left = this.#large.length(this.#arriving(reservation)) - this.#large.filled(reservation);
    if (end - start > left) {
      throw new TypeError(
        `reservation of ${this.#large.length(reservation)} bytes is given ${end - start - left} more`,
      );
    }
    this.#writer.fill(reservation, source, start, end, now);
  }

  /** How many bytes of a reservation have been filled. */
  filledBytes(reservation: number): number {
    return this.#large.filled(this.#arriving(reservation));
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
    const now = this.#sync();
    const slot = this.#full(reservation);
    return this.#writer.commit(slot, key, keyStart, keyEnd, flags, expiry, casHigh, casLow, now);
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
    const now = this.#sync();
    const slot = this.#full(reservation);
    const result = this.#large.hasFailed(slot)
      ? 0
      : this.#writer.concat(item, key, keyStart, keyEnd, this.#scratchKey, 0, 0, slot, before, now);
    this.#large.drop(slot);
    return result;
  }

  /** Gives a reservation back: the client has gone, or the value is not wanted. */
  release(reservation: number): void {
    this.#sync();
    this.#large.drop(this.#arriving(reservation));
  }

  // ---- values that are written from their place ----

  /**
   * Keeps the bytes of a large value where they are until `unpin`, whatever happens to the item meanwhile.
   *
   * @returns a pin, 1 or more; 0 = the value is not large (copy it)
   */
  pin(item: number): number {
    const slot = this.#items.slotOf(item);
    if (slot === 0) return 0;
    this.#large.pin(slot);
    const victim = this.#ints[S.VICTIM]!;
    if (victim >= 0 && this.#log.pins[victim]! > 0) this.#reclaimer.abandon(victim);
    return slot;
  }

  /** The pinned value as views, in order. Don't keep them beyond `unpin`. */
  pinnedPieces(pin: number): Buffer[] {
    this.#sync();
    const memory = this.#memory;
    const large = this.#large;
    const pieces: Buffer[] = [];
    for (let chunk = large.first(this.#pinned(pin)); chunk !== 0; chunk = large.nextChunk(chunk)) {
      const at = memory.byteAt(chunk) + R.CHUNK_HEADER_BYTES;
      pieces.push(memory.bytes[memory.arenaOf(chunk)]!.subarray(at, at + large.chunkLength(chunk)));
    }
    return pieces;
  }

  /** Ends one `pin`. */
  unpin(pin: number): void {
    this.#sync();
    this.#large.unpin(this.#pinned(pin));
  }

  // ---- cas numbers ----

  /** Draws the next cas number into `nextCasHigh` and `nextCasLow`; 0 when the store was created without cas. */
  nextCas(): void {
    this.#cas.next();
    this.nextCasHigh = this.#cas.high;
    this.nextCasLow = this.#cas.low;
  }

  /** What stands above the 40 bits of the counter in a cas number: round × 8 + rank. */
  epoch(): number {
    return this.#cas.epoch;
  }

  /**
   * Lets cas numbers go on from a higher epoch, counting from 1. The same epoch changes nothing; a lower one, in
   * which numbers could come twice, is a RangeError.
   *
   * @param round 0 to 2^21 - 1
   * @param rank 0 to 7
   */
  setEpoch(round: number, rank: number): void {
    this.#cas.moveTo(round, rank);
  }

  // ---- the whole store ----

  /**
   * memcached's flush_all. With `at` <= now (the default): everything stored before this call is gone at once, what
   * is stored after it, in the same second too, stays. With a later `at`: at second `at` - 1 everything is gone and
   * nothing stored during that second can be found; before, nothing happens, and a further `flush` replaces this one.
   */
  flush(at: number = this.#clock.seconds): void {
    this.#sync();
    const ints = this.#ints;
    // What a delayed flush has hidden stays gone, even if another one takes its place.
    if (ints[S.BLACKOUT] === 1) this.#flushNow();
    ints[S.BLACKOUT] = 0;
    ints[S.FLUSH_AT] = S.NO_FLUSH;
    if (at <= this.#clock.seconds) {
      this.#flushNow();
    } else {
      ints[S.FLUSH_AT] = at - 1;
      this.#sync();
    }
  }

  /**
   * Changes `maxBytes` (memcached's cache_memlimit). Growing takes effect at once; shrinking evicts little by little
   * as items are stored, and in `tick`.
   *
   * @returns false if the store can't become that large or small; then nothing has changed
   */
  setMaxBytes(bytes: number): boolean {
    this.#sync();
    const segments = Math.floor(bytes / this.#log.segmentBytes);
    if (bytes < MIN_STORE_BYTES || segments < FEWEST_SEGMENTS) return false;
    if (bytes > addressableBytes(this.#memory.unitShift)) return false;
    if (segments > this.#ints[S.SEGMENT_ROOM]!) {
      this.#log.extend(segments);
      this.#large.extend(segments);
      this.#index.allowGrowth();
    }
    this.#numbers[S.MAX_BYTES] = bytes;
    this.#log.setGoal(segments);
    return true;
  }

  /** The present limit in bytes. */
  get maxBytes(): number {
    return this.#numbers[S.MAX_BYTES]!;
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
  walk(cursor: number, maxItems: number, visit: (item: number) => void): number {
    const now = this.#sync();
    const isHidden = this.#ints[S.BLACKOUT] === 1;
    const next = this.#index.walk(cursor, maxItems, (item) => {
      if (!isHidden && !this.#items.isFlushed(item) && !this.#items.isExpired(item, now)) visit(item);
    });
    return next === 2 ** 32 ? -1 : next;
  }

  /** To be called once a second: reclaims some of what has expired. Bounded in time. */
  tick(): void {
    const now = this.#sync();
    this.#index.keepUp(MIGRATE_PER_TICK);
    this.#reclaimer.tick(now);
  }

  /** The largest item in bytes, as `fits` counts. */
  get maxItemBytes(): number {
    return this.#ints[S.MAX_ITEM_BYTES]!;
  }

  // ---- counters ----

  /** Items linked at present, those among them included that have expired and wait to be reclaimed. */
  get currItems(): number {
    return this.#numbers[S.CURR_ITEMS]!;
  }

  /** Items ever stored. */
  get totalItems(): number {
    return this.#numbers[S.TOTAL_ITEMS]!;
  }

  /** Bytes that the items of `currItems` take in the store, headers and padding included. */
  get liveBytes(): number {
    return this.#numbers[S.LIVE]!;
  }

  /** What memcached would call `bytes`: the sum of `requestedBytesOf` over the items of `currItems`. */
  get requestedBytes(): number {
    return this.#numbers[S.REQUESTED]!;
  }

  /** Bytes promised to values that are still arriving. */
  get promisedBytes(): number {
    return this.#numbers[S.PROMISED]!;
  }

  /** Live items that had to make room. */
  get evictions(): number {
    return this.#numbers[S.EVICTIONS]!;
  }

  /** Evicted items that had never been fetched. */
  get evictedUnfetched(): number {
    return this.#numbers[S.EVICTED_UNFETCHED]!;
  }

  /** Items that expired without having been fetched, counted as they are reclaimed. */
  get expiredUnfetched(): number {
    return this.#numbers[S.EXPIRED_UNFETCHED]!;
  }

  /** Expired items that were reclaimed to make room or in `tick`. */
  get reclaimed(): number {
    return this.#numbers[S.RECLAIMED]!;
  }

  /** Bytes of values that are gone but still pinned. */
  get lingeringBytes(): number {
    return this.#numbers[S.LINGERING]!;
  }

  /** Sets the counters of events, those of the classes too, to 0: memcached's `stats reset`. */
  resetCounters(): void {
    for (const counter of [S.TOTAL_ITEMS, S.EVICTIONS, S.EVICTED_UNFETCHED, S.EXPIRED_UNFETCHED, S.RECLAIMED]) {
      this.#numbers[counter] = 0;
    }
    this.classes.reset();
  }

  // ---- within: agreement between instances, and flush ----

  /** At the start of each call: takes new views if another instance has changed the buffers; lets a flush fire. */
  #sync(): number {
    const ints = this.#ints;
    if (ints[S.GENERATION] !== this.#generation) this.#refresh();
    const now = this.#clock.seconds;
    if (now >= ints[S.FLUSH_AT]!) this.#flushDue(now);
    return now;
  }

  #refresh(): void {
    this.#generation = this.#ints[S.GENERATION]!;
    refresh(this.#parts);
  }

  #flushDue(now: number): void {
    const ints = this.#ints;
    const isOver = now > ints[S.FLUSH_AT]!;
    if (isOver || ints[S.BLACKOUT] === 0) this.#flushNow();
    ints[S.BLACKOUT] = isOver ? 0 : 1;
    if (isOver) ints[S.FLUSH_AT] = S.NO_FLUSH;
  }

  /** Costs a look at each segment and each slot of a large value, none at an item. */
  #flushNow(): void {
    const numbers = this.#numbers;
    this.#log.flush();
    this.#large.afterFlush();
    this.classes.empty();
    numbers[S.LIVE] = 0;
    numbers[S.CURR_ITEMS] = 0;
    numbers[S.REQUESTED] = 0;
    this.#ints[S.UNSURE_AT] = -1;
  }

  // ---- within: the rest ----

  /** Stores the number in the scratch value, longer than the one before, in the item's place. */
  #putLonger(item: number, digits: number): number {
    const keyEnd = this.copyKey(item, this.#scratchKey, 0);
    const flags = this.flags(item);
    const expiry = this.expiry(item);
    this.incremented = this.put(this.#scratchKey, 0, keyEnd, flags, expiry, this.#scratchValue, 0, digits, 0, 0);
    return this.incremented === 0 ? INCREMENT_OUT_OF_MEMORY : INCREMENT_OK;
  }

  #setBit(item: number, bit: number, on: boolean): void {
    const word = this.#memory.word(item, R.LENGTH_WORD);
    this.#memory.setWord(item, R.LENGTH_WORD, on ? word | bit : word & ~bit);
  }

  #arriving(reservation: number): number {
    if (this.#large.status(reservation) === ARRIVING) return reservation;
    throw new TypeError(`${reservation} is not a reservation`);
  }

  #full(reservation: number): number {
    const length = this.#large.length(this.#arriving(reservation));
    const filled = this.#large.filled(reservation);
    if (filled === length) return reservation;
    throw new TypeError(`reservation of ${length} bytes has ${filled}`);
  }

  #pinned(pin: number): number {
    if (this.#large.status(pin) !== 0 && this.#large.pins(pin) > 0) return pin;
    throw new TypeError(`${pin} is not a pin`);
  }
}

// The cache itself: memcached's semantics over items that are named by handles. It knows no protocol and no socket.
// What a command means (add, replace, cas, quiet flags …) is the caller's: the store offers find, put, remove and
// the fields of an item.

import type { Clock } from "@marugoto/core";
import { createBuffers, stateInts, stateNumbers, type StoreBuffers } from "./buffers.ts";
import { Decimal, MAX_DIGITS } from "./decimal.ts";
import { addressableBytes, bucketsFor } from "./geometry.ts";
import { Ghost } from "./ghost.ts";
import { hashKey } from "./hash.ts";
import { Items } from "./items.ts";
import { KeyIndex } from "./key-index.ts";
import { ARRIVING, LargeValues } from "./large-values.ts";
import { copyRange, Memory } from "./memory.ts";
import { MIN_STORE_BYTES, resolveOptions, type StoreOptions } from "./options.ts";
import { Reclaimer } from "./reclaimer.ts";
import * as R from "./record.ts";
import { MAIN, MOVING_RESERVE, PROBATION, SegmentLog } from "./segment-log.ts";
import { CLASS_BYTES, OUT_OF_MEMORY, SlabClasses } from "./slab-classes.ts";
import * as S from "./state.ts";

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

/** Home buckets that move to a larger index with each item stored, and with each tick. */
const MIGRATE_PER_PUT = 2;
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
  readonly #ghost: Ghost;
  readonly #reclaimer: Reclaimer;
  readonly #decimal = new Decimal();
  readonly #scratchKey = Buffer.alloc(256);
  readonly #scratchValue = Buffer.alloc(MAX_DIGITS);
  #generation: number;
  /** What `#place` found under the key. */
  #old = 0;
  /** The place that `#seek` has found: an arena, a byte in it, and how many bytes lie there in one piece. */
  #pieceArena = 0;
  #pieceAt = 0;
  #pieceBytes = 0;

  /** Use `createStore` or `openStore`. */
  constructor(buffers: StoreBuffers, clock: Clock) {
    this.buffers = buffers;
    this.#clock = clock;
    this.#ints = stateInts(buffers);
    this.#numbers = stateNumbers(buffers);
    this.classes = new SlabClasses(buffers);
    this.#memory = new Memory(buffers);
    this.#index = new KeyIndex(buffers, this.#memory);
    this.#log = new SegmentLog(buffers, this.#memory);
    this.#large = new LargeValues(buffers, this.#memory, this.#log);
    this.#items = new Items(buffers, this.#memory, this.#index, this.#log, this.#large, this.classes);
    this.#ghost = new Ghost(buffers);
    this.#reclaimer = new Reclaimer(buffers, this.#memory, this.#log, this.#large, this.#items, this.#ghost);
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
    const item = this.#index.lookup(hashKey(bytes, start, end, this.#memory.secrets), bytes, start, end);
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
    const memory = this.#memory;
    const word = memory.word(item, R.LENGTH_WORD);
    if ((word & R.LARGE) === 0) {
      const length = word >>> R.LENGTH_SHIFT;
      memory.copyOut(memory.arenaOf(item), memory.valueAt(item), length, target, at);
      return at + length;
    }
    const large = this.#large;
    for (let chunk = large.first(this.#items.slotOf(item)); chunk !== 0; chunk = large.nextChunk(chunk)) {
      const length = large.chunkLength(chunk);
      memory.copyOut(memory.arenaOf(chunk), memory.byteAt(chunk) + R.CHUNK_HEADER_BYTES, length, target, at);
      at += length;
    }
    return at;
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
    const length = valueEnd - valueStart;
    const bytes = this.#recordBytes(keyEnd - keyStart, flags, length);
    if (bytes > this.#log.maxRecordBytes) {
      const slot = this.#large.open(length, expiry);
      if (slot === 0) return 0;
      this.#fill(slot, value, valueStart, valueEnd, now);
      return this.#commit(slot, key, keyStart, keyEnd, flags, expiry, casHigh, casLow, now);
    }
    const hash = hashKey(key, keyStart, keyEnd, this.#memory.secrets);
    const item = this.#place(hash, key, keyStart, keyEnd, bytes, expiry, now);
    if (item === 0) return this.#outOfMemory(keyEnd - keyStart, length, flags);
    const at = this.#write(item, key, keyStart, keyEnd, flags, expiry, casHigh, casLow, length, 0, now);
    this.#memory.copyIn(value, valueStart, valueEnd, this.#memory.arenaOf(item), at);
    this.#items.link(item, hash, expiry, this.#old);
    return item;
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
    return this.#concat(item, key, keyStart, keyEnd, value, valueStart, valueEnd, 0, before);
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
    const now = this.#sync();
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
    this.#fill(reservation, source, start, end, now);
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
    return this.#commit(this.#full(reservation), key, keyStart, keyEnd, flags, expiry, casHigh, casLow, now);
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
    const slot = this.#full(reservation);
    const result = this.#large.hasFailed(slot)
      ? 0
      : this.#concat(item, key, keyStart, keyEnd, this.#scratchKey, 0, 0, slot, before);
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
    const ints = this.#ints;
    if (ints[S.CAS] === 0) return;
    const low = ((ints[S.CAS_LOW]! + 1) | 0) >>> 0;
    ints[S.CAS_LOW] = low;
    if (low === 0) {
      if (ints[S.CAS_HIGH]! < 255) ints[S.CAS_HIGH]!++;
      else {
        ints[S.CAS_HIGH] = 0;
        ints[S.ROUND]!++;
      }
    }
    this.nextCasHigh = ((this.epoch() << 8) | ints[S.CAS_HIGH]!) >>> 0;
    this.nextCasLow = low;
  }

  /** What stands above the 40 bits of the counter in a cas number: round × 8 + rank. */
  epoch(): number {
    return this.#ints[S.ROUND]! * 8 + this.#ints[S.RANK]!;
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
    this.#ints[S.ROUND] = round;
    this.#ints[S.RANK] = rank;
    this.#ints[S.CAS_HIGH] = 0;
    this.#ints[S.CAS_LOW] = 0;
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
      while (this.#index.migrating) this.#index.migrateBucket();
      this.#index.grow(bucketsFor(bytes));
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
    if (this.#index.migrating) this.#migrate(MIGRATE_PER_TICK);
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
    this.#memory.refresh();
    this.#index.refresh();
    this.#log.refresh();
    this.#large.refresh();
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

  // ---- within: storing ----

  #recordBytes(keyBytes: number, flags: number, tail: number): number {
    return this.#memory.recordBytes(R.ITEM_HEADER_BYTES + keyBytes + (flags === 0 ? 0 : 4) + tail);
  }

  /**
   * Finds room for a record of that key; `#old` is what the key has at present, or 0.
   *
   * @returns an address, or 0 for want of memory
   */
  #place(
    hash: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    bytes: number,
    expiry: number,
    now: number,
  ): number {
    if (this.#index.migrating) this.#migrate(MIGRATE_PER_PUT);
    if (this.#reclaimer.isDue) this.#reclaimer.pay(bytes, now);
    this.#old = this.#index.lookup(hash, key, keyStart, keyEnd);
    const group = this.#log.groupFor(this.#queueFor(hash, this.#old), expiry, now);
    const address = this.#log.append(bytes, group, MOVING_RESERVE);
    if (address !== 0) return address;
    const room = this.#allocate(bytes, group, now);
    this.#old = this.#index.lookup(hash, key, keyStart, keyEnd);
    return room;
  }

  /** Appends, making room as long as that helps; 0 for want of memory. */
  #allocate(bytes: number, group: number, now: number): number {
    for (;;) {
      const address = this.#log.append(bytes, group, MOVING_RESERVE);
      if (address !== 0 || !this.#reclaimer.makeRoom(now)) return address;
    }
  }

  /** A key that was in the main queue stays there, and one that comes back soon after its eviction goes there. */
  #queueFor(hash: number, old: number): number {
    const log = this.#log;
    if (old !== 0) return log.group[old >>> log.segmentShift]! >= log.groups ? MAIN : PROBATION;
    return this.#numbers[S.EVICTIONS]! > 0 && this.#ghost.take(hash) ? MAIN : PROBATION;
  }

  #write(
    item: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    flags: number,
    expiry: number,
    casHigh: number,
    casLow: number,
    length: number,
    bits: number,
    now: number,
  ): number {
    if (casHigh === 0 && casLow === 0) {
      this.nextCas();
      casHigh = this.nextCasHigh;
      casLow = this.nextCasLow;
    }
    const frequency = this.#old === 0 ? 0 : this.#items.frequency(this.#old);
    const access = (now << 2) | frequency;
    const state = bits | R.LINKED;
    return this.#items.write(item, key, keyStart, keyEnd, flags, expiry, access, casHigh, casLow, length, state);
  }

  /** Fills an arriving value, adding chunks as needed; without memory for them it is marked as failed. */
  #fill(slot: number, source: Uint8Array, start: number, end: number, now: number): void {
    const large = this.#large;
    while (start < end && this.#ensureRoom(slot, now)) {
      const next = Math.min(end, start + large.room(slot));
      large.fill(slot, source, start, next);
      start = next;
    }
    if (start < end) large.skip(slot, end - start);
  }

  /** Makes sure that the next byte of an arriving value has a place. */
  #ensureRoom(slot: number, now: number): boolean {
    const large = this.#large;
    if (large.hasFailed(slot)) return false;
    if (large.room(slot) > 0) return true;
    const group = this.#log.groupFor(PROBATION, large.expectedExpiry(slot), now);
    const left = large.length(slot) - large.filled(slot);
    if (this.#reclaimer.isDue) this.#reclaimer.pay(Math.min(left, this.#log.maxChunkBytes), now);
    const length = this.#reclaimer.chunkLengthFor(left, group);
    const address = this.#allocate(this.#memory.recordBytes(R.CHUNK_HEADER_BYTES + length), group, now);
    if (address === 0) {
      large.fail(slot);
      return false;
    }
    large.appendChunk(slot, address, length);
    return true;
  }

  /** Makes an item of a full slot, which ends as a reservation in either case. */
  #commit(
    slot: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    flags: number,
    expiry: number,
    casHigh: number,
    casLow: number,
    now: number,
  ): number {
    const large = this.#large;
    const length = large.length(slot);
    const wholeBytes = this.#recordBytes(keyEnd - keyStart, flags, length);
    const isLarge = wholeBytes > this.#log.maxRecordBytes;
    const bytes = isLarge ? this.#recordBytes(keyEnd - keyStart, flags, 4) : wholeBytes;
    const hash = hashKey(key, keyStart, keyEnd, this.#memory.secrets);
    const item = large.hasFailed(slot) ? 0 : this.#place(hash, key, keyStart, keyEnd, bytes, expiry, now);
    if (item === 0) {
      large.drop(slot);
      return this.#outOfMemory(keyEnd - keyStart, length, flags);
    }
    const bits = isLarge ? R.LARGE : 0;
    const at = this.#write(item, key, keyStart, keyEnd, flags, expiry, casHigh, casLow, length, bits, now);
    const arena = this.#memory.arenaOf(item);
    if (isLarge) {
      this.#memory.writeInt(arena, at, slot);
      large.hold(slot, item, expiry);
    } else {
      this.#copySlot(slot, arena, at);
      large.drop(slot);
    }
    this.#items.link(item, hash, expiry, this.#old);
    return item;
  }

  #copySlot(slot: number, arena: number, at: number): void {
    const memory = this.#memory;
    for (let chunk = this.#large.first(slot); chunk !== 0; chunk = this.#large.nextChunk(chunk)) {
      const from = memory.byteAt(chunk) + R.CHUNK_HEADER_BYTES;
      const length = this.#large.filledLength(slot, chunk);
      memory.copyIn(memory.bytes[memory.arenaOf(chunk)]!, from, from + length, arena, at);
      at += length;
    }
  }

  /** `concat` with `value[start, end)`, or with the bytes of a slot if that isn't 0. */
  #concat(
    item: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    addedSlot: number,
    before: boolean,
  ): number {
    const now = this.#sync();
    const ints = this.#ints;
    const flags = this.flags(item);
    const expiry = this.expiry(item);
    const added = addedSlot === 0 ? valueEnd - valueStart : this.#large.length(addedSlot);
    const length = this.valueBytes(item) + added;
    const bytes = this.#recordBytes(keyEnd - keyStart, flags, length);
    ints[S.GUARD] = item;
    if (addedSlot === 0 && bytes <= this.#log.maxRecordBytes) {
      const hash = hashKey(key, keyStart, keyEnd, this.#memory.secrets);
      const joined = this.#place(hash, key, keyStart, keyEnd, bytes, expiry, now);
      item = ints[S.GUARD];
      ints[S.GUARD] = 0;
      if (joined === 0) return this.#outOfMemory(keyEnd - keyStart, length, flags);
      const at = this.#write(joined, key, keyStart, keyEnd, flags, expiry, 0, 0, length, 0, now);
      const target = this.#memory.bytes[this.#memory.arenaOf(joined)]!;
      if (before) copyRange(value, valueStart, valueEnd, target, at);
      const end = this.copyValue(item, target, before ? at + added : at);
      if (!before) copyRange(value, valueStart, valueEnd, target, end);
      this.#items.link(joined, hash, expiry, this.#old);
      return joined;
    }
    const slot = this.#large.open(length, expiry);
    if (slot === 0) {
      ints[S.GUARD] = 0;
      return 0;
    }
    for (const isAdded of before ? [true, false] : [false, true]) {
      if (!isAdded) this.#fillFrom(slot, 0, now);
      else if (addedSlot !== 0) this.#fillFrom(slot, addedSlot, now);
      else this.#fill(slot, value, valueStart, valueEnd, now);
    }
    const result = this.#commit(slot, key, keyStart, keyEnd, flags, expiry, 0, 0, now);
    ints[S.GUARD] = 0;
    return result;
  }

  /** Fills a slot with the bytes of another one, or of the guarded item if `source` is 0. Both may move meanwhile. */
  #fillFrom(slot: number, source: number, now: number): void {
    const length = source === 0 ? this.valueBytes(this.#ints[S.GUARD]!) : this.#large.length(source);
    for (let offset = 0; offset < length;) {
      if (!this.#ensureRoom(slot, now)) {
        this.#large.skip(slot, length - offset);
        return;
      }
      this.#seek(source, offset);
      const count = Math.min(this.#pieceBytes, this.#large.room(slot));
      this.#large.fill(slot, this.#memory.bytes[this.#pieceArena]!, this.#pieceAt, this.#pieceAt + count);
      offset += count;
    }
  }

  /** Finds byte `offset` of a slot's value, or of the guarded item's if `source` is 0. */
  #seek(source: number, offset: number): void {
    const memory = this.#memory;
    const large = this.#large;
    const item = this.#ints[S.GUARD]!;
    const slot = source === 0 ? this.#items.slotOf(item) : source;
    if (slot === 0) {
      this.#pieceArena = memory.arenaOf(item);
      this.#pieceAt = memory.valueAt(item) + offset;
      this.#pieceBytes = this.valueBytes(item) - offset;
      return;
    }
    let chunk = large.first(slot);
    for (; offset >= large.chunkLength(chunk); chunk = large.nextChunk(chunk)) offset -= large.chunkLength(chunk);
    this.#pieceArena = memory.arenaOf(chunk);
    this.#pieceAt = memory.byteAt(chunk) + R.CHUNK_HEADER_BYTES + offset;
    this.#pieceBytes = large.chunkLength(chunk) - offset;
  }

  /** Stores the number in the scratch value, longer than the one before, in the item's place. */
  #putLonger(item: number, digits: number): number {
    const keyEnd = this.copyKey(item, this.#scratchKey, 0);
    const flags = this.flags(item);
    const expiry = this.expiry(item);
    this.incremented = this.put(this.#scratchKey, 0, keyEnd, flags, expiry, this.#scratchValue, 0, digits, 0, 0);
    return this.incremented === 0 ? INCREMENT_OUT_OF_MEMORY : INCREMENT_OK;
  }

  #outOfMemory(keyBytes: number, valueBytes: number, flags: number): number {
    const id = this.classes.classFor(this.classes.requestedBytes(keyBytes, valueBytes, flags));
    this.classes.add(id, OUT_OF_MEMORY, 1);
    return 0;
  }

  #migrate(buckets: number): void {
    while (buckets-- > 0 && this.#index.migrating) this.#index.migrateBucket();
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

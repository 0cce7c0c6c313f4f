// Items as the index, the log and the counters see them together: linking, unlinking, moving. Each function leaves
// the three in agreement. Who may be stored, or has to go, is decided elsewhere.

import { stateInts, stateNumbers, type StoreBuffers } from "./buffers.ts";
import type { KeyIndex } from "./key-index.ts";
import type { LargeValues } from "./large-values.ts";
import type { Memory } from "./memory.ts";
import * as R from "./record.ts";
import type { SegmentLog } from "./segment-log.ts";
import * as C from "./slab-classes.ts";
import * as S from "./state.ts";

/** The fields of an item, as `Store.readFields` gives them. */
export class ItemFields {
  /** The second of the clock from which on the item is gone; 0 = never. */
  expiry = 0;
  /** Client flags as a signed number of 32 bits; the halves of the cas number, too. */
  flags = 0;
  casHigh = 0;
  casLow = 0;
  keyBytes = 0;
  valueBytes = 0;
  /** Marked stale. */
  isStale = false;
  /** The right to recache it was handed out. */
  isWinSent = false;
}

export class Items {
  readonly #ints: Int32Array;
  readonly #numbers: Float64Array;
  readonly #memory: Memory;
  readonly #index: KeyIndex;
  readonly #log: SegmentLog;
  readonly #large: LargeValues;
  readonly #classes: C.SlabClasses;

  constructor(
    buffers: StoreBuffers,
    memory: Memory,
    index: KeyIndex,
    log: SegmentLog,
    large: LargeValues,
    classes: C.SlabClasses,
  ) {
    this.#ints = stateInts(buffers);
    this.#numbers = stateNumbers(buffers);
    this.#memory = memory;
    this.#index = index;
    this.#log = log;
    this.#large = large;
    this.#classes = classes;
  }

  /** Whether a flush has made the item dead, linked or not. */
  isFlushed(item: number): boolean {
    return this.#log.flushed[item >>> this.#log.segmentShift] === 1;
  }

  isLinked(item: number): boolean {
    return (this.#memory.word(item, R.LENGTH_WORD) & R.LINKED) !== 0;
  }

  expiry(item: number): number {
    return this.#memory.word(item, R.EXPIRY_WORD) >>> 1;
  }

  /** Whether the item has expired by second `now`. */
  isExpired(item: number, now: number): boolean {
    const expiry = this.#memory.word(item, R.EXPIRY_WORD) >>> 1;
    return expiry !== 0 && expiry <= now;
  }

  frequency(item: number): number {
    return this.#memory.word(item, R.ACCESS_WORD) & R.MAX_FREQUENCY;
  }

  flags(item: number): number {
    const memory = this.#memory;
    if ((memory.word(item, R.EXPIRY_WORD) & 1) === 0) return 0;
    return memory.readInt(memory.arenaOf(item), memory.valueAt(item) - 4) >>> 0;
  }

  readFields(item: number, fields: ItemFields): void {
    const memory = this.#memory;
    const arena = memory.arenaOf(item);
    const words = memory.words[arena]!;
    const at = memory.wordAt(item);
    const expiry = words[at + R.EXPIRY_WORD]!;
    const length = words[at + R.LENGTH_WORD]!;
    const keyBytes = memory.bytes[arena]![(at << 2) + R.KEY_LENGTH_BYTE]!;
    fields.expiry = expiry >>> 1;
    fields.flags = (expiry & 1) === 0 ? 0 : memory.readInt(arena, (at << 2) + R.ITEM_HEADER_BYTES + keyBytes);
    fields.casHigh = words[at + R.CAS_HIGH_WORD]!;
    fields.casLow = words[at + R.CAS_LOW_WORD]!;
    fields.keyBytes = keyBytes;
    fields.valueBytes = length >>> R.LENGTH_SHIFT;
    fields.isStale = (length & R.STALE) !== 0;
    fields.isWinSent = (length & R.WIN_SENT) !== 0;
  }

  valueBytes(item: number): number {
    return this.#memory.word(item, R.LENGTH_WORD) >>> R.LENGTH_SHIFT;
  }

  /** The slot of a large value, or 0. */
  slotOf(item: number): number {
    const memory = this.#memory;
    if ((memory.word(item, R.LENGTH_WORD) & R.LARGE) === 0) return 0;
    return memory.readInt(memory.arenaOf(item), memory.valueAt(item));
  }

  /** Copies the value, large or small, to `target` from `at` on; returns the end. */
  copyValue(item: number, target: Uint8Array, at: number): number {
    const memory = this.#memory;
    const word = memory.word(item, R.LENGTH_WORD);
    if ((word & R.LARGE) === 0) {
      const length = word >>> R.LENGTH_SHIFT;
      memory.copyOut(memory.arenaOf(item), memory.valueAt(item), length, target, at);
      return at + length;
    }
    return this.#large.copyOut(this.slotOf(item), target, at);
  }

  /** Copies the key and behind it the value; returns the end. A short item without flags is copied in one go. */
  copyKeyAndValue(item: number, target: Uint8Array, at: number): number {
    const memory = this.#memory;
    const arena = memory.arenaOf(item);
    const start = memory.byteAt(item) + R.ITEM_HEADER_BYTES;
    const keyLength = memory.keyLength(item);
    const word = memory.word(item, R.LENGTH_WORD);
    if ((word & R.LARGE) === 0 && (memory.word(item, R.EXPIRY_WORD) & 1) === 0) {
      const length = keyLength + (word >>> R.LENGTH_SHIFT);
      memory.copyOut(arena, start, length, target, at);
      return at + length;
    }
    memory.copyOut(arena, start, keyLength, target, at);
    return this.copyValue(item, target, at + keyLength);
  }

  /** What memcached would ask its allocator for to keep the item, in bytes. */
  requestedBytes(item: number): number {
    const memory = this.#memory;
    const hasFlags = memory.word(item, R.EXPIRY_WORD) & 1;
    const length = memory.word(item, R.LENGTH_WORD) >>> R.LENGTH_SHIFT;
    return this.#classes.requestedBytes(memory.keyLength(item), length, hasFlags);
  }

  classOf(item: number): number {
    return this.#classes.classFor(this.requestedBytes(item));
  }

  /** Writes header, key and flags of a record at `address`; returns the byte of its arena where the value goes. */
  write(
    address: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    flags: number,
    expiry: number,
    access: number,
    casHigh: number,
    casLow: number,
    length: number,
    bits: number,
  ): number {
    const memory = this.#memory;
    const arena = memory.arenaOf(address);
    const words = memory.words[arena]!;
    const word = memory.wordAt(address);
    words[word + R.EXPIRY_WORD] = (expiry << 1) | (flags === 0 ? 0 : 1);
    words[word + R.ACCESS_WORD] = access;
    words[word + R.CAS_LOW_WORD] = casLow;
    words[word + R.CAS_HIGH_WORD] = casHigh;
    words[word + R.LENGTH_WORD] = (length << R.LENGTH_SHIFT) | bits;
    const bytes = memory.bytes[arena]!;
    let at = (word << 2) + R.KEY_LENGTH_BYTE;
    bytes[at++] = keyEnd - keyStart;
    for (let i = keyStart; i < keyEnd; i++) bytes[at++] = key[i]!;
    if (flags !== 0) {
      memory.writeInt(arena, at, flags);
      at += 4;
    }
    return at;
  }

  /** Counts an item that has just been written, and enters it in the index, in the place of `old` if that isn't 0. */
  link(item: number, hash: number, expiry: number, old: number): void {
    const memory = this.#memory;
    const log = this.#log;
    const numbers = this.#numbers;
    if (old === 0) {
      this.#index.insert(hash, item);
    } else {
      this.#index.replaceFound(item);
      this.#forget(old);
    }
    const segment = item >>> log.segmentShift;
    const slot = this.slotOf(item);
    const bytes = memory.recordBytesAt(item);
    log.live[segment]! += bytes;
    log.noteExpiry(segment, expiry);
    const requested = this.requestedBytes(item);
    const id = this.#classes.classFor(requested);
    this.#classes.add(id, C.ITEMS, 1);
    this.#classes.add(id, C.REQUESTED_BYTES, requested);
    numbers[S.LIVE]! += slot === 0 ? bytes : bytes + this.#large.chunkBytes(slot);
    numbers[S.REQUESTED]! += requested;
    numbers[S.CURR_ITEMS]!++;
    numbers[S.TOTAL_ITEMS]!++;
  }

  /** Takes an item out of index and counters. */
  unlink(item: number): void {
    const hash = this.#memory.hashAt(item);
    if (!this.#index.locate(hash, item)) throw new Error(`item at ${item} is linked but not in the index`);
    this.#index.removeFound(hash);
    this.#forget(item);
  }

  /** Unlinks an expired item while making room. */
  reclaim(item: number): void {
    if (!this.isFlushed(item)) {
      const id = this.classOf(item);
      this.#numbers[S.RECLAIMED]!++;
      this.#classes.add(id, C.RECLAIMED, 1);
      if ((this.#memory.word(item, R.LENGTH_WORD) & R.FETCHED) === 0) {
        this.#numbers[S.EXPIRED_UNFETCHED]!++;
        this.#classes.add(id, C.EXPIRED_UNFETCHED, 1);
      }
    }
    this.unlink(item);
  }

  /** Unlinks a live item to make room. */
  evict(item: number, now: number): void {
    const id = this.classOf(item);
    this.#numbers[S.EVICTIONS]!++;
    this.#classes.add(id, C.EVICTED, 1);
    this.#classes.set(id, C.EVICTED_TIME, now - (this.#memory.word(item, R.ACCESS_WORD) >>> 2));
    if (this.expiry(item) !== 0) this.#classes.add(id, C.EVICTED_NONZERO, 1);
    if ((this.#memory.word(item, R.LENGTH_WORD) & R.FETCHED) === 0) {
      this.#numbers[S.EVICTED_UNFETCHED]!++;
      this.#classes.add(id, C.EVICTED_UNFETCHED, 1);
    }
    this.unlink(item);
  }

  /**
   * Moves an item's record to `to`, which has room for it. Everything that names it follows.
   *
   * @param frequency what its frequency becomes
   */
  move(item: number, to: number, frequency: number): void {
    const memory = this.#memory;
    const bytes = memory.recordBytesAt(item);
    const hash = memory.hashAt(item);
    if (!this.#index.locate(hash, item)) throw new Error(`item at ${item} is linked but not in the index`);
    memory.moveRecord(item, to, bytes);
    this.#index.replaceFound(to);
    memory.setWord(to, R.ACCESS_WORD, (memory.word(item, R.ACCESS_WORD) & ~R.MAX_FREQUENCY) | frequency);
    memory.setWord(item, R.LENGTH_WORD, memory.word(item, R.LENGTH_WORD) & ~R.LINKED);
    const slot = this.slotOf(to);
    if (slot !== 0) this.#large.setHead(slot, to);
    const log = this.#log;
    log.live[log.segmentOf(to)]! += bytes;
    log.noteExpiry(log.segmentOf(to), this.expiry(to));
    log.subtractLive(log.segmentOf(item), bytes);
    const ints = this.#ints;
    if (ints[S.GUARD] === item) ints[S.GUARD] = to;
  }

  /** The record is dead: off the counters, unless a flush has taken it off already. */
  #forget(item: number): void {
    const memory = this.#memory;
    const word = memory.word(item, R.LENGTH_WORD);
    memory.setWord(item, R.LENGTH_WORD, word & ~R.LINKED);
    if (this.isFlushed(item)) return;
    const numbers = this.#numbers;
    const requested = this.requestedBytes(item);
    const id = this.#classes.classFor(requested);
    this.#classes.add(id, C.ITEMS, -1);
    this.#classes.add(id, C.REQUESTED_BYTES, -requested);
    const bytes = memory.recordBytesAt(item);
    numbers[S.LIVE]! -= bytes;
    numbers[S.REQUESTED]! -= requested;
    numbers[S.CURR_ITEMS]!--;
    if ((word & R.LARGE) !== 0) {
      const slot = this.slotOf(item);
      numbers[S.LIVE]! -= this.#large.chunkBytes(slot);
      this.#large.drop(slot);
    }
    this.#log.subtractLive(item >>> this.#log.segmentShift, bytes);
  }
}

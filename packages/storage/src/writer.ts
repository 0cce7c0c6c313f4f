// Storing: where a new record goes, what it takes the place of, and values that are put together from several sources.
// It knows neither handles' lifetimes nor the clock: whoever calls has brought the store up to second `now`.

import type { CasCounter } from "./cas-counter.ts";
import type { Ghost } from "./ghost.ts";
import type { Items } from "./items.ts";
import type { KeyIndex } from "./key-index.ts";
import type { LargeValues } from "./large-values.ts";
import { copyRange, type Memory } from "./memory.ts";
import type { Parts } from "./parts.ts";
import type { Reclaimer } from "./reclaimer.ts";
import * as R from "./record.ts";
import { MAIN, MOVING_RESERVE, PROBATION, type SegmentLog } from "./segment-log.ts";
import { OUT_OF_MEMORY, type SlabClasses } from "./slab-classes.ts";
import * as S from "./state.ts";

/** Home buckets that move to a larger index with each item stored. */
const MIGRATE_PER_PUT = 2;

export class Writer {
  readonly #ints: Int32Array;
  readonly #numbers: Float64Array;
  readonly #memory: Memory;
  readonly #index: KeyIndex;
  readonly #log: SegmentLog;
  readonly #large: LargeValues;
  readonly #items: Items;
  readonly #ghost: Ghost;
  readonly #reclaimer: Reclaimer;
  readonly #classes: SlabClasses;
  readonly #cas: CasCounter;
  /** What `#place` found under the key. */
  #old = 0;
  /** The place that `#seek` has found: an arena, a byte in it, and how many bytes lie there in one piece. */
  #pieceArena = 0;
  #pieceAt = 0;
  #pieceBytes = 0;

  constructor(parts: Parts) {
    this.#ints = parts.ints;
    this.#numbers = parts.numbers;
    this.#memory = parts.memory;
    this.#index = parts.index;
    this.#log = parts.log;
    this.#large = parts.large;
    this.#items = parts.items;
    this.#ghost = parts.ghost;
    this.#reclaimer = parts.reclaimer;
    this.#classes = parts.classes;
    this.#cas = parts.cas;
  }

  /** See `Store.put`. */
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
    now: number,
  ): number {
    const length = valueEnd - valueStart;
    const bytes = this.#recordBytes(keyEnd - keyStart, flags, length);
    if (bytes > this.#log.maxRecordBytes) {
      const slot = this.#large.open(length, expiry);
      if (slot === 0) return 0;
      this.fill(slot, value, valueStart, valueEnd, now);
      return this.commit(slot, key, keyStart, keyEnd, flags, expiry, casHigh, casLow, now);
    }
    const hash = this.#memory.hashOf(key, keyStart, keyEnd);
    const old = this.#index.lookup(hash, key, keyStart, keyEnd);
    if (old !== 0 && this.#mayOverwrite(old, flags, expiry, length, now)) {
      this.#overwrite(old, key, keyStart, keyEnd, flags, expiry, casHigh, casLow, length, now);
      this.#memory.copyIn(value, valueStart, valueEnd, this.#memory.arenaOf(old), this.#memory.valueAt(old));
      return old;
    }
    const item = this.#place(hash, key, keyStart, keyEnd, bytes, expiry, now);
    if (item === 0) return this.#outOfMemory(keyEnd - keyStart, length, flags);
    const at = this.#write(item, key, keyStart, keyEnd, flags, expiry, casHigh, casLow, length, 0, now);
    this.#memory.copyIn(value, valueStart, valueEnd, this.#memory.arenaOf(item), at);
    this.#items.link(item, hash, expiry, this.#old);
    return item;
  }

  /**
   * Whether a new value of that length can take the place of a live one: same record, same group of remaining time.
   * Most values that are stored again are as long as before; nothing is appended then, and nothing left to be cleaned.
   */
  #mayOverwrite(old: number, flags: number, expiry: number, length: number, now: number): boolean {
    const memory = this.#memory;
    const log = this.#log;
    const lengthWord = memory.word(old, R.LENGTH_WORD);
    if ((lengthWord & R.LARGE) !== 0 || lengthWord >>> R.LENGTH_SHIFT !== length) return false;
    const expiryWord = memory.word(old, R.EXPIRY_WORD);
    if ((expiryWord & 1) !== (flags === 0 ? 0 : 1)) return false;
    const oldExpiry = expiryWord >>> 1;
    if (oldExpiry !== 0 && oldExpiry <= now) return false;
    const segment = log.segmentOf(old);
    if (log.flushed[segment] === 1) return false;
    return oldExpiry === expiry || log.groupFor(PROBATION, expiry, now) === log.group[segment]! % log.groups;
  }

  /** Writes all of a record but its value over one of the same lengths. */
  #overwrite(
    item: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    flags: number,
    expiry: number,
    casHigh: number,
    casLow: number,
    length: number,
    now: number,
  ): void {
    if (casHigh === 0 && casLow === 0) {
      this.#cas.next();
      casHigh = this.#cas.high;
      casLow = this.#cas.low;
    }
    // It doesn't move to where the new ones are, so being stored again counts as being wanted.
    const access = (now << 2) | Math.max(this.#items.frequency(item), 1);
    this.#items.write(item, key, keyStart, keyEnd, flags, expiry, access, casHigh, casLow, length, R.LINKED);
    this.#log.noteExpiry(this.#log.segmentOf(item), expiry);
    this.#numbers[S.TOTAL_ITEMS]!++;
  }

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
    this.#index.keepUp(MIGRATE_PER_PUT);
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
      this.#cas.next();
      casHigh = this.#cas.high;
      casLow = this.#cas.low;
    }
    const frequency = this.#old === 0 ? 0 : this.#items.frequency(this.#old);
    const access = (now << 2) | frequency;
    const state = bits | R.LINKED;
    return this.#items.write(item, key, keyStart, keyEnd, flags, expiry, access, casHigh, casLow, length, state);
  }

  /** Fills an arriving value, adding chunks as needed; without memory for them it is marked as failed. */
  fill(slot: number, source: Uint8Array, start: number, end: number, now: number): void {
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
  commit(
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
    const hash = this.#memory.hashOf(key, keyStart, keyEnd);
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
      large.copyOut(slot, this.#memory.bytes[arena]!, at);
      large.drop(slot);
    }
    this.#items.link(item, hash, expiry, this.#old);
    return item;
  }

  /** `concat` with `value[start, end)`, or with the bytes of a slot if that isn't 0. */
  concat(
    item: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    addedSlot: number,
    before: boolean,
    now: number,
  ): number {
    const ints = this.#ints;
    const flags = this.#items.flags(item);
    const expiry = this.#items.expiry(item);
    const added = addedSlot === 0 ? valueEnd - valueStart : this.#large.length(addedSlot);
    const length = this.#items.valueBytes(item) + added;
    const bytes = this.#recordBytes(keyEnd - keyStart, flags, length);
    ints[S.GUARD] = item;
    if (addedSlot === 0 && bytes <= this.#log.maxRecordBytes) {
      const hash = this.#memory.hashOf(key, keyStart, keyEnd);
      const joined = this.#place(hash, key, keyStart, keyEnd, bytes, expiry, now);
      item = ints[S.GUARD];
      ints[S.GUARD] = 0;
      if (joined === 0) return this.#outOfMemory(keyEnd - keyStart, length, flags);
      const at = this.#write(joined, key, keyStart, keyEnd, flags, expiry, 0, 0, length, 0, now);
      const target = this.#memory.bytes[this.#memory.arenaOf(joined)]!;
      if (before) copyRange(value, valueStart, valueEnd, target, at);
      const end = this.#items.copyValue(item, target, before ? at + added : at);
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
      else this.fill(slot, value, valueStart, valueEnd, now);
    }
    const result = this.commit(slot, key, keyStart, keyEnd, flags, expiry, 0, 0, now);
    ints[S.GUARD] = 0;
    return result;
  }

  /** Fills a slot with the bytes of another one, or of the guarded item if `source` is 0. Both may move meanwhile. */
  #fillFrom(slot: number, source: number, now: number): void {
    const length = source === 0 ? this.#items.valueBytes(this.#ints[S.GUARD]!) : this.#large.length(source);
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
      this.#pieceBytes = this.#items.valueBytes(item) - offset;
      return;
    }
    let chunk = large.first(slot);
    for (; offset >= large.chunkLength(chunk); chunk = large.nextChunk(chunk)) offset -= large.chunkLength(chunk);
    this.#pieceArena = memory.arenaOf(chunk);
    this.#pieceAt = memory.byteAt(chunk) + R.CHUNK_HEADER_BYTES + offset;
    this.#pieceBytes = large.chunkLength(chunk) - offset;
  }

  #outOfMemory(keyBytes: number, valueBytes: number, flags: number): number {
    const id = this.#classes.classFor(this.#classes.requestedBytes(keyBytes, valueBytes, flags));
    this.#classes.add(id, OUT_OF_MEMORY, 1);
    return 0;
  }
}

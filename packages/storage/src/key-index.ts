// From a key's hash to an address. Buckets of one cache line: twelve addresses, twelve one-byte tags, and a count of
// the entries that found it full and went on to the following buckets. Entries never move within a table, so a walk
// can stop and go on. A table that gets full, or a larger `maxBytes`, brings a second one, to which the first moves
// bucket by bucket, a few with each item stored; the last has room for the smallest records that the store can hold.

import { bucketsFor, growsAt, nextBuckets } from "./geometry.ts";
import { indexPieces, indexViews, PIECE_SHIFT, stateInts, type StoreBuffers } from "./buffers.ts";
import type { Memory } from "./memory.ts";
import * as S from "./state.ts";

const TAGS_WORD = 12;
const OVERFLOW_WORD = 15;
const PIECE_MASK = 2 ** PIECE_SHIFT - 1;
const HASHES = 2 ** 32;

interface Table {
  readonly pieces: readonly Int32Array[];
  readonly buckets: number;
  /** Times the unsigned hash = home bucket. */
  readonly scale: number;
}

export class KeyIndex {
  /** The table, bucket and word of the entry that `lookup` or `locate` has found; true = the next table. */
  foundInNext = false;
  foundBucket = 0;
  foundLane = 0;
  #current: Table;
  #next: Table;
  readonly #buffers: StoreBuffers;
  readonly #ints: Int32Array;
  readonly #memory: Memory;

  constructor(buffers: StoreBuffers, memory: Memory) {
    this.#buffers = buffers;
    this.#ints = stateInts(buffers);
    this.#memory = memory;
    this.#current = this.#next = tableOf([], 1);
    this.refresh();
  }

  /** Takes views of the tables as they are now. */
  refresh(): void {
    this.#current = tableOf(indexViews(this.#buffers.index), this.#ints[S.INDEX_BUCKETS]!);
    this.#next = tableOf(indexViews(this.#buffers.nextIndex), this.#ints[S.NEXT_BUCKETS]!);
  }

  /** The address of the item with that key, dead or alive, or 0. */
  lookup(hash: number, key: Uint8Array, start: number, end: number): number {
    const memory = this.#memory;
    const pattern = Math.imul(tagOf(hash), 0x0101_0101);
    let table = this.#current;
    let bucket = homeOf(table, hash);
    const inNext = bucket < this.#ints[S.MIGRATED]!;
    if (inNext) {
      table = this.#next;
      bucket = homeOf(table, hash);
    }
    for (;;) {
      const words = table.pieces[bucket >>> PIECE_SHIFT]!;
      const base = (bucket & PIECE_MASK) << 4;
      for (let t = 0; t < 3; t++) {
        // A byte of x is 0 where a tag matches; the rest finds zero bytes (and, rarely, a 1 above one: harmless).
        const x = words[base + TAGS_WORD + t]! ^ pattern;
        let matches = ((x - 0x0101_0101) | 0) & ~x & 0x8080_8080;
        while (matches !== 0) {
          const lane = (t << 2) + ((31 - Math.clz32(matches & -matches)) >>> 3);
          const address = words[base + lane]!;
          // An empty lane has address 0, where no record lies: its key length there is 0.
          if (memory.hasKey(address, key, start, end)) {
            this.foundInNext = inNext;
            this.foundBucket = bucket;
            this.foundLane = lane;
            return address;
          }
          matches &= matches - 1;
        }
      }
      if (words[base + OVERFLOW_WORD] === 0) return 0;
      if (++bucket === table.buckets) bucket = 0;
    }
  }

  /** Finds the entry of an address; false if there is none. */
  locate(hash: number, address: number): boolean {
    let table = this.#current;
    let bucket = homeOf(table, hash);
    const inNext = bucket < this.#ints[S.MIGRATED]!;
    if (inNext) {
      table = this.#next;
      bucket = homeOf(table, hash);
    }
    for (;;) {
      const words = table.pieces[bucket >>> PIECE_SHIFT]!;
      const base = (bucket & PIECE_MASK) << 4;
      for (let lane = 0; lane < TAGS_WORD; lane++) {
        if (words[base + lane] === address) {
          this.foundInNext = inNext;
          this.foundBucket = bucket;
          this.foundLane = lane;
          return true;
        }
      }
      if (words[base + OVERFLOW_WORD] === 0) return false;
      if (++bucket === table.buckets) bucket = 0;
    }
  }

  /** Gives the entry found last another address: same key, same place. */
  replaceFound(address: number): void {
    const table = this.foundInNext ? this.#next : this.#current;
    const words = table.pieces[this.foundBucket >>> PIECE_SHIFT]!;
    words[((this.foundBucket & PIECE_MASK) << 4) + this.foundLane] = address;
  }

  /** Adds an entry. The key must not be there yet. */
  insert(hash: number, address: number): void {
    this.#ints[S.INDEX_ENTRIES]!++;
    insertInto(this.#tableFor(hash), hash, address);
  }

  /** Takes out the entry found last; `hash` is that of its key. */
  removeFound(hash: number): void {
    this.#ints[S.INDEX_ENTRIES]!--;
    const table = this.foundInNext ? this.#next : this.#current;
    removeEntry(table, hash, this.foundBucket, this.foundLane);
  }

  /** True while a larger table is taking over. */
  get migrating(): boolean {
    return this.#ints[S.NEXT_BUCKETS] !== 0;
  }

  /** Goes on with the move of so many buckets to a larger table, or begins one when this table is getting full. */
  keepUp(buckets: number): void {
    const ints = this.#ints;
    if (this.migrating) {
      for (let left = buckets; left > 0 && ints[S.NEXT_BUCKETS] !== 0; left--) this.migrateBucket();
    } else if (ints[S.INDEX_ENTRIES]! >= ints[S.INDEX_GROWS_AT]!) {
      const most = bucketsFor(ints[S.SEGMENT_ROOM]! * 2 ** ints[S.SEGMENT_SHIFT]!);
      const next = nextBuckets(ints[S.INDEX_BUCKETS]!, most);
      this.#grow(next);
      ints[S.INDEX_GROWS_AT] = next < most ? growsAt(next) : S.NO_GROWTH;
    }
  }

  /** The store may become larger: the last table may not be the last any more. */
  allowGrowth(): void {
    const ints = this.#ints;
    if (ints[S.INDEX_GROWS_AT] !== S.NO_GROWTH) return;
    ints[S.INDEX_GROWS_AT] = growsAt(Math.max(ints[S.INDEX_BUCKETS]!, ints[S.NEXT_BUCKETS]!));
  }

  #grow(buckets: number): void {
    this.#buffers.nextIndex = indexPieces(buckets, this.#buffers.shared);
    this.#ints[S.NEXT_BUCKETS] = buckets;
    this.#ints[S.GENERATION]!++;
    this.refresh();
  }

  /** Moves the entries of one home bucket to the next table, and ends the move after the last. */
  migrateBucket(): void {
    const ints = this.#ints;
    const from = this.#current;
    const home = ints[S.MIGRATED]!;
    let bucket = home;
    for (;;) {
      const words = from.pieces[bucket >>> PIECE_SHIFT]!;
      const base = (bucket & PIECE_MASK) << 4;
      // Read before the entries leave: their leaving lowers it.
      const overflow = words[base + OVERFLOW_WORD]!;
      for (let lane = 0; lane < TAGS_WORD; lane++) {
        const address = words[base + lane]!;
        if (address === 0) continue;
        const hash = this.#memory.hashAt(address);
        if (homeOf(from, hash) !== home) continue;
        removeEntry(from, hash, bucket, lane);
        insertInto(this.#next, hash, address);
      }
      if (overflow === 0) break;
      if (++bucket === from.buckets) bucket = 0;
    }
    ints[S.MIGRATED] = home + 1;
    if (home + 1 < from.buckets) return;
    this.#buffers.index = this.#buffers.nextIndex;
    this.#buffers.nextIndex = [];
    ints[S.INDEX_BUCKETS] = ints[S.NEXT_BUCKETS]!;
    ints[S.NEXT_BUCKETS] = 0;
    ints[S.MIGRATED] = 0;
    ints[S.GENERATION]!++;
    this.refresh();
  }

  /**
   * Visits the entries whose hash is `from` or above, in the order of home buckets, until about `maxItems` have been
   * visited or many buckets looked at. A walk by hashes stays exact when the table changes between two calls.
   *
   * @returns the hash to go on from; 2^32 = done
   */
  walk(from: number, maxItems: number, visit: (address: number) => void): number {
    let left = maxItems;
    let bucketsLeft = 256 + maxItems;
    while (from < HASHES && left > 0 && bucketsLeft-- > 0) {
      const table = this.#tableFor(from | 0);
      const home = homeOf(table, from);
      let bucket = home;
      for (;;) {
        const words = table.pieces[bucket >>> PIECE_SHIFT]!;
        const base = (bucket & PIECE_MASK) << 4;
        const more = words[base + OVERFLOW_WORD]!;
        for (let lane = 0; lane < TAGS_WORD; lane++) {
          const address = words[base + lane]!;
          if (address === 0) continue;
          const hash = this.#memory.hashAt(address) >>> 0;
          if (homeOf(table, hash) !== home || hash < from) continue;
          left--;
          visit(address);
        }
        if (more === 0) break;
        if (++bucket === table.buckets) bucket = 0;
      }
      from = firstHash(table, home + 1);
      // The last bucket of what has moved may also cover hashes that have not.
      if (table === this.#next) from = Math.min(from, firstHash(this.#current, this.#ints[S.MIGRATED]!));
    }
    return from;
  }

  #tableFor(hash: number): Table {
    const home = homeOf(this.#current, hash);
    return home < this.#ints[S.MIGRATED]! ? this.#next : this.#current;
  }
}

function tableOf(pieces: readonly Int32Array[], buckets: number): Table {
  return { pieces, buckets, scale: buckets / HASHES };
}

/** The bucket that a hash belongs into. */
function homeOf(table: Table, hash: number): number {
  return ((hash >>> 0) * table.scale) | 0;
}

/** The lowest hash whose home is `bucket`; 2^32 beyond the last. */
function firstHash(table: Table, bucket: number): number {
  if (bucket >= table.buckets) return HASHES;
  let hash = Math.ceil(bucket / table.scale);
  while (homeOf(table, hash - 1) >= bucket) hash--;
  while (homeOf(table, hash) < bucket) hash++;
  return hash;
}

/** One byte of the hash that the bucket number hardly depends on; 0 is kept for empty lanes. */
function tagOf(hash: number): number {
  const tag = hash & 0xff;
  return tag === 0 ? 0x55 : tag;
}

function insertInto(table: Table, hash: number, address: number): void {
  let bucket = homeOf(table, hash);
  for (;;) {
    const words = table.pieces[bucket >>> PIECE_SHIFT]!;
    const base = (bucket & PIECE_MASK) << 4;
    for (let t = 0; t < 3; t++) {
      const tags = words[base + TAGS_WORD + t]!;
      const empty = ((tags - 0x0101_0101) | 0) & ~tags & 0x8080_8080;
      if (empty === 0) continue;
      const lane = (31 - Math.clz32(empty & -empty)) >>> 3;
      words[base + TAGS_WORD + t] = tags | (tagOf(hash) << (lane << 3));
      words[base + (t << 2) + lane] = address;
      return;
    }
    words[base + OVERFLOW_WORD]!++;
    if (++bucket === table.buckets) bucket = 0;
  }
}

function removeEntry(table: Table, hash: number, bucket: number, lane: number): void {
  const words = table.pieces[bucket >>> PIECE_SHIFT]!;
  const base = (bucket & PIECE_MASK) << 4;
  words[base + lane] = 0;
  words[base + TAGS_WORD + (lane >>> 2)]! &= ~(0xff << ((lane & 3) << 3));
  let passed = homeOf(table, hash);
  while (passed !== bucket) {
    table.pieces[passed >>> PIECE_SHIFT]![((passed & PIECE_MASK) << 4) + OVERFLOW_WORD]!--;
    if (++passed === table.buckets) passed = 0;
  }
}

// memcached's slab classes as bookkeeping only: which class memcached would keep an item in, and what happened to the
// items of each. No memory is cut up this way here.

import { CLASS_COUNTERS_AT, stateInts, type StoreBuffers } from "./buffers.ts";
import * as S from "./state.ts";

/** What is counted per class. */
export const classCounters = [
  "items",
  "requestedBytes",
  "evicted",
  "evictedNonzero",
  "evictedUnfetched",
  "expiredUnfetched",
  "reclaimed",
  "outOfMemory",
  "evictedTime",
] as const;

/** The name of a counter of a class. */
export type ClassCounter = (typeof classCounters)[number];

export const ITEMS = 0;
export const REQUESTED_BYTES = 1;
export const EVICTED = 2;
export const EVICTED_NONZERO = 3;
export const EVICTED_UNFETCHED = 4;
export const EXPIRED_UNFETCHED = 5;
export const RECLAIMED = 6;
export const OUT_OF_MEMORY = 7;
export const EVICTED_TIME = 8;
/** float64 per class: the counters, then the class's size. */
const STRIDE = 10;
const SIZE = 9;

/** memcached's own limit of slab classes (memcached.h: MAX_NUMBER_OF_SLAB_CLASSES less 1). */
const MAX_CLASSES = 63;

/** Half a slab page: the largest chunk of memcached's default configuration, in bytes. */
const LARGEST_CHUNK_BYTES = 512 * 1024;

/** memcached's item header, the terminator of a value, and what cas and client flags add, in bytes. */
const HEADER_BYTES = 48;
const CAS_BYTES = 8;
const FLAGS_BYTES = 4;

export const CLASS_BYTES = (MAX_CLASSES + 1) * STRIDE * 8;

/** The virtual slab classes of a store, numbered from 1. */
export class SlabClasses {
  /** What memcached adds to key, value and flags for every item, in bytes. */
  readonly fixedBytes: number;
  readonly #counters: Float64Array;
  readonly #ints: Int32Array;

  constructor(buffers: StoreBuffers) {
    this.#counters = new Float64Array(buffers.state, CLASS_COUNTERS_AT, (MAX_CLASSES + 1) * STRIDE);
    this.#ints = stateInts(buffers);
    this.fixedBytes = HEADER_BYTES + 1 + 2 + (this.#ints[S.CAS] === 1 ? CAS_BYTES : 0);
  }

  /** The number of classes; the last holds everything above the largest chunk too. */
  get count(): number {
    return this.#ints[S.CLASS_COUNT]!;
  }

  /** The size of a class's chunks in bytes. */
  chunkBytes(id: number): number {
    return this.#counters[id * STRIDE + SIZE]!;
  }

  /** One counter of a class. */
  read(id: number, counter: ClassCounter): number {
    return this.#counters[id * STRIDE + classCounters.indexOf(counter)]!;
  }

  /** What memcached would ask its allocator for, in bytes. */
  requestedBytes(keyBytes: number, valueBytes: number, flags: number): number {
    return this.fixedBytes + keyBytes + valueBytes + (flags === 0 ? 0 : FLAGS_BYTES);
  }

  /** The class of an item of so many requested bytes. */
  classFor(requestedBytes: number): number {
    const counters = this.#counters;
    let low = 1;
    let high = this.#ints[S.CLASS_COUNT]!;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (counters[middle * STRIDE + SIZE]! < requestedBytes) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  add(id: number, counter: number, amount: number): void {
    this.#counters[id * STRIDE + counter]! += amount;
  }

  set(id: number, counter: number, value: number): void {
    this.#counters[id * STRIDE + counter] = value;
  }

  /** Nothing is stored any more. */
  empty(): void {
    for (let id = 1; id <= this.count; id++) {
      this.set(id, ITEMS, 0);
      this.set(id, REQUESTED_BYTES, 0);
    }
  }

  /** Sets the counters of events to 0, as memcached's `stats reset` does. */
  reset(): void {
    for (let id = 1; id <= this.count; id++) {
      for (let counter = EVICTED; counter < SIZE; counter++) this.set(id, counter, 0);
    }
  }

  /**
   * Lays out the classes as memcached does: sizes from `minItemBytes` by `growthFactor`, in steps of 8, the last one
   * half a page. Source: slabs.c, slabs_init(). With the defaults: 1 is 96 bytes, 2 is 120, … 39 is 524,288.
   */
  layOut(growthFactor: number, minItemBytes: number): void {
    let bytes = HEADER_BYTES + minItemBytes;
    let id = 1;
    for (; id < MAX_CLASSES && bytes < LARGEST_CHUNK_BYTES / growthFactor; id++) {
      bytes = (bytes + 7) & ~7;
      this.set(id, SIZE, bytes);
      bytes = Math.floor(bytes * growthFactor);
    }
    this.set(id, SIZE, LARGEST_CHUNK_BYTES);
    this.#ints[S.CLASS_COUNT] = id;
  }
}

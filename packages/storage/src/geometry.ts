// How a store of a given size is cut up: segments, arenas, groups, index, tables. Pure arithmetic.

import { MIN_RECORD_BYTES } from "./record.ts";

/** Entries of an index bucket. */
export const BUCKET_SLOTS = 12;

/** Sizes that hold for a store's whole life. */
export interface Geometry {
  /** log2 of a segment's bytes. */
  readonly segmentShift: number;
  /** log2 of the bytes that one step of an address spans; records are aligned to it. */
  readonly unitShift: number;
  /** log2 of an arena's bytes. */
  readonly arenaShift: number;
  /** How many groups of remaining time segments are sorted into. */
  readonly ttlGroups: number;
}

const GIB_SHIFT = 30;

/** The fewest segments of any store; see `MIN_STORE_BYTES`. */
const SEGMENTS_AIMED_AT = 256;

/** Cuts up a store of `maxBytes`. */
export function geometryFor(maxBytes: number): Geometry {
  const segmentShift = clamp(Math.floor(Math.log2(maxBytes / SEGMENTS_AIMED_AT)), 13, maxBytes > 2 ** 33 ? 20 : 19);
  return {
    segmentShift,
    // 2^32 addresses: 16 GiB in steps of 4 bytes, 32 GiB in steps of 8, 64 GiB in steps of 16.
    unitShift: clamp(Math.ceil(Math.log2(maxBytes)) - 32, 2, 4),
    arenaShift: clamp(Math.ceil(Math.log2(maxBytes)), segmentShift, GIB_SHIFT),
    ttlGroups: maxBytes >> segmentShift >= SEGMENTS_AIMED_AT ? 6 : 3,
  };
}

/** The most bytes that addresses of that unit can tell apart. */
export function addressableBytes(unitShift: number): number {
  return 2 ** (32 + unitShift);
}

/** Buckets of an index in which every record of a store finds a place, at most 85 % full. */
export function bucketsFor(maxBytes: number): number {
  return Math.ceil(maxBytes / MIN_RECORD_BYTES / BUCKET_SLOTS / 0.85) + 1;
}

/** An index grows by this factor: few steps, and the one it leaves behind is small beside it. */
const INDEX_GROWTH = 8;
/** The smallest index, in buckets of 64 bytes: it stays in the processor's cache. */
const LEAST_BUCKETS = 2048;
/** Share of an index's places that are taken when the next one begins to follow it. */
const FULL_SHARE = 0.75;

/** Buckets of the index that an empty store begins with, if it may have `most` in the end. */
export function firstBuckets(most: number): number {
  let buckets = most;
  while (buckets / INDEX_GROWTH >= LEAST_BUCKETS) buckets = Math.ceil(buckets / INDEX_GROWTH);
  return buckets;
}

/** Buckets of the index that follows one of `buckets`, `most` in the end. */
export function nextBuckets(buckets: number, most: number): number {
  return Math.min(buckets * INDEX_GROWTH, most);
}

/** Entries at which an index of `buckets` is followed by the next. */
export function growsAt(buckets: number): number {
  return Math.floor(buckets * BUCKET_SLOTS * FULL_SHARE);
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}

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

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}

// What a store can be told, with the unit and the default of each field. Nothing here reads flags or the environment.

import { CacheError, DEFAULT_MAX_ITEM_BYTES, MAX_ITEM_BYTES, MIN_ITEM_BYTES, type Clock } from "@marugoto/core";

/** What a store can be told at its creation. */
export interface StoreOptions {
  /** Room for items, in bytes, at least 1 MiB; the index (about a tenth of it) comes on top. memcached's `-m`. */
  readonly maxBytes: number;
  /** The largest item in bytes, counted as memcached counts it (see `Store.fits`); 1 MiB. memcached's `-I`. */
  readonly maxItemBytes?: number;
  /** Where the store reads the time; it never asks the system. */
  readonly clock: Clock;
  /** Whether live items make room for new ones; true. False is memcached's `-M`: storing fails instead. */
  readonly evict?: boolean;
  /** Whether items carry a cas number; true. False is memcached's `-C`. */
  readonly cas?: boolean;
  /** Seed of the key hash, 32 bits; random. */
  readonly seed?: number;
  /** Step between the sizes of two virtual slab classes; 1.25. memcached's `-f`. */
  readonly growthFactor?: number;
  /** Bytes of key, value and flags in the smallest virtual slab class; 48. memcached's `-n`. */
  readonly minItemBytes?: number;
  /** Whether the buffers are SharedArrayBuffers; false. */
  readonly shared?: boolean;
}

/** `StoreOptions` with every field decided. */
export type ResolvedOptions = Required<StoreOptions>;

/** The smallest `maxBytes`: below it, segments would be too few to keep the promise about 75 %. */
export const MIN_STORE_BYTES = 1024 * 1024;

/** The defaults of the options that have one; `seed` is drawn anew for each store. */
export const storeDefaults = {
  maxItemBytes: DEFAULT_MAX_ITEM_BYTES,
  evict: true,
  cas: true,
  growthFactor: 1.25,
  minItemBytes: 48,
  shared: false,
} as const;

/**
 * Fills in the defaults and checks the ranges.
 *
 * @throws CacheError `invalid_option`, naming the field and both numbers
 */
export function resolveOptions(options: StoreOptions): ResolvedOptions {
  const seed = options.seed ?? Math.floor(Math.random() * 2 ** 32);
  const resolved = { ...storeDefaults, ...options, seed: seed | 0 };
  checkRange("maxBytes", resolved.maxBytes, MIN_STORE_BYTES, 64 * 1024 ** 3);
  checkRange("maxItemBytes", resolved.maxItemBytes, MIN_ITEM_BYTES, MAX_ITEM_BYTES);
  checkRange("minItemBytes", resolved.minItemBytes, 1, resolved.maxItemBytes);
  if (!(resolved.growthFactor > 1)) {
    throw new CacheError("invalid_option", `growthFactor is ${resolved.growthFactor}, must be above 1`);
  }
  return resolved;
}

function checkRange(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new CacheError("invalid_option", `${name} is ${value}, must be a whole number from ${least} to ${most}`);
}

// pecl-memcache's consistent hashing: a continuum sampled into 1024 buckets, so that a lookup is one remainder.

import type { Hash } from "../hashes/hash.ts";
import { PointName } from "./point-name.ts";

export const PECL_BUCKETS = 1024;

/** Points of a server for each unit of its weight. */
const PECL_POINTS_PER_WEIGHT = 160;

const STEP = Math.floor(0xffff_ffff / PECL_BUCKETS);

/**
 * Bucket i belongs to the first point at or after i · 4194303; past the last point comes the first.
 *
 * Each server has 160 · weight points hash(`host:port-0`), hash(`host:port-1`) … The order of the servers doesn't
 * count, except that of two equal points the earlier server's wins (the C library's sort keeps their order).
 *
 * Source: pecl-memcache 8.0, memcache_consistent_hash.c:66-160.
 *
 * @param names   `host:port` of each server
 * @param weights whole, at least 1
 * @returns the server index of each of the 1024 buckets
 */
export function peclBuckets(names: readonly string[], weights: readonly number[], hash: Hash): Uint32Array {
  // Only the lowest point between two bucket edges can own a bucket, so that is all to keep of them: no sort, and a
  // large weight takes time but no memory. The one point in 2³² past edge 1024 has a cell of its own.
  const lowest = new Float64Array(PECL_BUCKETS + 1).fill(Infinity);
  const owner = new Uint32Array(PECL_BUCKETS + 1);
  names.forEach((name, server) => {
    const text = new PointName(`${name}-`);
    for (let i = 0; i < PECL_POINTS_PER_WEIGHT * weights[server]!; i++) {
      const point = hash(text.bytes, 0, text.write(i)) >>> 0;
      const cell = Math.floor(point / STEP);
      if (point < lowest[cell]!) {
        lowest[cell] = point;
        owner[cell] = server;
      }
    }
  });

  const buckets = new Uint32Array(PECL_BUCKETS);
  let next = owner[lowest.findIndex((point) => point !== Infinity)]!;
  for (let cell = PECL_BUCKETS; cell >= 0; cell--) {
    if (lowest[cell] !== Infinity) next = owner[cell]!;
    if (cell < PECL_BUCKETS) buckets[cell] = next;
  }
  return buckets;
}

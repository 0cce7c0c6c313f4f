// MurmurHash2 with the seed that libmemcached and twemproxy give it.

import type { Hash } from "./hash.ts";

const M = 0x5bd1e995;

/**
 * MurmurHash2, 32 bits, seed = length · 0xdeadbeef. Check: "apple" → 0xf6e68f62.
 * Source: libhashkit 1.1.4, murmur.cc (`HASH_MURMUR`); twemproxy 0.5.0, nc_murmur.c.
 */
export const murmur2: Hash = (bytes, start, end) => {
  const length = end - start;
  let hash = Math.imul(length, 0xdeadbeef) ^ length;
  let i = start;
  for (; i + 4 <= end; i += 4) {
    let k = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    k = Math.imul(k, M);
    k = Math.imul(k ^ (k >>> 24), M);
    hash = Math.imul(hash, M) ^ k;
  }
  if (i < end) {
    hash ^= bytes[i]!;
    if (i + 1 < end) hash ^= bytes[i + 1]! << 8;
    if (i + 2 < end) hash ^= bytes[i + 2]! << 16;
    hash = Math.imul(hash, M);
  }
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
};

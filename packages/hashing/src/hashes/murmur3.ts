// MurmurHash3 x86_32, with any seed and with libmemcached's.

import type { Hash } from "./hash.ts";

/** MurmurHash3's final mix: spreads every bit of a 32-bit word over all others; a bijection. */
export function mix32(word: number): number {
  let h = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/**
 * MurmurHash3 x86_32. Check: seed 0, "" → 0; seed 1, "" → 0x514e28b7; seed 0x9747b28c, "Hello, world!" → 0x24884cba.
 * @param seed any 32 bits
 */
export function murmur3Seeded(bytes: Uint8Array, start: number, end: number, seed: number): number {
  let hash = seed | 0;
  let i = start;
  for (; i + 4 <= end; i += 4) {
    let k = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    k = Math.imul(k, 0xcc9e2d51);
    hash ^= Math.imul((k << 15) | (k >>> 17), 0x1b873593);
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  if (i < end) {
    let k = bytes[i]!;
    if (i + 1 < end) k |= bytes[i + 1]! << 8;
    if (i + 2 < end) k |= bytes[i + 2]! << 16;
    k = Math.imul(k, 0xcc9e2d51);
    hash ^= Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  }
  return mix32(hash ^ (end - start));
}

/**
 * MurmurHash3 x86_32 with seed = length · 0xdeadbeef. Check: "apple" → 0x42c51629.
 * Source: libhashkit 1.1.4, murmur3_api.cc (raw hash 10; PHP has no constant for it).
 */
export const murmur3: Hash = (bytes, start, end) =>
  murmur3Seeded(bytes, start, end, Math.imul(end - start, 0xdeadbeef));

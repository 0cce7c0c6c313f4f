// Bob Jenkins's one-at-a-time hash, the default of libmemcached.

import { charShift, type Char, type Hash } from "./hash.ts";

export function makeOneAtATime(char: Char): Hash {
  const shift = charShift(char);
  return (bytes, start, end) => {
    let hash = 0;
    for (let i = start; i < end; i++) {
      hash = (hash + ((bytes[i]! << shift) >> shift)) | 0;
      hash = (hash + (hash << 10)) | 0;
      hash ^= hash >>> 6;
    }
    hash = (hash + (hash << 3)) | 0;
    hash ^= hash >>> 11;
    return (hash + (hash << 15)) | 0;
  };
}

/**
 * One-at-a-time without a seed, with signed bytes. Check: "apple" → 0x88f08ef3.
 * Source: libhashkit 1.1.4, one_at_a_time.cc (`HASH_DEFAULT`); twemproxy 0.5.0, nc_one_at_a_time.c.
 */
export const oneAtATime = makeOneAtATime("signed");

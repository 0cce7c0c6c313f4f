// Paul Hsieh's SuperFastHash, as libmemcached (where it is compiled in) and twemproxy compute it.

import { charShift, type Char, type Hash } from "./hash.ts";

export function makeHsieh(char: Char): Hash {
  const shift = charShift(char);
  return (bytes, start, end) => {
    let hash = 0;
    let i = start;
    for (; i + 4 <= end; i += 4) {
      hash = (hash + (bytes[i]! | (bytes[i + 1]! << 8))) | 0;
      hash = (hash << 16) ^ ((bytes[i + 2]! | (bytes[i + 3]! << 8)) << 11) ^ hash;
      hash = (hash + (hash >>> 11)) | 0;
    }
    switch (end - i) {
      case 3:
        hash = (hash + (bytes[i]! | (bytes[i + 1]! << 8))) | 0;
        hash ^= hash << 16;
        // Of all bytes only this one is read as a char.
        hash ^= ((bytes[i + 2]! << shift) >> shift) << 18;
        hash = (hash + (hash >>> 11)) | 0;
        break;
      case 2:
        hash = (hash + (bytes[i]! | (bytes[i + 1]! << 8))) | 0;
        hash ^= hash << 11;
        hash = (hash + (hash >>> 17)) | 0;
        break;
      case 1:
        hash = (hash + bytes[i]!) | 0;
        hash ^= hash << 10;
        hash = (hash + (hash >>> 1)) | 0;
        break;
    }
    hash ^= hash << 3;
    hash = (hash + (hash >>> 5)) | 0;
    hash ^= hash << 4;
    hash = (hash + (hash >>> 17)) | 0;
    hash ^= hash << 25;
    return (hash + (hash >>> 6)) | 0;
  };
}

/**
 * SuperFastHash starting from 0 (not from the length, as its author does). Empty → 0. Check: "apple" → 0xdeda533e.
 * Source: libhashkit 1.1.4, hsieh.cc (Debian leaves it out); twemproxy 0.5.0, nc_hsieh.c.
 */
export const hsieh = makeHsieh("signed");

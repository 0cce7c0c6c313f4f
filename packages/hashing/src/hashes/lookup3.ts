// Bob Jenkins's lookup3 (hashlittle), which libmemcached and twemproxy call "jenkins".

import type { Hash } from "./hash.ts";

const INITVAL = 13;

/**
 * lookup3 hashlittle with initval 13. Check: "apple" → 0x55f9f550.
 * Source: libhashkit 1.1.4, jenkins.cc (raw hash 9; PHP has no constant for it); twemproxy 0.5.0, nc_jenkins.c.
 */
export const lookup3: Hash = (bytes, start, end) => {
  let length = end - start;
  let a = (0xdeadbeef + length + INITVAL) | 0;
  let b = a;
  let c = a;
  if (length === 0) return c;
  let i = start;
  for (; length > 12; length -= 12, i += 12) {
    a = (a + (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24))) | 0;
    b = (b + (bytes[i + 4]! | (bytes[i + 5]! << 8) | (bytes[i + 6]! << 16) | (bytes[i + 7]! << 24))) | 0;
    c = (c + (bytes[i + 8]! | (bytes[i + 9]! << 8) | (bytes[i + 10]! << 16) | (bytes[i + 11]! << 24))) | 0;
    a = ((a - c) | 0) ^ ((c << 4) | (c >>> 28));
    c = (c + b) | 0;
    b = ((b - a) | 0) ^ ((a << 6) | (a >>> 26));
    a = (a + c) | 0;
    c = ((c - b) | 0) ^ ((b << 8) | (b >>> 24));
    b = (b + a) | 0;
    a = ((a - c) | 0) ^ ((c << 16) | (c >>> 16));
    c = (c + b) | 0;
    b = ((b - a) | 0) ^ ((a << 19) | (a >>> 13));
    a = (a + c) | 0;
    c = ((c - b) | 0) ^ ((b << 4) | (b >>> 28));
    b = (b + a) | 0;
  }
  // The last 1 to 12 bytes; what lies past the end counts as 0.
  for (let k = 0; k < length; k++) {
    const word = bytes[i + k]! << ((k & 3) << 3);
    if (k < 4) a = (a + word) | 0;
    else if (k < 8) b = (b + word) | 0;
    else c = (c + word) | 0;
  }
  c = ((c ^ b) - ((b << 14) | (b >>> 18))) | 0;
  a = ((a ^ c) - ((c << 11) | (c >>> 21))) | 0;
  b = ((b ^ a) - ((a << 25) | (a >>> 7))) | 0;
  c = ((c ^ b) - ((b << 16) | (b >>> 16))) | 0;
  a = ((a ^ c) - ((c << 4) | (c >>> 28))) | 0;
  b = ((b ^ a) - ((a << 14) | (a >>> 18))) | 0;
  return ((c ^ b) - ((b << 24) | (b >>> 8))) | 0;
};

// Fowler-Noll-Vo hashes as memcached's clients compute them: 32 bits wide, bytes widened as the C compiler's char.

import { charShift, type Char, type Hash } from "./hash.ts";

const INIT_32 = 0x811c9dc5;
const PRIME_32 = 0x01000193;
// The low words of the 64-bit parameters 0xcbf29ce484222325 and 0x100000001b3. A product and a xor of the low words are
// the low words of the product and the xor, so 32 bits are enough for the 64-bit hash cut to 32.
const INIT_64_LOW = 0x84222325;
const PRIME_64_LOW = 0x1b3;

function makeFnv1(init: number, prime: number, char: Char): Hash {
  const shift = charShift(char);
  return (bytes, start, end) => {
    let hash = init | 0;
    for (let i = start; i < end; i++) hash = Math.imul(hash, prime) ^ ((bytes[i]! << shift) >> shift);
    return hash;
  };
}

function makeFnv1a(init: number, prime: number, char: Char): Hash {
  const shift = charShift(char);
  return (bytes, start, end) => {
    let hash = init | 0;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ ((bytes[i]! << shift) >> shift), prime);
    return hash;
  };
}

/** The FNV hashes for one reading of `char`. */
export function fnvHashes(char: Char): { fnv1_32: Hash; fnv1a_32: Hash; fnv1_64: Hash; fnv1a_64: Hash } {
  return {
    fnv1_32: makeFnv1(INIT_32, PRIME_32, char),
    fnv1a_32: makeFnv1a(INIT_32, PRIME_32, char),
    fnv1_64: makeFnv1(INIT_64_LOW, PRIME_64_LOW, char),
    fnv1a_64: makeFnv1a(INIT_64_LOW, PRIME_64_LOW, char),
  };
}

const signed = fnvHashes("signed");

/**
 * 32-bit FNV-1 with signed bytes. Initial value 0x811c9dc5, prime 0x01000193. Check: "foobar" → 0x31f0b262.
 * Source: libhashkit 1.1.4, fnv_32.cc; twemproxy 0.5.0, nc_fnv.c.
 */
export const fnv1_32 = signed.fnv1_32;

/**
 * 32-bit FNV-1a with signed bytes. Initial value 0x811c9dc5, prime 0x01000193. Check: "foobar" → 0xbf9cf968.
 * Source: as fnv1_32; also pecl-memcache 8.0, memcache_pool.c:101 (`memcache.hash_function=fnv`).
 */
export const fnv1a_32 = signed.fnv1a_32;

/**
 * 64-bit FNV-1 with signed bytes, cut to its low 32 bits. Initial value 0xcbf29ce484222325, prime 0x100000001b3.
 * Check: "foobar" → 0xa4dda9c2, of 0x340d8765a4dda9c2.
 * Source: libhashkit 1.1.4, fnv_64.cc; twemproxy 0.5.0, nc_fnv.c.
 */
export const fnv1_64 = signed.fnv1_64;

/**
 * What both programs call `fnv1a_64`: the low 32 bits of 64-bit FNV-1a, with signed bytes; twemproxy's default.
 * Initial value 0x84222325, prime 0x1b3. Check: "foobar" → 0xf73967e8, of 0x85944171f73967e8.
 * Source: libhashkit 1.1.4, fnv_64.cc; twemproxy 0.5.0, nc_fnv.c.
 */
export const fnv1a_64 = signed.fnv1a_64;

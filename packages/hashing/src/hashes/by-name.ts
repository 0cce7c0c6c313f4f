// Hashes under the names that libmemcached (PHP's Memcached::HASH_*) and twemproxy (`hash:`) give them.

import { crc16Unmasked } from "./crc16.ts";
import { crc32, crc32Fold } from "./crc32.ts";
import { fnvHashes } from "./fnv.ts";
import type { Char, Hash } from "./hash.ts";
import { makeHsieh } from "./hsieh.ts";
import { lookup3 } from "./lookup3.ts";
import { md5 } from "./md5.ts";
import { murmur2 } from "./murmur2.ts";
import { murmur3 } from "./murmur3.ts";
import { makeOneAtATime } from "./one-at-a-time.ts";

/** libmemcached's hash names in the order of their numbers; JENKINS and MURMUR3 have no constant in PHP. */
export const libmemcachedHashNames = [
  "DEFAULT",
  "MD5",
  "CRC",
  "FNV1_64",
  "FNV1A_64",
  "FNV1_32",
  "FNV1A_32",
  "HSIEH",
  "MURMUR",
  "JENKINS",
  "MURMUR3",
] as const;

export type LibmemcachedHash = (typeof libmemcachedHashNames)[number];

/** twemproxy's values of `hash:`. */
export const twemproxyHashNames = [
  "one_at_a_time",
  "md5",
  "crc16",
  "crc32",
  "crc32a",
  "fnv1_64",
  "fnv1a_64",
  "fnv1_32",
  "fnv1a_32",
  "hsieh",
  "murmur",
  "jenkins",
] as const;

export type TwemproxyHash = (typeof twemproxyHashNames)[number];

function libmemcachedTable(char: Char): Record<LibmemcachedHash, Hash> {
  const fnv = fnvHashes(char);
  return {
    DEFAULT: makeOneAtATime(char),
    MD5: md5,
    CRC: crc32Fold,
    FNV1_64: fnv.fnv1_64,
    FNV1A_64: fnv.fnv1a_64,
    FNV1_32: fnv.fnv1_32,
    FNV1A_32: fnv.fnv1a_32,
    HSIEH: makeHsieh(char),
    MURMUR: murmur2,
    JENKINS: lookup3,
    MURMUR3: murmur3,
  };
}

function twemproxyTable(char: Char): Record<TwemproxyHash, Hash> {
  return {
    one_at_a_time: makeOneAtATime(char),
    md5,
    crc16: crc16Unmasked,
    crc32: crc32Fold,
    crc32a: crc32,
    ...fnvHashes(char),
    hsieh: makeHsieh(char),
    murmur: murmur2,
    jenkins: lookup3,
  };
}

/** The hash that libmemcached 1.1.4 computes under `name` where `char` is so. */
export function libmemcachedHash(name: LibmemcachedHash, char: Char = "signed"): Hash {
  return libmemcachedTable(char)[name];
}

/** The hash that twemproxy 0.5.0 computes under `name` where `char` is so. */
export function twemproxyHash(name: TwemproxyHash, char: Char = "signed"): Hash {
  return twemproxyTable(char)[name];
}

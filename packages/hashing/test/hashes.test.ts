// Each hash against published check values; the recorded vectors are in golden-php-memcached.test.ts.

import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as hashing from "../src/index.ts";
import { libmemcachedHashNames, twemproxyHashNames } from "../src/hashes/by-name.ts";
import { libmemcachedHash, toUint32, twemproxyHash, type Hash } from "../src/index.ts";

function hex(hash: Hash, text: string): string {
  const bytes = Buffer.from(text, "utf8");
  return `0x${toUint32(hash(bytes, 0, bytes.length)).toString(16)}`;
}

/** CRC catalogue of G. Cook; the FNV page of L. C. Noll; RFC 1321; the hashes' authors. */
test.each([
  ["crc32", "", "0x0"],
  ["crc32", "123456789", "0xcbf43926"],
  ["crc16", "123456789", "0x31c3"],
  ["fnv1_32", "", "0x811c9dc5"],
  ["fnv1_32", "foobar", "0x31f0b262"],
  ["fnv1a_32", "foobar", "0xbf9cf968"],
  ["fnv1_64", "foobar", "0xa4dda9c2"],
  ["fnv1a_64", "foobar", "0xf73967e8"],
  ["md5", "", "0xd98c1dd4"],
  ["oneAtATime", "a", "0xca2e9442"],
] as const)("%s of %j is %s", (name, text, expected) => {
  expect(hex(hashing[name], text)).toBe(expected);
});

/** The values that twemproxy's own src/test_all.c expects for "apple". */
test.each([
  ["one_at_a_time", 2297466611],
  ["md5", 3195025439],
  ["crc16", 3662830516],
  ["crc32", 10542],
  ["crc32a", 2838417488],
  ["fnv1_32", 67176023],
  ["fnv1a_32", 280767167],
  ["fnv1_64", 473199127],
  ["fnv1a_64", 1488911807],
  ["hsieh", 3738850110],
  ["jenkins", 1442444624],
  ["murmur", 4142305122],
] as const)("twemproxy's %s of apple is %i", (name, expected) => {
  const apple = Buffer.from("apple");
  expect(toUint32(twemproxyHash(name)(apple, 0, 5))).toBe(expected);
});

test("murmur3Seeded has its author's values", () => {
  const text = Buffer.from("Hello, world!");
  expect(toUint32(hashing.murmur3Seeded(text, 0, 13, 0x9747b28c))).toBe(0x24884cba);
  expect(toUint32(hashing.murmur3Seeded(text, 0, 0, 1))).toBe(0x514e28b7);
  expect(hashing.murmur3Seeded(text, 0, 0, 0)).toBe(0);
});

test("md5Words is Node's MD5 at every length around the block edges", () => {
  const words = new Int32Array(4);
  for (let length = 0; length <= 260; length++) {
    const bytes = Buffer.from(Array.from({ length: length + 3 }, (_, i) => (i * 37 + length) & 0xff));
    hashing.md5Words(bytes, 3, bytes.length, words);
    const theirs = createHash("md5").update(bytes.subarray(3)).digest("hex");
    expect(Buffer.from(words.buffer).toString("hex"), `${length} bytes`).toBe(theirs);
  }
});

describe("every hash", () => {
  const all: [string, Hash][] = [
    ...(["signed", "unsigned"] as const).flatMap((char) => [
      ...libmemcachedHashNames.map((name): [string, Hash] => [`${name} ${char}`, libmemcachedHash(name, char)]),
      ...twemproxyHashNames.map((name): [string, Hash] => [`${name} ${char}`, twemproxyHash(name, char)]),
    ]),
    ["crc16", hashing.crc16],
  ];

  test.each(all)("%s gives a 32-bit integer that depends on the bytes between start and end alone", (_, hash) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 9 }), (key, around) => {
        const value = hash(key, 0, key.length);
        const inside = Buffer.concat([around, key, around]);
        expect(value | 0).toBe(value);
        expect(hash(inside, around.length, around.length + key.length)).toBe(value);
      }),
    );
  });

  test.each(all)("%s: a signed and an unsigned char agree on ASCII", (name) => {
    const known = name.split(" ")[0]!;
    const of = (char: "signed" | "unsigned") =>
      (libmemcachedHashNames as readonly string[]).includes(known)
        ? libmemcachedHash(known as hashing.LibmemcachedHash, char)
        : known === "crc16"
          ? hashing.crc16
          : twemproxyHash(known as hashing.TwemproxyHash, char);
    fc.assert(
      fc.property(fc.string({ unit: "binary-ascii", maxLength: 100 }), (key) => {
        expect(hex(of("signed"), key)).toBe(hex(of("unsigned"), key));
      }),
    );
  });

  test("a signed and an unsigned char differ where bytes pass 0x7f", () => {
    for (const name of ["DEFAULT", "FNV1_64", "FNV1A_64", "FNV1_32", "FNV1A_32"] as const) {
      expect(hex(libmemcachedHash(name, "signed"), "ключ"), name).not.toBe(
        hex(libmemcachedHash(name, "unsigned"), "ключ"),
      );
    }
    // Three bytes are left over, and the last of them is past 0x7f.
    const key = "a✓";
    expect(hex(twemproxyHash("hsieh", "signed"), `aaa${key}`.slice(0, 4) + "✓")).not.toBe(
      hex(twemproxyHash("hsieh", "unsigned"), `aaa${key}`.slice(0, 4) + "✓"),
    );
  });
});

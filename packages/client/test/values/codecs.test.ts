// The three codecs as codecs: flags, thresholds, limits, options, plug-ins, and bytes that somebody broke.

import * as zlib from "node:zlib";
import { deflateSync } from "node:zlib";
import { isCacheError } from "@marugoto/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ValueCodec } from "../../src/values/codec.ts";
import { nodeValues, NODE_BIGINT, NODE_BYTES } from "../../src/values/node.ts";
import { phpMemcacheValues } from "../../src/values/php-memcache.ts";
import { memcachedUserFlags, phpMemcachedValues } from "../../src/values/php-memcached.ts";
import { PhpFloat } from "../../src/values/php-types.ts";
import { exact } from "./golden.ts";
import { longBytes, randomValue, startRandom } from "./random-values.ts";

const codecs: [string, ValueCodec][] = [
  ["phpMemcacheValues", phpMemcacheValues()],
  ["phpMemcachedValues", phpMemcachedValues()],
  ["phpMemcachedValues with JSON", phpMemcachedValues({ ...exact, serializer: "json" })],
  ["nodeValues", nodeValues()],
];
const failure = (code: string, message: RegExp): unknown =>
  expect.objectContaining({ code, message: expect.stringMatching(message) as string });
const text = ({ bytes }: { bytes: Uint8Array }) => Buffer.from(bytes).toString("latin1");
const header = (length: number, body: Uint8Array) => {
  const bytes = Buffer.alloc(4 + body.length);
  bytes.writeUInt32LE(length);
  bytes.set(body, 4);
  return bytes;
};

describe.each(codecs)("%s", (name, codec) => {
  test("undefined, functions, symbols and half surrogate pairs are refused", () => {
    for (const value of [undefined, () => 0, Symbol("s"), "\udc00"]) {
      expect(() => codec.encode(value)).toThrow(failure("value_unencodable", /./));
    }
  });

  test("a string that is not UTF-8 is read as bytes, and nothing shares memory with what was given", () => {
    const bytes = Buffer.from([0xff, 0x61]);
    const read = codec.decode(0, bytes) as Buffer;
    bytes.fill(0);
    expect(read).toEqual(Buffer.from([0xff, 0x61]));
  });

  test("bytes of any flags are read or refused with a code, never anything else", () => {
    const random = startRandom("hostile");
    const samples = Array.from({ length: 200 }, () =>
      codec.encode(
        random.chance(0.2)
          ? longBytes(random)
          : name === "nodeValues"
            ? { a: [random.next(), "text"] }
            : [randomValue(random, true)],
      ),
    );
    for (let i = 0; i < 20_000; i++) {
      const sample = random.pick(samples);
      let flags = random.chance(0.3) ? random.int(2 ** 32) : sample.flags;
      let bytes: Buffer = Buffer.from(sample.bytes.subarray(0, 3000));
      if (random.chance(0.5))
        for (let n = random.between(1, 4); n > 0; n--) bytes[random.int(bytes.length)] = random.int(256);
      if (random.chance(0.3)) bytes = bytes.subarray(0, random.int(bytes.length + 1));
      if (random.chance(0.2)) bytes = random.bytes(random.int(40));
      if (random.chance(0.1)) flags = random.int(0x80);
      try {
        codec.decode(flags, bytes);
      } catch (error) {
        if (!isCacheError(error)) throw error;
        expect(["value_undecodable", "value_too_large"]).toContain(error.code);
      }
    }
  });
});

test("arbitrary text under every type is read or refused with a code", () => {
  const pieces = [
    "a:1:{",
    'O:8:"stdClass":1:{',
    "i:0;",
    's:1:"a";',
    "N;",
    "}",
    "r:1;",
    "d:1;",
    "[",
    "]",
    "{",
    '"a":',
    "1",
    ",",
  ];
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...pieces), { maxLength: 12 }),
      fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7, 8, 0x100, 0x300, 0x700, 0x10, 0x30, 0x50, NODE_BIGINT, NODE_BIGINT | 1),
      (parts, flags) => {
        for (const [, codec] of codecs) {
          try {
            codec.decode(flags, Buffer.from(parts.join("")));
          } catch (error) {
            if (!isCacheError(error)) throw error;
          }
        }
      },
    ),
    { numRuns: 10_000 },
  );
});

describe("class Memcache", () => {
  const codec = phpMemcacheValues();

  test.each([
    ["x".repeat(19_999), 0, 0],
    ["x".repeat(20_000), 0, 2],
    ["x".repeat(500), 2, 2],
    ["hello", 2, 0],
    [[1], 0x10000, 0x10001],
    [7, 2, 0x300],
    ["x".repeat(500), 0xabcd0002, 0xabcd0002],
  ])("$0 with flag $1 is stored under flags $2", (value, flag, flags) => {
    expect(codec.encode(value, flag).flags).toBe(flags);
  });

  test("a threshold of 0 is none; savings of 1 leave nothing compressed", () => {
    const long = "x".repeat(30_000);
    expect(phpMemcacheValues({ compressThreshold: 0 }).encode(long).flags).toBe(0);
    expect(phpMemcacheValues({ compressThreshold: 0 }).encode(long, 2).flags).toBe(2);
    expect(phpMemcacheValues({ minSavings: 1 }).encode(long).flags).toBe(0);
  });

  test("what unpacks to too much is refused", () => {
    const packed = deflateSync(Buffer.alloc(2 ** 21));
    expect(() => phpMemcacheValues({ maxValueBytes: 2 ** 20 }).decode(2, packed)).toThrow(
      failure("value_too_large", /at most 1048576/),
    );
    expect(() => phpMemcacheValues({ maxValueBytes: 10 }).encode("x".repeat(11))).toThrow(
      failure("value_too_large", /11 bytes, at most 10/),
    );
  });

  test("bytes behind a zlib stream are ignored, as PHP does", () => {
    expect(codec.decode(2, Buffer.concat([deflateSync(Buffer.from("text")), Buffer.from("more")]))).toBe("text");
  });
});

describe("class Memcached", () => {
  test("user flags are kept beside the type and compression", () => {
    const codec = phpMemcachedValues({ userFlags: 0xffff });
    const { flags } = codec.encode("x".repeat(5000));
    expect(flags).toBe(0xffff0050);
    expect(memcachedUserFlags(flags)).toBe(0xffff);
  });

  test.each([
    ["a compressed value of 3 bytes", 0x30, Buffer.alloc(3), "value_undecodable", /no length header/],
    ["bit 4 alone", 0x10, Buffer.alloc(9), "value_undecodable", /compressed but not how/],
    [
      "a header of 4 GiB",
      0x30,
      header(0xffffffff, deflateSync(Buffer.from("a"))),
      "value_too_large",
      /4294967295 bytes/,
    ],
    [
      "a header that is too small",
      0x30,
      header(2, deflateSync(Buffer.from("abc"))),
      "value_undecodable",
      /more than the 2/,
    ],
    ["a header of nothing", 0x30, header(0, deflateSync(Buffer.from("a"))), "value_undecodable", /nothing/],
    [
      "a FastLZ header that is too large",
      0x50,
      header(9, Buffer.from([0, 0x61])),
      "value_undecodable",
      /holds 1 bytes/,
    ],
    ["an unknown type", 8, Buffer.from("a"), "value_undecodable", /type 8, class Memcached knows 0 to 7/],
    ["igbinary", 5, Buffer.from([0, 0, 0, 2, 0]), "value_undecodable", /igbinary, which needs a plug-in/],
    ["msgpack", 7, Buffer.from([0xc0]), "value_undecodable", /msgpack, which needs a plug-in/],
    ["an int that is none", 1, Buffer.from("N;"), "value_undecodable", /an int of class Memcached, the bytes are "N;"/],
  ])("%s is refused and says why", (_, flags, bytes, code, message) => {
    expect(() => phpMemcachedValues().decode(flags, bytes)).toThrow(failure(code, message));
  });

  test("a zlib body shorter than its header says is taken, as PHP does", () => {
    expect(phpMemcachedValues().decode(0x30, header(9, deflateSync(Buffer.from("abc"))))).toBe("abc");
  });

  // Node 20 has no zstd.
  const { zstdCompressSync } = zlib as { zstdCompressSync?: (bytes: Uint8Array) => Buffer };
  test("a zstd body is read, or the Node that could is named", () => {
    const codec = phpMemcachedValues();
    if (zstdCompressSync) {
      expect(codec.decode(0x90, header(3, zstdCompressSync(Buffer.from("abc"))))).toBe("abc");
      expect(() => codec.decode(0x90, header(2, zstdCompressSync(Buffer.from("abc"))))).toThrow(/zstd body/);
    } else {
      expect(() => codec.decode(0x90, header(3, Buffer.from("abc")))).toThrow(/needs Node 22.15/);
    }
  });

  test("a plug-in reads and writes its format; its failures get a code", () => {
    const msgpack = {
      serialize: (value: unknown) => Buffer.from(JSON.stringify(value)),
      unserialize: (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()) as unknown,
    };
    const codec = phpMemcachedValues({ serializer: "msgpack", plugins: { msgpack } });
    expect(codec.encode([1]).flags).toBe(7);
    expect(codec.decode(7, Buffer.from("[1]"))).toEqual([1]);
    const long = codec.encode(Array(2000).fill(1));
    expect(long.flags).toBe(0x57);
    expect(codec.decode(long.flags, long.bytes)).toHaveLength(2000);
    expect(() => codec.decode(7, Buffer.from("["))).toThrow(failure("value_undecodable", /the plug-in for msgpack/));
    expect(() => phpMemcachedValues({ serializer: "igbinary" })).toThrow(failure("invalid_option", /igbinary/));
  });

  test("an int may end in blanks, as memcached's decr leaves it", () => {
    expect(phpMemcachedValues().decode(1, Buffer.from("99 "))).toBe(99);
  });

  test.each([
    [{ compressionThreshold: -1 }, /compressionThreshold is -1/],
    [{ compressionFactor: NaN }, /compressionFactor is NaN/],
    [{ userFlags: 65_536 }, /userFlags is 65536/],
    [{ compressionType: "lzf" as "zlib" }, /compressionType is "lzf", must be one of fastlz, zlib/],
    [{ maxValueBytes: 0 }, /maxValueBytes is 0/],
  ])("the option %j is refused", (options, message) => {
    expect(() => phpMemcachedValues(options)).toThrow(failure("invalid_option", message));
  });
});

describe("a Node pool", () => {
  const codec = nodeValues();

  test.each<[string, unknown, number, string]>([
    ["text", "é", 0, "\xc3\xa9"],
    ["bytes", Buffer.from("a"), NODE_BYTES, "a"],
    ["an int", -7, 1, "-7"],
    ["a float", 0.5, 2, ".5"],
    ["-0", -0, 2, "-0"],
    ["NaN", NaN, 2, "NaN"],
    ["true", true, 3, "1"],
    ["false", false, 3, ""],
    ["null", null, 6, "null"],
    ["a list", [1, { a: "é" }], 6, '[1,{"a":"\xc3\xa9"}]'],
    ["a bigint", 7n, NODE_BIGINT | 1, "7"],
    ["a wide bigint", 2n ** 64n, NODE_BIGINT, "18446744073709551616"],
  ])("%s comes back as itself", (_, value, flags, stored) => {
    const encoded = codec.encode(value);
    expect([encoded.flags, text(encoded)]).toEqual([flags, stored]);
    expect(codec.decode(encoded.flags, encoded.bytes)).toEqual(value);
  });

  test("other views of memory come back as Buffers", () => {
    const { flags, bytes } = codec.encode(Uint16Array.of(0x6261));
    expect(codec.decode(flags, bytes)).toEqual(Buffer.from("ab"));
  });

  test.each([
    [{}, 0x30],
    [{ compression: "fastlz" as const }, 0x50],
    [{ compression: false as const }, 0],
    [{ compressionThreshold: 5001 }, 0],
  ])("%j stores 5000 letters under flags %i", (options, flags) => {
    const encoded = nodeValues(options).encode("x".repeat(5000));
    expect(encoded.flags).toBe(flags);
    expect(codec.decode(encoded.flags, encoded.bytes)).toBe("x".repeat(5000));
  });

  test("a value stays as it is when too little is saved", () => {
    const half = Buffer.concat([Buffer.alloc(3000, 1), startRandom("half").bytes(3000)]);
    expect(nodeValues({ minSaving: 0.4 }).encode(half).flags).toBe(NODE_BYTES | 0x30);
    expect(nodeValues({ minSaving: 0.6 }).encode(half).flags).toBe(NODE_BYTES);
  });

  test.each([
    [4, /PHP's serialize format/],
    [5, /igbinary/],
    [7, /msgpack/],
    [9, /type 9/],
  ])("type %i is refused by its name", (flags, message) => {
    expect(() => codec.decode(flags, Buffer.from("N;"))).toThrow(failure("value_undecodable", message));
  });

  test("what JSON.stringify refuses is refused with a code", () => {
    const circle: unknown[] = [];
    circle.push(circle);
    for (const value of [circle, { a: 1n }, { toJSON: () => undefined }]) {
      expect(() => codec.encode(value)).toThrow(failure("value_unencodable", /./));
    }
  });

  test("a bigint of a million digits is refused, not computed", () => {
    expect(() => codec.decode(NODE_BIGINT, Buffer.alloc(1e6, 0x31))).toThrow(failure("value_undecodable", /1000000/));
  });
});

test("a PhpFloat is a float whatever its value", () => {
  expect(phpMemcacheValues().encode(new PhpFloat(1))).toEqual({ flags: 0x700, bytes: Buffer.from("1") });
  expect(phpMemcachedValues().encode(new PhpFloat(1))).toEqual({ flags: 2, bytes: Buffer.from("1") });
});

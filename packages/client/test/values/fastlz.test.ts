// FastLZ by itself. That its bytes are those of the original is shown by golden-values and live-php.

import fc from "fast-check";
import { isCacheError } from "@marugoto/core";
import { describe, expect, test } from "vitest";
import { compress, fastlzCompress, fastlzDecompress } from "../../src/values/fastlz.ts";
import { longBytes, startRandom } from "./random-values.ts";

/** Few different bytes and many repetitions, as real values have. */
const lumpy = fc
  .array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 400 })), { maxLength: 30 })
  .map((runs) => Buffer.concat(runs.flatMap(([bytes, count]) => Array.from({ length: count }, () => bytes))));

describe.each([1, 2] as const)("level %i", (level) => {
  test("what is compressed is decompressed again", () => {
    fc.assert(
      fc.property(lumpy, (input) => {
        const block = compress(input, level);
        if (input.length === 0) expect(block).toHaveLength(0);
        else expect(fastlzDecompress(block, input.length).equals(input)).toBe(true);
        expect(block.length).toBeLessThanOrEqual(input.length + Math.ceil(input.length / 32) + 1);
      }),
      { numRuns: 300 },
    );
  });

  test("noise and long values with near and far repetitions too", () => {
    const random = startRandom(`fastlz ${level}`);
    for (let i = 0; i < 40; i++) {
      const input = longBytes(random);
      expect(fastlzDecompress(compress(input, level), input.length).equals(input)).toBe(true);
    }
  });

  test("every length up to 80, all alike or all different", () => {
    for (let length = 1; length <= 80; length++) {
      for (const input of [Buffer.alloc(length, 0x61), Buffer.from(Array.from({ length }, (_, i) => i * 7))]) {
        expect(fastlzDecompress(compress(input, level), length).equals(input), String(length)).toBe(true);
      }
    }
  });

  test("a block cut anywhere, or of another size, is refused", () => {
    const input = Buffer.from("abcabcabcabcabcabc0123456789".repeat(40));
    const block = compress(input, level);
    for (let cut = 0; cut < block.length; cut++) {
      expect(() => fastlzDecompress(block.subarray(0, cut), input.length), String(cut)).toThrow(/FastLZ/);
    }
    for (const size of [0, 1, input.length - 1, input.length + 1]) {
      expect(() => fastlzDecompress(block, size), String(size)).toThrow(/FastLZ/);
    }
  });
});

test.each([
  [65_535, 0],
  [65_536, 1],
])("%i bytes are compressed with level bits %i", (length, bits) => {
  expect(fastlzCompress(Buffer.alloc(length, 0x61))[0]! >> 5).toBe(bits);
});

test("random bytes are decompressed or refused, never anything else", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(5000), (bytes, size) => {
      try {
        expect(fastlzDecompress(bytes, size)).toHaveLength(size);
      } catch (error) {
        expect(isCacheError(error) && error.code).toBe("value_undecodable");
      }
    }),
    { numRuns: 20_000 },
  );
});

test("a size that so few bytes cannot hold is refused before memory is taken", () => {
  expect(() => fastlzDecompress(Buffer.from([0x00, 0x61]), 2 ** 31)).toThrow(/2 bytes cannot hold 2147483648/);
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatSize, parseSize } from "../src/index.ts";

describe("sizes", () => {
  test.each([
    ["64m", 67_108_864],
    ["1k", 1024],
    ["1.5G", 1_610_612_736],
    ["512", 512],
    ["2T", 2 ** 41],
    ["0", 0],
  ])("%s is %i bytes", (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  test("a bare number counts in the unit asked for", () => {
    expect(parseSize("64", "m")).toBe(67_108_864);
    expect(parseSize("64k", "m")).toBe(65_536);
  });

  test.each(["", "m", "-1", "1e3", "64 m", "0x10", "64mb", "99999999999999999999t", "1.", "NaN"])(
    "%j is refused",
    (text) => {
      expect(() => parseSize(text)).toThrow(expect.objectContaining({ code: "invalid_size" }) as Error);
    },
  );

  test("what is formatted is parsed back", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 45 }), (bytes) => {
        expect(parseSize(formatSize(bytes))).toBe(bytes);
      }),
    );
  });
});

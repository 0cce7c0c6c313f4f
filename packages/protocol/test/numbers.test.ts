import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseInt32, parseUint32, parseUint64, writeInt32, writeUint32, writeUint64 } from "../src/index.ts";

const text = (write: (out: Buffer) => number): string => {
  const out = Buffer.alloc(32, 0xee);
  const end = write(out);
  expect(out.subarray(end).every((byte) => byte === 0xee)).toBe(true);
  return out.toString("latin1", 0, end);
};

const interesting = fc.oneof(
  fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
  fc.nat({ max: 63 }).map((bit) => 1n << BigInt(bit)),
  fc.nat({ max: 63 }).map((bit) => (1n << BigInt(bit)) - 1n),
  fc.nat({ max: 19 }).map((power) => 10n ** BigInt(power)),
  fc.nat({ max: 19 }).map((power) => 10n ** BigInt(power) - 1n),
);

describe("decimal numbers", () => {
  test("a 64-bit number is written as BigInt prints it, and read back", () => {
    fc.assert(
      fc.property(interesting, (value) => {
        const high = Number(value >> 32n);
        const low = Number(value & 0xffff_ffffn);
        const printed = text((out) => writeUint64(out, 0, high, low));
        expect(printed).toBe(String(value));
        const out = { high: -1, low: -1 };
        expect(parseUint64(Buffer.from(printed), 0, printed.length, out)).toBe(true);
        expect(out).toEqual({ high, low });
      }),
      { numRuns: 5000 },
    );
  });

  test("32-bit numbers too", () => {
    fc.assert(
      fc.property(fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }), (value) => {
        const printed = text((out) => writeInt32(out, 0, value));
        expect(printed).toBe(String(value));
        expect(parseInt32(Buffer.from(printed), 0, printed.length)).toBe(value);
        const unsigned = value >>> 0;
        expect(text((out) => writeUint32(out, 0, unsigned))).toBe(String(unsigned));
        expect(parseUint32(Buffer.from(String(unsigned)), 0, String(unsigned).length)).toBe(unsigned);
      }),
      { numRuns: 5000 },
    );
  });

  test.each([
    "18446744073709551616",
    "99999999999999999999",
    "9999999999999999999999",
    "12x",
    "-1",
    " 1",
    "00000000000000000000001",
  ])("%s is no 64-bit number", (printed) => {
    expect(parseUint64(Buffer.from(printed), 0, printed.length, { high: 0, low: 0 })).toBe(false);
  });

  test.each(["2147483648", "-2147483649", "000000000001", "1-", "+1"])("%s is no signed 32-bit number", (printed) => {
    expect(parseInt32(Buffer.from(printed), 0, printed.length)).toBeNaN();
  });
});

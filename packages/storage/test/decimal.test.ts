import { expect, test } from "vitest";
import { Decimal } from "../src/decimal.ts";

const most = (1n << 64n) - 1n;
const numbers = [0n, 1n, 9n, 10n, 99n, 9999n, 10_000n, 4_294_967_295n, 1n << 32n, 10n ** 19n, most - 1n, most];

function parsed(text: string): Decimal | undefined {
  const bytes = Buffer.from(`..${text}9`, "latin1");
  const decimal = new Decimal();
  return decimal.parse(bytes, 2, bytes.length - 1) ? decimal : undefined;
}

function written(decimal: Decimal): string {
  const out = Buffer.alloc(24);
  return out.toString("latin1", 0, decimal.write(out, 0));
}

test.each(numbers)("%d is read and written", (n) => {
  const decimal = parsed(n.toString());
  expect(decimal && (BigInt(decimal.high) << 32n) | BigInt(decimal.low)).toBe(n);
  expect(decimal && written(decimal)).toBe(n.toString());
});

test("sums wrap at 2^64 and differences stop at 0, for all pairs", () => {
  for (const a of numbers) {
    for (const b of numbers) {
      const sum = parsed(a.toString());
      sum?.add(Number(b >> 32n), Number(b & 0xffff_ffffn));
      expect(sum && written(sum)).toBe(BigInt.asUintN(64, a + b).toString());
      const difference = parsed(a.toString());
      difference?.subtract(Number(b >> 32n), Number(b & 0xffff_ffffn));
      expect(difference && written(difference)).toBe((a > b ? a - b : 0n).toString());
    }
  }
});

test.each([
  ["0000000000000000000000000000012", "12"],
  ["\t\n\v\f\r 5", "5"],
  ["5\0abc", "5"],
  ["-0", "0"],
  ["-18446744073709551615", "1"],
])("%j is %s", (text, value) => {
  const decimal = parsed(text);
  expect(decimal && written(decimal)).toBe(value);
});

test.each(["", "+", "-", "a1", "1a", "+ 1", "18446744073709551616", "99999999999999999999", "-9223372036854775808"])(
  "%j is refused",
  (text) => {
    expect(parsed(text)).toBe(undefined);
  },
);

import { describe, expect, test } from "vitest";
import { logUniform, Random, unitOf } from "../src/measure/random.ts";
import { Zipf } from "../src/measure/zipf.ts";

describe("random numbers", () => {
  test("xorshift32 gives Marsaglia's sequence", () => {
    const random = new Random(1);
    expect([random.next(), random.next(), random.next()]).toEqual([270369, 67634689, 2647435461]);
  });

  test("the same seed gives the same numbers, seed 0 works", () => {
    const [a, b] = [new Random(0), new Random(0)];
    const first = Array.from({ length: 100 }, () => a.next());
    expect(Array.from({ length: 100 }, () => b.next())).toEqual(first);
    expect(new Set(first).size).toBe(100);
  });

  test("below(10) gives each of ten numbers about equally often", () => {
    const random = new Random(7);
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 100_000; i++) counts[random.below(10)]!++;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });

  test("unitOf depends on key and salt alone and fills [0, 1)", () => {
    expect(unitOf(5, 1)).toBe(unitOf(5, 1));
    expect(unitOf(5, 1)).not.toBe(unitOf(5, 2));
    let sum = 0;
    for (let key = 0; key < 100_000; key++) sum += unitOf(key, 1);
    expect(sum / 100_000).toBeCloseTo(0.5, 2);
  });

  test.each([
    [0, 16],
    [1 - 2 ** -32, 8192],
  ])("logUniform of %f over 16 … 8192 is %i", (unit, value) => {
    expect(logUniform(unit, 16, 8192)).toBe(value);
  });

  test("half of the log-uniform sizes of 16 … 8192 lie below 362", () => {
    const random = new Random(3);
    const small = Array.from({ length: 20_000 }, () => logUniform(random.unit(), 16, 8192)).filter(
      (size) => size < 362,
    );
    expect(small.length / 20_000).toBeCloseTo(0.5, 1);
  });
});

describe("Zipf", () => {
  test("draws each rank as often as its weight says", () => {
    const count = 50;
    const exponent = 0.9;
    const zipf = new Zipf(count, exponent);
    const random = new Random(11);
    const draws = 400_000;
    const seen = new Array<number>(count).fill(0);
    for (let i = 0; i < draws; i++) seen[zipf.draw(random)]!++;
    const weights = seen.map((_, rank) => (rank + 1) ** -exponent);
    const sum = weights.reduce((a, b) => a + b);
    // Chi-squared with 49 degrees of freedom exceeds 94.6 once in ten thousand.
    const chi2 = seen.reduce((total, n, rank) => {
      const expected = (draws * weights[rank]!) / sum;
      return total + (n - expected) ** 2 / expected;
    }, 0);
    expect(chi2).toBeLessThan(94.6);
  });

  test("with exponent 0 is uniform, with one rank constant", () => {
    const random = new Random(5);
    const uniform = new Zipf(4, 0);
    const seen = [0, 0, 0, 0];
    for (let i = 0; i < 40_000; i++) seen[uniform.draw(random)]!++;
    for (const n of seen) expect(Math.abs(n - 10_000)).toBeLessThan(400);
    expect(new Zipf(1, 0.9).draw(random)).toBe(0);
  });
});

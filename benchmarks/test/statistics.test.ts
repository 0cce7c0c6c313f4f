import { describe, expect, test } from "vitest";
import { Histogram, mean, quantile, spread } from "../src/measure/statistics.ts";

describe("quantiles", () => {
  test.each([
    [[3, 1, 2], 0.5, 2],
    [[4, 1, 3, 2], 0.5, 2.5],
    [[1, 2, 3, 4, 5], 0.25, 2],
    [[10, 20], 0.75, 17.5],
    [[7], 0.99, 7],
    [[1, 2], 1, 2],
  ])("of %j at %f is %f", (values, q, expected) => {
    expect(quantile(values, q)).toBe(expected);
  });

  test("order of the values does not matter and they stay as they were", () => {
    const values = [5, 1, 4, 2, 3];
    expect(spread(values)).toEqual({ low: 2, median: 3, high: 4 });
    expect(values).toEqual([5, 1, 4, 2, 3]);
  });

  test("of nothing is a mistake", () => {
    expect(() => quantile([], 0.5)).toThrow(TypeError);
    expect(() => mean([])).toThrow(TypeError);
  });

  test("the mean of 1, 2 and 6 is 3", () => {
    expect(mean([1, 2, 6])).toBe(3);
  });
});

describe("the histogram", () => {
  test("is exact below 128 µs", () => {
    const histogram = new Histogram();
    for (let us = 1; us <= 100; us++) histogram.record(us);
    expect([histogram.quantile(0.5), histogram.quantile(0.99), histogram.quantile(1)]).toEqual([50, 99, 100]);
  });

  test.each([128, 129, 1000, 65_535, 1_000_000, 2 ** 31 - 1])("holds %i µs to 1.6 percent", (us) => {
    const histogram = new Histogram();
    histogram.record(us);
    const found = histogram.quantile(0.5);
    expect(found).toBeLessThanOrEqual(us);
    expect((us - found) / us).toBeLessThan(0.016);
  });

  test("is empty at first and after clear", () => {
    const histogram = new Histogram();
    expect(histogram.quantile(0.5)).toBe(0);
    histogram.record(10);
    histogram.clear();
    expect(histogram.quantile(0.5)).toBe(0);
  });
});

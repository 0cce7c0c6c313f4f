import { describe, expect, test } from "vitest";
import { Traffic, variants } from "../src/bench/traffic.ts";
import { Zipf } from "../src/measure/zipf.ts";

const [plain, oneTime, ttl] = variants as [(typeof variants)[0], (typeof variants)[0], (typeof variants)[0]];
const zipf = new Zipf(1000, 0.9);
const draw = (traffic: Traffic, count: number) => Array.from({ length: count }, () => traffic.nextKey());

describe("traffic of the hit ratio rows", () => {
  test("is the same for the same seed and another for another", () => {
    const keys = draw(new Traffic(zipf, oneTime, 1), 500);
    expect(draw(new Traffic(zipf, oneTime, 1), 500)).toEqual(keys);
    expect(draw(new Traffic(zipf, oneTime, 2), 500)).not.toEqual(keys);
  });

  test("asks a fifth of the time for keys that never come again", () => {
    const keys = draw(new Traffic(zipf, oneTime, 1), 20_000).filter((key) => key >= 1000);
    expect(keys.length / 20_000).toBeCloseTo(0.2, 1);
    expect(new Set(keys).size).toBe(keys.length);
  });

  test("gives three keys of ten ten seconds to live, always the same ones", () => {
    const traffic = new Traffic(zipf, ttl, 1);
    const short = Array.from({ length: 10_000 }, (_, key) => key).filter((key) => traffic.exptimeOf(key) === 10);
    expect(short.length / 10_000).toBeCloseTo(0.3, 1);
    expect(new Traffic(zipf, ttl, 9).exptimeOf(short[0]!)).toBe(10);
    expect(new Traffic(zipf, plain, 1).exptimeOf(short[0]!)).toBe(0);
  });

  test("has values of 16 to 8192 bytes, fixed per key", () => {
    const traffic = new Traffic(zipf, plain, 1);
    const sizes = Array.from({ length: 10_000 }, (_, key) => traffic.sizeOf(key));
    expect(Math.min(...sizes)).toBe(16);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(8192);
    expect(Math.max(...sizes)).toBeGreaterThan(8000);
    expect(new Traffic(zipf, ttl, 2).sizeOf(77)).toBe(sizes[77]);
  });
});

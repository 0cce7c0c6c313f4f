import { describe, expect, test } from "vitest";
import { HotKeys } from "../../src/stats/hot-keys.ts";

/** Numbers in [0, 1) from a seed. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function read(hot: HotKeys, key: string, nowMs: number): void {
  const bytes = Buffer.from(`get ${key}\r\n`, "latin1");
  if (hot.isDue(1)) hot.add(bytes, 4, 4 + key.length, nowMs);
}

describe("hot keys", () => {
  test("a key with half of the reads, among 100 000 others, is first, and its share is told", () => {
    const random = seeded(7);
    const hot = new HotKeys({ random });
    for (let i = 0; i < 200_000; i++) read(hot, random() < 0.5 ? "hot" : `cold:${Math.floor(random() * 100_000)}`, 0);
    const [first, second] = hot.top(20, 0);
    expect(first?.key).toBe("hot");
    expect(first!.reads / hot.totalReads(0)).toBeGreaterThan(0.47);
    expect(first!.reads / hot.totalReads(0)).toBeLessThan(0.53);
    expect((second?.reads ?? 0) - (second?.uncertain ?? 0)).toBeLessThan(0.05 * first!.reads);
    expect(hot.totalReads(0)).toBeGreaterThan(190_000);
    expect(hot.totalReads(0)).toBeLessThan(210_000);
  });

  test("ten keys of falling share come in their order, whatever the rhythm of the clients", () => {
    const hot = new HotKeys({ random: seeded(3) });
    // Key k comes in 2^(9-k) of 1023 places, always the same ones.
    for (let round = 0; round < 400; round++) {
      for (let k = 0; k < 10; k++) for (let i = 0; i < 2 ** (9 - k); i++) read(hot, `key${k}`, 0);
    }
    expect(
      hot
        .top(5, 0)
        .map(({ key }) => key)
        .join(),
    ).toBe("key0,key1,key2,key3,key4");
  });

  test("what was hot fades", () => {
    const random = seeded(5);
    const hot = new HotKeys({ random, halfLifeMs: 1000 });
    for (let i = 0; i < 50_000; i++) read(hot, "before", 0);
    for (let i = 0; i < 10_000; i++) read(hot, "now", 5000);
    expect(hot.top(2, 5000).map(({ key }) => key)).toEqual(["now", "before"]);
    expect(hot.totalReads(60_000)).toBe(0);
    expect(hot.top(2, 60_000)).toEqual([]);
  });

  test("reads that are spread over everything make no key hot", () => {
    const random = seeded(11);
    const hot = new HotKeys({ random });
    for (let i = 0; i < 100_000; i++) read(hot, `k${i}`, 0);
    expect(hot.top(20, 0)).toEqual([]);
  });

  test("a line of many keys counts as many reads", () => {
    const hot = new HotKeys({ random: seeded(1) });
    const key = Buffer.from("k", "latin1");
    for (let i = 0; i < 1000; i++) if (hot.isDue(100)) hot.add(key, 0, 1, 0);
    expect(hot.totalReads(0)).toBeGreaterThan(90_000);
    expect(hot.totalReads(0)).toBeLessThan(110_000);
  });
});

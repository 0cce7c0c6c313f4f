import { afterEach, describe, expect, test } from "vitest";
import { isCacheError } from "@marugoto/core";
import { Cache, createCache } from "../src/index.ts";

const clock = { seconds: 100, startedAtUnix: 1_700_000_000 };
const caches: Cache[] = [];

function cacheOf(options: Partial<Parameters<typeof createCache>[0]> = {}): Cache {
  const cache = createCache({ maxBytes: 1024 * 1024, clock, ...options });
  caches.push(cache);
  return cache;
}

function codeOf(action: () => void): string | undefined {
  try {
    action();
  } catch (error) {
    return isCacheError(error) ? error.code : (error as Error).name;
  }
  return undefined;
}

afterEach(() => {
  for (const cache of caches.splice(0)) cache.close();
  clock.seconds = 100;
});

describe("a cache", () => {
  test("takes strings and bytes as keys and values", () => {
    const cache = cacheOf();
    cache.set("ключ", "значение");
    expect(cache.getString("ключ")).toBe("значение");
    expect(cache.get(Buffer.from("ключ"))).toEqual(Buffer.from("значение"));
    cache.set(new Uint8Array([0, 1, 2]).subarray(1), new Uint8Array([3, 4]));
    expect(cache.get(new Uint8Array([1, 2]))).toEqual(Buffer.from([3, 4]));
    expect(cache.size).toBe(2);
  });

  test("forgets after ttlSec", () => {
    const cache = cacheOf();
    cache.set("k", "v", { ttlSec: 5, flags: 3 });
    expect(cache.getEntry("k")).toEqual({ key: "k", value: Buffer.from("v"), flags: 3, ttlSec: 5, cas: 1n });
    clock.seconds = 104;
    expect(cache.touch("k", 10)).toBe(true);
    clock.seconds = 113;
    expect(cache.has("k")).toBe(true);
    clock.seconds = 114;
    expect(cache.get("k")).toBe(undefined);
    expect(cache.touch("k", 10)).toBe(false);
  });

  test("adds, replaces, compares and deletes", () => {
    const cache = cacheOf();
    expect(cache.replace("k", "v")).toBe(false);
    expect(cache.add("k", "1")).toBe(true);
    expect(cache.add("k", "2")).toBe(false);
    const cas = cache.getEntry("k")?.cas ?? 0n;
    expect(cache.replace("k", "3", { cas })).toBe(true);
    expect(cache.replace("k", "4", { cas })).toBe(false);
    expect(cache.getString("k")).toBe("3");
    expect([cache.delete("k"), cache.delete("k")]).toEqual([true, false]);
  });

  test("increments", () => {
    const cache = cacheOf();
    expect(cache.increment("n")).toBe(undefined);
    cache.set("n", "41");
    expect([cache.increment("n"), cache.increment("n", -50), cache.increment("n", 1n << 40n)]).toEqual([
      42n,
      0n,
      1n << 40n,
    ]);
    cache.set("n", "no number");
    expect(codeOf(() => cache.increment("n"))).toBe("TypeError");
  });

  test("lists its entries once each, and clears", () => {
    const cache = cacheOf();
    for (let i = 0; i < 500; i++) cache.set(`k${i}`, String(i));
    const seen = [...cache.entries()].map((entry) => `${entry.key}=${entry.value.toString()}`);
    expect(new Set(seen).size).toBe(500);
    expect(seen).toContain("k7=7");
    expect(cache.bytes).toBe(500 * 64);
    cache.clear();
    expect([cache.size, cache.bytes, [...cache.entries()].length]).toEqual([0, 0, 0]);
  });

  test("says what is wrong", () => {
    const cache = cacheOf({ evict: false, maxItemBytes: 100_000 });
    expect(codeOf(() => cache.get(""))).toBe("key_invalid");
    expect(codeOf(() => cache.get("k".repeat(251)))).toBe("key_too_long");
    expect(codeOf(() => cache.set("k", Buffer.alloc(100_000)))).toBe("value_too_large");
    expect(codeOf(() => cache.set("k", "v", { ttlSec: -1 }))).toBe("TypeError");
    expect(codeOf(() => cacheOf({ maxBytes: 100 }))).toBe("invalid_option");
    expect(codeOf(() => cacheOf({ growthFactor: 1 }))).toBe("invalid_option");
    const fill = (): void => {
      for (let i = 0; i < 20; i++) cache.set(`k${i}`, Buffer.alloc(90_000));
    };
    expect(codeOf(fill)).toBe("out_of_memory");
  });

  test("has a clock of its own when none is given", () => {
    const cache = createCache({ maxBytes: 1024 * 1024 });
    cache.set("k", "v", { ttlSec: 1000 });
    expect(cache.getEntry("k")?.ttlSec).toBe(1000);
    cache.close();
  });
});

// The promise: no live item is evicted, and nothing refused, while live bytes are at most 75 % of maxBytes.

import { describe, expect, test } from "vitest";
import { checkInvariants } from "./check-invariants.ts";
import { Bench, MiB } from "./helpers.ts";

function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) | 0;
    return (state >>> 8) % below;
  };
}

describe.each([true, false])("with eviction: %s", (evict) => {
  test.each<[string, (random: (below: number) => number) => number]>([
    ["32 bytes", () => 32],
    ["1 to 60,000 bytes, mostly small", (random) => Math.floor(60_000 ** (random(1000) / 1000))],
    ["just what two do not fit in the end of a segment", (random) => 430 + random(40)],
    ["1 or 100,000 bytes", (random) => (random(50) === 0 ? 100_000 : 1)],
  ])("values of %s: nothing is lost at 74 percent live, whatever is overwritten and deleted", (_name, sizeOf) => {
    const b = new Bench({ maxBytes: 2 * MiB, evict });
    const random = randomFrom(7);
    const sizes = new Map<string, number>();
    const limit = 2 * MiB * 0.74;
    let next = 0;
    for (let i = 0; i < 30_000; i++) {
      const size = sizeOf(random);
      // As much as the new value could need, because the old one is there until it is stored.
      const names = [...(i % 500 === 0 ? sizes.keys() : [])];
      for (const name of names) if (random(10) === 0 && sizes.delete(name)) b.store.remove(b.find(name));
      const overwrite = random(2) === 0 && sizes.size > 0;
      const name = overwrite ? `k${random(next)}` : `k${next++}`;
      if (b.store.liveBytes + size * 1.03 + 400 > limit) {
        for (const old of sizes.keys()) {
          if (b.store.liveBytes + size * 1.03 + 400 <= limit) break;
          sizes.delete(old);
          b.store.remove(b.find(old));
        }
      }
      expect(b.set(name, Buffer.alloc(size, "v")), `stored at ${b.store.liveBytes / MiB} MiB`).not.toBe(0);
      sizes.set(name, size);
    }
    expect(b.store.evictions).toBe(0);
    expect(b.store.currItems).toBe(sizes.size);
    for (const [name, size] of sizes) expect(b.store.valueBytes(b.find(name))).toBe(size);
    checkInvariants(b.store, 10);
  });
});

test("expired items make room before any live one does", () => {
  const b = new Bench({ maxBytes: 2 * MiB });
  // Half of the store lives for ever, the other half expires at 20, laid among each other by touches.
  for (let i = 0; i < 3000; i++) b.set(`live${i}`, "v".repeat(200));
  for (let i = 0; i < 3000; i++) b.set(`dead${i}`, "v".repeat(200));
  for (let i = 0; i < 3000; i++) b.store.setExpiry(b.find(`dead${i}`), 20);
  b.clock.seconds = 20;
  for (let i = 0; i < 3500; i++) b.set(`new${i}`, "v".repeat(200));
  expect(b.store.evictions).toBe(0);
  for (let i = 0; i < 3000; i++) expect(b.get(`live${i}`)).not.toBe(undefined);
  expect(b.store.reclaimed).toBeGreaterThan(0);
});

test("fetched items outlast those that were never fetched", () => {
  const b = new Bench({ maxBytes: 2 * MiB });
  for (let i = 0; i < 500; i++) b.set(`hot${i}`, "v".repeat(200));
  for (let i = 0; i < 40_000; i++) {
    b.set(`once${i}`, "v".repeat(200));
    const item = b.find(`hot${i % 500}`);
    if (item !== 0) b.store.markFetched(item);
  }
  let kept = 0;
  for (let i = 0; i < 500; i++) if (b.find(`hot${i}`) !== 0) kept++;
  // The first segments hold nothing else; of such, not all may be kept.
  expect(kept).toBeGreaterThan(400);
  expect(b.store.evictedUnfetched / b.store.evictions).toBeGreaterThan(0.99);
});

test.each([
  [32, 838_848],
  [100, 454_355],
  [1000, 56_640],
])("64 MiB hold, of values of %i bytes with 16-byte keys, at least %i", (size, least) => {
  const b = new Bench({ maxBytes: 64 * MiB });
  const key = Buffer.alloc(16);
  const value = Buffer.alloc(size, "v");
  for (let i = 0; i < least * 1.3; i++) {
    key.write(String(i).padStart(16, "0"), "latin1");
    b.store.put(key, 0, 16, 0, 0, value, 0, size, 0, 0);
  }
  expect(b.store.currItems).toBeGreaterThanOrEqual(least);
});

test("without eviction storing fails when the store is full, and works again after a delete", () => {
  const b = new Bench({ evict: false });
  let stored = 0;
  while (b.set(`k${stored}`, "v".repeat(1000)) !== 0) stored++;
  expect(b.store.liveBytes).toBeGreaterThan(0.9 * MiB);
  expect(b.get("k0")).toBe("v".repeat(1000));
  for (let i = 0; i < 100; i++) b.store.remove(b.find(`k${i}`));
  for (let i = 0; i < 60; i++) expect(b.set(`n${i}`, "v".repeat(1000))).not.toBe(0);
  expect(b.store.evictions).toBe(0);
  expect(b.store.classes.read(b.store.classOf(b.find("n0")), "outOfMemory")).toBe(1);
});

test("with eviction nothing is refused, even if all that is stored is large and was fetched", () => {
  const b = new Bench({ maxBytes: 8 * MiB });
  const value = Buffer.alloc(573_440, "v");
  for (let i = 0; i < 200; i++) {
    const key = Buffer.from(`key${i}`);
    const arriving = b.store.reserve(value.length);
    for (let at = 0; at < value.length; at += 65_536) {
      b.store.fill(arriving, value, at, Math.min(value.length, at + 65_536));
    }
    const item = b.store.commit(arriving, key, 0, key.length, 0, 0, 0, 0);
    expect(item).not.toBe(0);
    b.store.unpin(b.store.pin(item));
    b.store.markFetched(item);
  }
  expect(b.store.currItems).toBeGreaterThan(12);
  checkInvariants(b.store, 10);
});

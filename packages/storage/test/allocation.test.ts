// The hot methods allocate nothing: a million calls, no garbage collection and no growth of the heap.

import { PerformanceObserver } from "node:perf_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { createStore, type Store } from "../src/index.ts";

const CALLS = 1_000_000;
const KEYS = 50_000;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const keys = Buffer.alloc(KEYS * 16);
for (let i = 0; i < KEYS; i++) keys.write(`key-${i}`.padEnd(16, "."), i * 16, "latin1");
const value = Buffer.alloc(2048, "v");
const output = Buffer.alloc(4096);

/** Runs `calls` steps; returns what the heap grew by and how often it was collected. */
async function measure(step: (i: number) => void): Promise<{ grownBytes: number; collections: number }> {
  for (let i = 0; i < CALLS; i++) step(i);
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  });
  await new Promise((resolve) => setImmediate(resolve));
  collectGarbage();
  await new Promise((resolve) => setTimeout(resolve, 20));
  observer.observe({ entryTypes: ["gc"] });
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < CALLS; i++) step(i);
  const grownBytes = process.memoryUsage().heapUsed - before;
  await new Promise((resolve) => setTimeout(resolve, 20));
  observer.disconnect();
  return { grownBytes, collections };
}

function storeOf(megabytes: number): Store {
  return createStore({ maxBytes: megabytes * 1024 * 1024, clock: { seconds: 10, startedAtUnix: 0 }, seed: 1 });
}

// 60-byte values stay below the size at which Node's own copy is called, which allocates before Node 22.
const sizes = Number(process.versions.node.split(".")[0]) >= 22 ? [32, 1000] : [32];

test.each(sizes.flatMap((size) => [[size, 64] as const, [size, 1] as const]))(
  "10^6 finds, fetches and puts of %i bytes in %i MiB leave no garbage",
  { retry: 1 },
  async (size, megabytes) => {
    const store = storeOf(megabytes);
    let misses = 0;
    const { grownBytes, collections } = await measure((i) => {
      const at = ((i * 7919) % KEYS) * 16;
      const item = store.find(keys, at, at + 16);
      if (item === 0) misses++;
      else {
        store.markFetched(item);
        store.copyValue(item, output, store.copyKey(item, output, 0));
        if (i % 16 === 0) store.remove(item);
      }
      if (i % 2 === 0) store.put(keys, at, at + 16, i & 1, 0, value, 0, size, 0, 0);
    });
    expect(misses).toBeGreaterThan(0);
    expect(store.evictions > 0).toBe(megabytes === 1);
    expect(collections).toBe(0);
    expect(grownBytes).toBeLessThan(64 * 1024);
  },
);

test("10^6 increments leave no garbage", { retry: 1 }, async () => {
  const store = storeOf(1);
  store.put(keys, 0, 16, 0, 0, Buffer.from("18446744073709551000"), 0, 20, 0, 0);
  const { grownBytes, collections } = await measure((i) => {
    store.increment(store.find(keys, 0, 16), 0, 1 + (i & 7), false);
  });
  expect(collections).toBe(0);
  expect(grownBytes).toBeLessThan(64 * 1024);
});

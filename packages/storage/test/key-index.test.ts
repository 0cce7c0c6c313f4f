// The index under more keys than its size is made for, and while a larger one takes over.

import { describe, expect, test } from "vitest";
import { stateInts } from "../src/buffers.ts";
import { KeyIndex } from "../src/key-index.ts";
import { Memory } from "../src/memory.ts";
import * as S from "../src/state.ts";
import { checkInvariants } from "./check-invariants.ts";
import { Bench, MiB } from "./helpers.ts";

/** The smallest records there are, so that the index is as full as it ever gets. */
function filled(): Bench {
  const b = new Bench({ maxBytes: 2 * MiB });
  for (let i = 0; b.store.evictions === 0; i++) b.set(`k${i}`, "");
  return b;
}

test("is at most 85 % full when the store is full of the smallest items", () => {
  const b = filled();
  const buckets = stateInts(b.store.buffers)[S.INDEX_BUCKETS]!;
  expect(b.store.currItems / (buckets * 12)).toBeGreaterThan(0.8);
  expect(b.store.currItems / (buckets * 12)).toBeLessThan(0.85);
  checkInvariants(b.store, 10);
});

test("leaves no overflow behind when all has gone", () => {
  const b = filled();
  for (const key of b.walked(100)) b.store.remove(b.find(key));
  expect(b.store.currItems).toBe(0);
  for (const piece of b.store.buffers.index) {
    const words = new Int32Array(piece, 48);
    expect(words.every((word) => word === 0)).toBe(true);
  }
});

describe("while a larger index takes over", () => {
  test("every key is found in each step, and comes up once in a walk", () => {
    const b = new Bench({ maxBytes: 64 * MiB });
    const { buffers } = b.store;
    const ints = stateInts(buffers);
    let keys = 0;
    while (ints[S.NEXT_BUCKETS] === 0) b.set(`k${keys++}`);
    const index = new KeyIndex(buffers, new Memory(buffers));
    expect(index.migrating).toBe(true);
    for (let step = 0; index.migrating; step++) {
      index.migrateBucket();
      if (step % 2000 !== 0) continue;
      for (let i = 0; i < keys; i++) expect(b.find(`k${i}`)).not.toBe(0);
      const walked = b.walked(1000);
      expect(new Set(walked).size).toBe(keys);
      expect(walked.length).toBe(keys);
    }
    checkInvariants(b.store, 10);
  });

  test("two items stored move four buckets at most", () => {
    const b = new Bench({ maxBytes: 64 * MiB });
    const ints = stateInts(b.store.buffers);
    let keys = 0;
    while (ints[S.NEXT_BUCKETS] === 0) b.set(`k${keys++}`);
    const moved = ints[S.MIGRATED]!;
    b.set("a");
    b.set("b");
    expect(ints[S.MIGRATED]! - moved).toBe(4);
  });

  test("a store that may become larger has an index that may, too", () => {
    const b = new Bench({ maxBytes: MiB });
    const ints = stateInts(b.store.buffers);
    expect(ints[S.INDEX_GROWS_AT]).toBe(S.NO_GROWTH);
    b.store.setMaxBytes(4 * MiB);
    const before = ints[S.INDEX_BUCKETS]!;
    for (let i = 0; i < 30_000; i++) b.set(`k${i}`);
    expect(ints[S.INDEX_BUCKETS]!).toBeGreaterThan(before);
    checkInvariants(b.store, 10);
  });
});

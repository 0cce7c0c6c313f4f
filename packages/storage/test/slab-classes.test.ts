import { expect, test } from "vitest";
import { Bench } from "./helpers.ts";

test("the classes are memcached's, as memcached 1.6 prints them with -vv", () => {
  const { classes } = new Bench().store;
  const sizes = Array.from({ length: classes.count }, (_, i) => classes.chunkBytes(i + 1));
  expect(sizes).toEqual([
    ...[96, 120, 152, 192, 240, 304, 384, 480, 600, 752, 944, 1184, 1480, 1856, 2320, 2904, 3632, 4544, 5680, 7104],
    ...[8880, 11104, 13880, 17352, 21696, 27120, 33904, 42384, 52984, 66232, 82792, 103496, 129376, 161720, 202152],
    ...[252696, 315872, 394840, 524288],
  ]);
});

test("an item belongs to the smallest class that holds it", () => {
  const { classes } = new Bench().store;
  expect([1, 96, 97, 120, 121, 524_288, 1_000_000].map((n) => classes.classFor(n))).toEqual([1, 1, 2, 2, 3, 39, 39]);
});

test("a smaller factor gives more classes, at most 63", () => {
  expect(new Bench({ growthFactor: 1.08 }).store.classes.count).toBe(63);
  expect(new Bench({ growthFactor: 2, minItemBytes: 80 }).store.classes.chunkBytes(1)).toBe(128);
});

test("requested bytes count header, terminators, cas and flags as memcached does", () => {
  const b = new Bench();
  expect(b.store.requestedBytesOf(b.set("k", "12345"))).toBe(48 + 1 + 1 + 5 + 2 + 8);
  expect(b.store.requestedBytesOf(b.set("k", "12345", 0, 9))).toBe(48 + 1 + 1 + 5 + 2 + 8 + 4);
  expect(b.store.requestedBytes).toBe(69);
  const plain = new Bench({ cas: false });
  expect(plain.store.requestedBytesOf(plain.set("k", "12345"))).toBe(48 + 1 + 1 + 5 + 2);
});

test("items and bytes are charged to their class and taken off again", () => {
  const b = new Bench();
  const item = b.set("k", "v".repeat(500));
  const id = b.store.classOf(item);
  expect([id, b.store.classes.read(id, "items"), b.store.classes.read(id, "requestedBytes")]).toEqual([9, 1, 560]);
  b.set("k", "short");
  expect([b.store.classes.read(id, "items"), b.store.classes.read(1, "items")]).toEqual([0, 1]);
  b.store.flush();
  expect(b.store.classes.read(1, "requestedBytes")).toBe(0);
});

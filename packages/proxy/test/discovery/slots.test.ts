// Stable slots: which address changes move keys, and which do not.

import { describe, expect, test } from "vitest";
import { SlotTable } from "../../src/discovery/slots.ts";

const KEEP_MS = 60_000;
const seated = (table: SlotTable) => table.slots.map(({ name, address }) => `${name} ${address}`);

describe("addresses of one name", () => {
  test("sit in their own order, however the DNS shuffles them", () => {
    const table = new SlotTable("m", KEEP_MS);
    expect(table.update(["c", "a", "b"], 0)).toBe(true);
    expect(seated(table)).toEqual(["m#0 a", "m#1 b", "m#2 c"]);
    expect(table.update(["b", "c", "a"], 1)).toBe(false);
    expect(seated(table)).toEqual(["m#0 a", "m#1 b", "m#2 c"]);
  });

  test("one that changes keeps its slot: no name of a slot changes, so no key moves", () => {
    const table = new SlotTable("m", KEEP_MS);
    table.update(["a", "b", "c"], 0);
    expect(table.update(["a", "z", "c"], 1000)).toBe(true);
    expect(seated(table)).toEqual(["m#0 a", "m#1 z", "m#2 c"]);
  });

  test("one that is away keeps its seat for its return, or for the next to come", () => {
    const table = new SlotTable("m", KEEP_MS);
    table.update(["a", "b", "c"], 0);
    expect(table.update(["a", "c"], 1000)).toBe(false);
    expect(table.update(["a", "b", "c"], 2000)).toBe(false);
    table.update(["a", "c"], 3000);
    expect(table.update(["a", "c", "d"], 3000 + KEEP_MS - 1)).toBe(true);
    expect(seated(table)).toEqual(["m#0 a", "m#1 d", "m#2 c"]);
  });

  test("one that stays away too long gives up its seat, and a later one takes the free name", () => {
    const table = new SlotTable("m", KEEP_MS);
    table.update(["a", "b", "c"], 0);
    table.update(["a", "c"], 1000);
    expect(table.update(["a", "c"], 1000 + KEEP_MS - 1)).toBe(false);
    expect(table.update(["a", "c"], 1000 + KEEP_MS)).toBe(true);
    expect(seated(table)).toEqual(["m#0 a", "m#2 c"]);
    table.update(["a", "c", "e", "f"], 2000 + KEEP_MS);
    expect(seated(table)).toEqual(["m#0 a", "m#1 e", "m#2 c", "m#3 f"]);
  });

  test("no answer is no change", () => {
    const table = new SlotTable("m", 0);
    table.update(["a"], 0);
    expect(table.update([], 10)).toBe(false);
    expect(seated(table)).toEqual(["m#0 a"]);
  });

  test("ten and more are in the order of their numbers", () => {
    const table = new SlotTable("m", KEEP_MS);
    table.update(
      Array.from({ length: 12 }, (_, i) => `10.0.0.${100 + i}`),
      0,
    );
    expect(table.slots.map(({ name }) => name)).toEqual(Array.from({ length: 12 }, (_, i) => `m#${i}`));
  });
});

test("lasting names are their own slots, and nobody takes another's", () => {
  const table = new SlotTable(undefined, KEEP_MS);
  table.update(["m-1:1", "m-0:1"], 0);
  expect(table.update(["m-0:1", "m-2:1"], 1000)).toBe(true);
  expect(seated(table)).toEqual(["m-0:1 m-0:1", "m-1:1 m-1:1", "m-2:1 m-2:1"]);
  expect(table.update(["m-0:1", "m-2:1"], 1000 + KEEP_MS)).toBe(true);
  expect(seated(table)).toEqual(["m-0:1 m-0:1", "m-2:1 m-2:1"]);
});

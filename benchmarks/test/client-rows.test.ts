import { expect, test } from "vitest";
import { clientRows, isWithin } from "../src/bench/client-rows.ts";
import { pickRows } from "../src/bench/pick-rows.ts";
import { SubjectRounds } from "../src/bench/subject-rounds.ts";

test("rows are picked by name, in the order that is asked for", () => {
  expect(pickRows(clientRows, "get-1,get-64").map((row) => row.name)).toEqual(["get-1", "get-64"]);
  expect(pickRows(clientRows, "all")).toEqual(clientRows);
  expect(() => pickRows(clientRows, "get-2")).toThrow('no row "get-2"; there are: get-64, ');
  expect(new Set(clientRows.map((row) => row.name)).size).toBe(clientRows.length);
});

test.each([
  [0.25, 0.25, true],
  [0.28, 0.25, true],
  [0.29, 0.25, false],
  [1.2, 1.15, false],
])("a multiple of %f against a bar of %f: met %s", (multiple, bar, met) => {
  expect(isWithin(multiple, bar)).toBe(met);
});

test("multiples are taken within a round, and the cheapest is the one of the lowest median", () => {
  const sample = (costUs: number, ...faults: string[]) => ({ costUs, perSecond: 1e6 / costUs, faults });
  // The second round is twice as slow for everybody.
  const rounds = new SubjectRounds([
    [sample(10), sample(5), sample(8)],
    [sample(20), sample(10), sample(16, "a get missed")],
    [sample(10), sample(5), sample(8)],
  ]);
  expect(rounds.multiple(1, 0)).toEqual({ median: 0.5, low: 0.5, high: 0.5 });
  expect(rounds.costUs(0)).toBe(10);
  expect(rounds.perSecond(1)).toBe(200_000);
  expect(rounds.cheapest([0, 2])).toBe(2);
  expect(rounds.faults(2)).toEqual(["a get missed"]);
});

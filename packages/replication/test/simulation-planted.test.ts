// The claims are worth something only if they notice what they are there for: defects put in on purpose.

import { expect, test } from "vitest";
import { runSchedule, type Kind } from "./simulation/schedule.ts";
import type { Planted } from "./simulation/sim-node.ts";

async function violated(kind: Kind, planted: Planted, schedules: number): Promise<string[]> {
  const all: string[] = [];
  for (let seed = 1; seed <= schedules; seed++) all.push(...(await runSchedule(seed, { kind, planted })));
  return all;
}

test.each<[string, Kind, Planted, number, RegExp]>([
  ["a replica that leaves out every fifth effect", "deaths", "drop an effect", 20, /differs from/],
  ["answering before the stream is written", "deaths", "answer before streaming", 60, /is lost/],
  [
    "an epoch drawn without the last one",
    "consistent",
    "draw without the last epoch",
    150,
    /is master of epoch \d+, after/,
  ],
])("%s is noticed", async (_, kind, planted, schedules, what) => {
  expect((await violated(kind, planted, schedules)).join("\n")).toMatch(what);
});

test.each<[Kind, number]>([
  ["deaths", 60],
  ["consistent", 150],
])("the same schedules of %s hold without the defects", async (kind, schedules) => {
  expect(await violated(kind, "none", schedules)).toEqual([]);
});

// The claims are worth something only if they notice what they are there for: two defects put in on purpose.

import { expect, test } from "vitest";
import { runSchedule } from "./simulation/schedule.ts";
import type { Planted } from "./simulation/sim-node.ts";

async function violated(planted: Planted, schedules: number): Promise<string[]> {
  const all: string[] = [];
  for (let seed = 1; seed <= schedules; seed++) all.push(...(await runSchedule(seed, { kind: "deaths", planted })));
  return all;
}

test("a replica that leaves out every fifth effect is noticed", async () => {
  expect((await violated("drop an effect", 20)).join("\n")).toMatch(/differs from/);
});

test("answering before the stream is written is noticed", async () => {
  expect((await violated("answer before streaming", 60)).join("\n")).toMatch(/is lost/);
});

test("the same schedules hold without the defects", async () => {
  expect(await violated("none", 60)).toEqual([]);
});

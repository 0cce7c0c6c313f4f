// The simulator as a test: many seeds, the first violation printed with what repeats it.

import { freshSeed } from "@marugoto/testing";
import { expect, test } from "vitest";
import { runSchedule, type Kind } from "./schedule.ts";

/** Schedules of all three kinds together. */
const SCHEDULES = Number(process.env.MARUGOTO_SIMULATIONS ?? "10000");

/** Runs a third of all schedules, seeds 1 to n, or from a fresh seed on with `MARUGOTO_SEED=fresh`. */
export function describeSimulation(kind: Kind): void {
  const count = Math.ceil(SCHEDULES / 3);
  const first = process.env.MARUGOTO_SEED === "fresh" ? freshSeed() % 1_000_000_000 : 1;

  test(`${kind}: ${count} schedules from seed ${first} on hold all claims`, { timeout: 600_000 }, async () => {
    for (let seed = first; seed < first + count; seed++) {
      const violations = await runSchedule(seed, { kind });
      expect(violations, `seed ${seed} of ${kind}`).toEqual([]);
    }
  });
}

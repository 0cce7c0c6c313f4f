// After a split all nodes hold the same within two seconds, and what that is depends on the writes alone: not on who
// finds whom first, on whose clock is ahead, or on which link heals first.

import { expect, test } from "vitest";
import { drawPlan, outcomeOf, runPlan } from "./simulation/split-and-heal.ts";

const PLANS = 1000;

test(`${PLANS} splits heal to what the writes say, whatever the order`, { timeout: 300_000 }, async () => {
  for (let seed = 1; seed <= PLANS; seed++) {
    const plan = drawPlan(seed);
    const expected = outcomeOf(plan);
    for (const network of [2 * seed, 2 * seed + 1]) {
      const contents = await runPlan(plan, network);
      expect(contents, `plan ${seed}, network ${network}`).toEqual(contents.map(() => expected));
    }
  }
});

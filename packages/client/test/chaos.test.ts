// Splits, stalls, late answers, closes in the middle of a value, garbage and restarts: no value of another key, no call
// that never ends.

import { freshSeed, within } from "@marugoto/testing";
import { expect, test } from "vitest";
import { runChaos } from "./support/chaos.ts";

test.each(["classic", "meta"] as const)("3000 calls in chaos, %s", { timeout: 60_000 }, async (protocol) => {
  const seed = freshSeed();
  const result = await within(50_000, runChaos(3000, seed, protocol), `the calls of seed ${seed} have not all ended`);
  expect({ seed, wrong: result.wrong }).toEqual({ seed, wrong: [] });
  // Chaos, but no wall: most of it works.
  expect(result.hits).toBeGreaterThan(300);
  expect(Object.keys(result.failures)).toContain("timeout");
  expect(result.latestMs).toBeLessThan(2000);
});

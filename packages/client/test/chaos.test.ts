// Splits, stalls, late answers, closes in the middle of a value, garbage and restarts: no value of another key, no call
// that never ends. `npm run soak -- client-chaos` is the same at length.

import { freshSeed, within } from "@marugoto/testing";
import { expect, test } from "vitest";
import { runChaos } from "./support/chaos.ts";

const CALLS = 10_000;

test.each(["classic", "meta"] as const)(`${CALLS} calls in chaos, %s`, { timeout: 60_000 }, async (protocol) => {
  const seed = freshSeed();
  const result = await within(50_000, runChaos(CALLS, seed, protocol), `the calls of seed ${seed} have not all ended`);
  expect({ seed, wrong: result.wrong }).toEqual({ seed, wrong: [] });
  // Chaos, but no wall: much of it works, and much of it does not.
  expect(result.hits).toBeGreaterThan(CALLS / 20);
  expect(result.stored).toBeGreaterThan(CALLS / 50);
  expect(result.spoilt).toBeGreaterThan(3);
  expect(Object.keys(result.failures)).toEqual(expect.arrayContaining(["timeout", "aborted", "connection_lost"]));
  expect(result.latestMs).toBeLessThan(2000);
});

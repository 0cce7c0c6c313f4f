import { expect, test } from "vitest";
import { warmUp } from "../src/warm-up.ts";

test("warming up ends by itself and keeps the loop turning", async () => {
  let turns = 0;
  let done = false;
  const count = () => {
    turns++;
    if (!done) setImmediate(count);
  };
  setImmediate(count);
  await warmUp(() => true);
  done = true;
  expect(turns).toBeGreaterThan(3);
});

test("warming up stops as soon as it is no longer wanted", async () => {
  let asked = 0;
  await warmUp(() => ++asked < 3);
  expect(asked).toBe(3);
});

import { expect, test } from "vitest";
import { rehearse } from "../src/index.ts";

test("a takeover is played to its end: what was under way when the master went is answered by the other", async () => {
  expect(await rehearse()).toBe(true);
});

test("nothing is left behind that keeps a process alive", async () => {
  const before = process.getActiveResourcesInfo();
  await rehearse();
  // What is still due in this turn of the loop may run first.
  await expect.poll(() => process.getActiveResourcesInfo().filter((kind) => !before.includes(kind))).toEqual([]);
});

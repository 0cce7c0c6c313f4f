import { expect, test } from "vitest";
import { Ghost } from "../src/ghost.ts";
import { Bench } from "./helpers.ts";

const hashes = Array.from({ length: 400 }, (_, i) => Math.imul(i + 1, 0x9e37_79b1));

test("a key is remembered once, and forgotten when taken", () => {
  const ghost = new Ghost(new Bench().store.buffers);
  for (const hash of hashes) ghost.add(hash);
  expect(hashes.filter((hash) => ghost.take(hash)).length).toBeGreaterThan(390);
  expect(hashes.filter((hash) => ghost.take(hash)).length).toBeLessThan(5);
});

test("what was added longest ago leaves first", () => {
  const ghost = new Ghost(new Bench().store.buffers);
  for (const hash of hashes) ghost.add(hash);
  for (let i = 0; i < 20_000; i++) ghost.add(Math.imul(i + 1000, 0x85eb_ca6b));
  expect(hashes.filter((hash) => ghost.take(hash)).length).toBeLessThan(20);
});

import { describe, expect, test } from "vitest";
import { seededRandom } from "../src/index.ts";

describe("seededRandom", () => {
  test("gives the check value for seed 1", () => {
    expect(seededRandom(1).next()).toBe(0.6270739405881613);
  });

  test("gives the same run for the same seed, another for another", () => {
    const run = (seed: number) => seededRandom(seed).bytes(64).toString("hex");
    expect(run(7)).toBe(run(7));
    expect(run(7)).not.toBe(run(8));
  });

  test("between() reaches both ends and nothing else", () => {
    const random = seededRandom(3);
    const seen = new Set(Array.from({ length: 1000 }, () => random.between(2, 5)));
    expect([...seen].sort()).toEqual([2, 3, 4, 5]);
  });

  test("drawing from a fork moves nothing in its parent", () => {
    const one = seededRandom(9);
    const two = seededRandom(9);
    one.fork().bytes(100);
    two.fork();
    expect(one.next()).toBe(two.next());
  });
});

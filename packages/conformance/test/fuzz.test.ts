// The short forms of the fuzz runs; `npm run soak` has the long ones. A failure prints its seed.

import { Cleanup } from "@marugoto/testing";
import { afterEach, describe, expect, test } from "vitest";
import { fuzzDifferential, fuzzServer, marugotoTarget, memcachedTarget, PEER_FLAGS } from "../src/index.ts";
import { useRecordedMemcached } from "./recorded-memcached.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

const memcached = useRecordedMemcached("the differential fuzz, ours beside memcached");
describe.skipIf(memcached.isMissing)(memcached.title, () => {
  test("20 seconds of requests are answered alike, but for the named differences", { timeout: 90_000 }, async () => {
    const ours = opened.add(await marugotoTarget());
    const theirs = opened.add(await memcachedTarget(PEER_FLAGS, memcached.path));
    const result = await fuzzDifferential(ours, theirs, { forMs: 20_000, lines: 40_000 });
    expect(result.mismatch).toBeUndefined();
    expect(result.lines).toBeGreaterThan(500);
  });

  test("a difference is found and shrunk to the requests that show it", { timeout: 60_000 }, async () => {
    // Without -C one of the two has cas numbers, the other has none: gets tells.
    const left = opened.add(await memcachedTarget(PEER_FLAGS, memcached.path));
    const right = opened.add(await memcachedTarget(["-C", ...PEER_FLAGS], memcached.path));
    const result = await fuzzDifferential(left, right, { lines: 5000, seed: 1, mutated: 0 });
    expect(result.mismatch).toContain("shortest script:");
    expect(result.mismatch?.split("\n").length).toBeLessThan(12);
  });
});

describe("random and damaged bytes", () => {
  test("for 8 seconds over 20 connections leave our server alive and answering", { timeout: 60_000 }, async () => {
    const target = opened.add(await marugotoTarget());
    const result = await fuzzServer(target, { forMs: 8000, connections: 20 });
    expect(result.bytesSent).toBeGreaterThan(100_000);
    expect(result.slowestAnswerMs).toBeLessThan(5000);
  });
});

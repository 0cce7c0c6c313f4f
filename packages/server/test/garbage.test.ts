// The hot commands make no garbage: a million of them through a session, hits and misses, without a socket. Run in a
// process of its own, where nothing else allocates, with the collector's own count as witness.

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("10^6 hot commands: no garbage collection, heap grows by less than 64 KiB", () => {
  const script = fileURLToPath(new URL("garbage-child.ts", import.meta.url));
  const flags = ["--conditions=source", "--expose-gc", "--max-semi-space-size=16", "--no-warnings"];
  const result = JSON.parse(execFileSync(process.execPath, [...flags, script], { encoding: "utf8" })) as {
    commands: number;
    collections: number;
    heapBytes: number;
  };
  expect(result.commands).toBeGreaterThanOrEqual(1_000_000);
  expect(result.collections).toBe(0);
  expect(result.heapBytes).toBeLessThan(64 * 1024);
});

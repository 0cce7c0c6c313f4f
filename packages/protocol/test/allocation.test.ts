// The hot commands leave no garbage, in either direction.

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const major = Number(process.versions.node.split(".")[0]);

test.skipIf(major < 24)(
  "10^6 commands and answers: no collection, less than 64 KiB (needs Node 24 to run TypeScript)",
  () => {
    const script = fileURLToPath(new URL("allocation-run.ts", import.meta.url));
    const printed = execFileSync(process.execPath, ["--expose-gc", "--conditions=source", script], {
      encoding: "utf8",
      timeout: 25_000,
    });
    const { commands, expected, collections, heapGrowthBytes } = JSON.parse(printed) as Record<string, number>;
    expect(commands).toBe(expected);
    expect(commands).toBeGreaterThanOrEqual(1_000_000);
    expect(collections).toBe(0);
    expect(heapGrowthBytes).toBeLessThan(64 * 1024);
  },
);

// The proxy in chaos, made short. `npm run soak -- proxy-chaos` makes it long.

import { freshSeed } from "@marugoto/testing";
import { expect, test } from "vitest";
import { runProxyChaos, type ChaosOptions } from "./support/chaos.ts";

test.each<Pick<ChaosOptions, "mode" | "lies">>([
  { mode: "error", lies: true },
  { mode: "miss", lies: false },
  { mode: "eject", lies: false },
  { mode: "gutter", lies: false },
])(
  "1000 requests with failover $mode while servers stall, vanish and answer garbage (lies: $lies): nothing is wrong",
  async (kind) => {
    const seed = freshSeed();
    const { requests, hits, stored, mischiefs, wrong } = await runProxyChaos({ ...kind, requests: 1000, seed });
    expect({ seed, wrong }).toEqual({ seed, wrong: [] });
    expect(requests).toBe(1000);
    expect(Math.min(hits, stored, mischiefs)).toBeGreaterThan(0);
  },
  60_000,
);

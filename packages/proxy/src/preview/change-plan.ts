// What a change of the configuration moves, counted on keys.

import { mix32, plan, type Plan, type Placement } from "@marugoto/hashing";
import { toPlacement } from "../config/placement.ts";
import type { PoolConfig } from "../config/types.ts";

/** Made-up keys of a plan that was given none. */
const SAMPLE_KEYS = 100_000;

export interface PoolChange {
  readonly pool: string;
  /** "added" and "removed": the pool is in one of the configurations only. */
  readonly kind: "changed" | "added" | "removed";
  /** What moves; undefined unless the pool is in both. Servers are the same when their names are. */
  readonly plan: Plan | undefined;
}

/**
 * Places every key by the old and the new configuration of each pool.
 *
 * @param keys the site's own, which make the plan exact; default: 100 000 made-up ones, which give the shares
 */
export function changePlan(
  before: readonly PoolConfig[],
  after: readonly PoolConfig[],
  keys: readonly string[] = sampleKeys(),
): PoolChange[] {
  const names = [...new Set([...before, ...after].map(({ name }) => name))];
  return names.map((pool): PoolChange => {
    const old = before.find(({ name }) => name === pool);
    const next = after.find(({ name }) => name === pool);
    if (old === undefined) return { pool, kind: "added", plan: undefined };
    if (next === undefined) return { pool, kind: "removed", plan: undefined };
    return { pool, kind: "changed", plan: plan(byName(old), byName(next), keys) };
  });
}

/** A pool's placement, its servers told apart by name: one that moves to another address keeps its keys. */
function byName(pool: PoolConfig): Placement {
  const placement = toPlacement(pool.placement, pool.servers);
  return {
    servers: pool.servers.map(({ name, weight }) => ({ id: name, name, weight })),
    serverIndex: (bytes, start, end) => placement.serverIndex(bytes, start, end),
    serverIndexOf: (key) => placement.serverIndexOf(key),
    describe: () => placement.describe(),
  };
}

/** The plan in lines. */
export function sayChange({ pool, kind, plan: moved }: PoolChange): string[] {
  if (moved === undefined) return [`pool ${pool}: ${kind}`];
  const lines = [`pool ${pool}: ${percent(moved.share)} of the keys move (${moved.moved} of ${moved.keys})`];
  const width = Math.max(...moved.servers.map(({ id }) => id.length));
  for (const { id, before, after, lost, gained } of moved.servers) {
    lines.push(
      `  ${id.padEnd(width)}  ${percent(before).padStart(7)} → ${percent(after).padStart(7)}   loses ${percent(lost)}, gains ${percent(gained)}`,
    );
  }
  if (moved.refused > 0) lines.push(`  ${moved.refused} keys are refused by one of the placements`);
  return lines;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** Even under the hashes that leave numbered keys side by side, as fnv does: `key1` and `key2` often share a server. */
function sampleKeys(): string[] {
  return Array.from({ length: SAMPLE_KEYS }, (_, i) => `${hex(mix32(i))}${hex(mix32(~i))}`);
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, "0");
}

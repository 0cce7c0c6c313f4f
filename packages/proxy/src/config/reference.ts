// The key table as rows, for those who print or check a reference.

import { poolKeys } from "./keys.ts";
import type { Key } from "./record.ts";

/** One key of the reference. */
export interface ConfigKey {
  /** As in `timeouts.connect`; `servers[].weight` for a key of each element. */
  readonly path: string;
  /** What may stand there, in words. */
  readonly allowed: string;
  /** What holds without it, in words. */
  readonly fallback: string;
  readonly help: string;
  /** True for nutcracker's own keys. */
  readonly nutcracker: boolean;
}

/** Every key of a pool, each map followed by its own keys. */
export function configKeys(): readonly ConfigKey[] {
  return rowsOf(poolKeys, "");
}

/** Keys whose values are lists of maps. */
const LISTS = new Set(["servers"]);

function rowsOf(keys: Readonly<Record<string, Key<unknown>>>, base: string): ConfigKey[] {
  return Object.entries(keys).flatMap(([name, { shape, fallback, help, nutcracker }]) => {
    const path = base === "" ? name : `${base}.${name}`;
    const row = { path, allowed: shape.allowed, fallback, help, nutcracker };
    // A gutter's servers are those of the pool.
    if (shape.keys === undefined || path === "gutter.servers") return [row];
    return [row, ...rowsOf(shape.keys, LISTS.has(name) ? `${path}[]` : path)];
  });
}

// The rows of the client bench: what is called, and how many times the cost of others each may reach. Data, no measuring.

import type { CacheWork } from "../subjects/subject.ts";

/** The other libraries, by the names of their packages. */
export const libraries = ["memjs", "memcached", "memcache", "memcache-client"] as const;

export interface ClientRow {
  readonly name: string;
  readonly title: string;
  readonly work: Omit<CacheWork, "port" | "prefix">;
  /** Most that ours may cost, as a multiple of the best library's cost; absent: no library takes part. */
  readonly bestBar?: number;
  /** Most that ours may cost, as a multiple of the floor's. */
  readonly floorBar: number;
}

/** A bar counts as met this far above it: what two equal processes are seen to differ by. */
export const TOLERANCE = 0.03;

const row = (
  name: string,
  title: string,
  work: Partial<ClientRow["work"]>,
  floorBar: number,
  bestBar?: number,
): ClientRow => ({
  name,
  title,
  work: { command: "get", concurrency: 1, keysPerCall: 1, valueBytes: 32, keys: 6400, ...work },
  floorBar,
  ...(bestBar === undefined ? {} : { bestBar }),
});

export const clientRows: readonly ClientRow[] = [
  row("get-64", "64 gets at once, 32 B", { concurrency: 64 }, 2, 0.25),
  row("set-64", "64 sets at once, 32 B", { command: "set", concurrency: 64 }, 2, 0.25),
  row("get-many-100", "getMany of 100 keys, 32 B", { command: "getMany", keysPerCall: 100 }, 1.9, 0.25),
  row("get-1", "one get at a time, 32 B", {}, 1.5, 0.6),
  row("get-10k", "64 gets at once, 10 KiB", { concurrency: 64, valueBytes: 10_240, keys: 1280 }, 1.5, 0.75),
  row("door-1", "lower door: one get at a time, 32 B", { command: "door" }, 1.15),
  row("door-64", "lower door: 64 gets at once, 32 B", { command: "door", concurrency: 64 }, 1.15),
  row(
    "door-10k",
    "lower door: 64 gets at once, 10 KiB",
    { command: "door", concurrency: 64, valueBytes: 10_240, keys: 1280 },
    1.15,
  ),
];

/** Whether a multiple is within its bar. */
export function isWithin(multiple: number, bar: number): boolean {
  return multiple <= bar + TOLERANCE;
}

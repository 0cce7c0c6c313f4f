// The rows of the server bench: what is loaded, and what each must reach against which memcached. Data, no measuring.

import { defaultLoad, type LoadSpec } from "../load/spec.ts";

/** The least median of peer ÷ ours, by the generation of the peer. */
export interface Bar {
  /** memcached that gathers the answers of one read into one write (1.6.45). */
  readonly gathering?: number;
  /** memcached that sends pipelined answers one by one (1.6.18 and before). */
  readonly oneByOne?: number;
}

export interface ServerRow {
  readonly name: string;
  readonly title: string;
  readonly load: Omit<LoadSpec, "port">;
  readonly bar: Bar;
  /** Also run with this many keys; the row is then the growth of the cost from `load.keys` to here. */
  readonly grownKeys?: number;
}

/** A bar counts as met this far below it: memcached against itself is seen between 0.97 and 1.01. */
export const TOLERANCE = 0.03;
/** The growth of the cost with the number of keys may be this many times memcached's. */
export const GROWTH_LIMIT = 1.1;

const row = (name: string, title: string, load: Partial<LoadSpec>, bar: Bar = {}): ServerRow => ({
  name,
  title,
  load: { ...defaultLoad, ...load },
  bar,
});

export const serverRows: readonly ServerRow[] = [
  row("get-1", "get 32 B, depth 1", {}, { gathering: 0.65, oneByOne: 0.65 }),
  row("get-16", "get 32 B, depth 16", { depth: 16 }, { gathering: 1.0, oneByOne: 3.0 }),
  row("get-64", "get 32 B, depth 64", { depth: 64 }, { gathering: 1.4, oneByOne: 6.0 }),
  row("set-16", "set 32 B, depth 16", { depth: 16, setPercent: 100 }, { gathering: 1.0 }),
  row("multiget-100", "get of 100 keys, 32 B", { keysPerGet: 100 }, { gathering: 1.0, oneByOne: 1.0 }),
  row("get-1k", "get 1 KiB, depth 1", { valueBytes: 1024 }),
  row("get-10k", "get 10 KiB, depth 1", { valueBytes: 10_240 }, { gathering: 0.8 }),
  row("get-100k", "get 100 KiB, depth 1", { valueBytes: 102_400, keys: 1000 }),
  row("mixed-1", "90 % get, 10 % set, 32 B, depth 1", { setPercent: 10 }),
  row("mixed-16", "90 % get, 10 % set, 32 B, depth 16", { setPercent: 10, depth: 16 }),
  row("mg-16", "mg 32 B, depth 16", { dialect: "meta", depth: 16 }),
  { ...row("growth", "get 32 B, depth 64: cost at 10⁶ keys ÷ at 10⁴", { depth: 64 }), grownKeys: 1_000_000 },
];

/** The bar that holds against a peer with this version, if the row has one. */
export function barAgainst(bar: Bar, peerVersion: string): number | undefined {
  return isGathering(peerVersion) ? bar.gathering : bar.oneByOne;
}

/** Whether a memcached of this version gathers pipelined answers; measured at 1.6.18 (no) and 1.6.45 (yes). */
function isGathering(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(/[.\-_]/).map(Number);
  return major !== 1 ? major > 1 : minor !== 6 ? minor > 6 : patch > 18;
}

/** Whether a row reaches its bar; undefined when it has none against this peer. */
export function isMet(row: ServerRow, median: number, peerVersion: string): boolean | undefined {
  if (row.grownKeys !== undefined) return median <= GROWTH_LIMIT + TOLERANCE;
  const bar = barAgainst(row.bar, peerVersion);
  return bar === undefined ? undefined : median >= bar - TOLERANCE;
}

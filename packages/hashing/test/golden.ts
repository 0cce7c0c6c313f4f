// Recorded data of the real programs: the copies in fixtures/golden, or those in the folder that MARUGOTO_GOLDEN names
// (absolute or relative to the repository root). A missing folder or file fails the test that asks for it.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { repositoryRoot } from "@marugoto/testing";

const named = process.env.MARUGOTO_GOLDEN;

const goldenDirectory = named ? resolve(repositoryRoot, named) : resolve(import.meta.dirname, "../fixtures/golden");

/** Reads and parses `php/NAME.json` or `twemproxy/NAME.json`. */
export function readGolden(file: string): unknown {
  return JSON.parse(readFileSync(resolve(goldenDirectory, file), "utf8"));
}

/** Says where the cases came from and how many there were. */
export function reportGolden(file: string, cases: number, placements: number): void {
  const from = named ? goldenDirectory : "fixtures/golden";
  console.log(`${from}: ${file}: ${cases} cases, ${placements} values compared`);
}

export interface GoldenServer {
  host: string;
  port: number;
  weight: number;
}

export interface GoldenFile<Family> {
  keysets: Record<string, string[]>;
  families: Family[];
}

/** Character i of a map: base-36 index, `-` or `!` for a refusal. */
export function fromMap(map: string): number[] {
  return Array.from(map, (c) => (c === "-" || c === "!" ? -1 : parseInt(c, 36)));
}

/** The keys of a family, which must be there. */
export function keysOf(file: { keysets: Record<string, string[]> }, name: string): string[] {
  const keys = file.keysets[name];
  if (!keys) throw new Error(`no keyset "${name}" in the recorded data`);
  return keys;
}

/** The other way round, for one server. */
export function toMap(server: number): string {
  return server < 0 ? "-" : server.toString(36);
}

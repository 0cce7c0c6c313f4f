// A config file's text becomes a ProxyConfig, or a list of all that is wrong with it. Reading the file is the app's.

import { isMap, type Node } from "yaml";
import { CacheError, formatEndpoint } from "@marugoto/core";
import { poolShape } from "./keys.ts";
import { toPool } from "./pool.ts";
import { Reader, type ConfigProblem } from "./reader.ts";
import { pairsOf } from "./record.ts";
import type { PoolConfig, ProxyConfig } from "./types.ts";

/** What a text says; the config only when there is no problem. */
export type ConfigReading =
  | { readonly config: ProxyConfig; readonly problems: readonly [] }
  | { readonly config: undefined; readonly problems: readonly ConfigProblem[] };

/**
 * Reads the text of a config file: YAML, a map from pool names to pools. Any nutcracker.yml is one.
 *
 * @param file its name, for messages
 * @returns the config, or every problem in the order of the lines
 */
export function readConfig(text: string, file: string): ConfigReading {
  const reader = new Reader(text);
  const pools: PoolConfig[] = [];
  const isYaml = reader.problems.length === 0;
  if (isYaml) {
    const { root } = reader;
    if (isMap<Node, Node | null>(root) && root.items.length > 0) {
      for (const [name, value, path] of pairsOf(root, "", reader)) {
        const before = reader.problems.length;
        const fields = poolShape.read(value, path, reader);
        // What is missing may be there under the mistyped name that was just reported.
        const isClear = reader.problems.length === before;
        const pool = fields === undefined ? undefined : toPool(fields, name, reader, isClear);
        if (pool !== undefined) pools.push(pool);
      }
      checkListeners(pools, reader);
    } else {
      reader.fail("", "has no pools; it must be a map from names to pools");
    }
  }
  if (reader.problems.length === 0) return { config: { file, pools }, problems: [] };
  const problems = [...reader.problems].sort((a, b) => a.line - b.line || a.column - b.column);
  return { config: undefined, problems };
}

/**
 * As readConfig, for callers to whom a wrong config is an error.
 *
 * @throws CacheError `invalid_option` that tells the first problem and how many more there are
 */
export function parseConfig(text: string, file: string): ProxyConfig {
  const { config, problems } = readConfig(text, file);
  if (config !== undefined) return config;
  const more = problems.length - 1;
  const rest = more === 0 ? "" : ` (and ${more} more ${more === 1 ? "problem" : "problems"})`;
  throw new CacheError("invalid_option", `${sayProblem(problems[0]!, file)}${rest}`);
}

/** `pool.yml:7: alpha.timeout is "4oo"; it must be …` */
export function sayProblem({ line, message }: ConfigProblem, file: string): string {
  return `${file}:${line}: ${message}`;
}

/** Two pools can't listen at one place; port 0 is never the same place. */
function checkListeners(pools: readonly PoolConfig[], reader: Reader): void {
  const taken = new Map<string, PoolConfig>();
  for (const pool of pools) {
    const { endpoint } = pool.listen;
    if (endpoint.kind === "tcp" && endpoint.port === 0) continue;
    const address = formatEndpoint(endpoint);
    const other = taken.get(address);
    if (other === undefined) taken.set(address, pool);
    else reader.fail(`${pool.name}.listen`, `is ${address}, where pool ${other.name} listens already`);
  }
}

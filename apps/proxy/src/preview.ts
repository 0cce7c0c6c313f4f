// The commands that serve nothing: -t, where, plan. Each gives the text to print.

import { readFileSync } from "node:fs";
import { CacheError } from "@marugoto/core";
import {
  changePlan,
  poolRecoveryPlan,
  readConfig,
  recoveryPrograms,
  sayChange,
  sayProblem,
  whereIs,
  type PoolConfig,
} from "@marugoto/proxy";
import { loadConfigFile, readConfigText } from "./config-file.ts";
import { wrong } from "./flags.ts";
import { reason } from "./log.ts";
import type { Settings } from "./settings.ts";

/**
 * `-t`: all that is wrong with the configuration.
 *
 * @returns one line per problem; none when all is well
 * @throws CacheError when the file can't be read
 */
export function testConfig({ configFile }: Settings): string[] {
  const { problems } = readConfig(readConfigText(configFile), configFile);
  return problems.map((problem) => sayProblem(problem, configFile));
}

/** `where KEY...`: a line `key → server` for each key. */
export function where(settings: Settings): string[] {
  const pool = poolOf(settings);
  const found = whereIs(pool, settings.words, settings.down);
  const width = Math.max(...settings.words.map((key) => key.length));
  return found.map(({ key, server }) => {
    const place = server === undefined ? "no server" : server.name === server.address ? "" : ` (${server.name})`;
    return `${key.padEnd(width)}  ${server?.address ?? ""}${place}`;
  });
}

/** `plan OLD NEW` or `plan --recover SERVER`. */
export function plan(settings: Settings): string[] {
  const keys = settings.keysFile === undefined ? undefined : readKeys(settings.keysFile);
  if (settings.recover.length > 0) {
    const { like } = settings;
    const program = recoveryPrograms.find((name) => name === like);
    if (like !== undefined && program === undefined) {
      throw wrong(`--like is ${like}, must be ${recoveryPrograms.join(", ")}`);
    }
    return [poolRecoveryPlan(poolOf(settings), settings.recover, program, keys).toString()];
  }
  const [before, after] = settings.words.map((file) => loadConfigFile(file).pools);
  return changePlan(before ?? [], after ?? [], keys).flatMap(sayChange);
}

function poolOf({ configFile, pool: name }: Settings): PoolConfig {
  const { pools } = loadConfigFile(configFile);
  const pool = name === undefined ? pools[0] : pools.find((candidate) => candidate.name === name);
  const names = pools.map((candidate) => candidate.name).join(", ");
  if (pool === undefined) throw wrong(`--pool is ${name ?? ""}, but ${configFile} has ${names}`);
  if (name === undefined && pools.length > 1)
    throw wrong(`${configFile} has several pools: name one by --pool, of ${names}`);
  if (pool.servers.length > 0) return pool;
  throw new CacheError("no_server", `pool ${pool.name} names no servers: what it follows is known only while it runs`);
}

function readKeys(file: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new CacheError("invalid_option", `--keys ${file}: ${reason(cause)}`, { cause });
  }
  const keys = text.split(/\r?\n/).filter((line) => line !== "");
  if (keys.length === 0) throw wrong(`--keys ${file}: no key in it`);
  return keys;
}

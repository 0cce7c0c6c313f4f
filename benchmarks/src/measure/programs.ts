// Which programs a measurement runs: the pinned Node, our built server, the peer. Flags and MEMCACHED_BIN name others.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { CacheError } from "@marugoto/core";
import { builtApp, findOracle, repositoryRoot } from "@marugoto/testing";

/** A program with its leading arguments, as it is started and as the tables name it. */
export interface Program {
  /** `marugoto`, `memcached`, or `ours` and `peer` when a flag names something else. */
  readonly name: string;
  readonly version: string;
  readonly command: readonly [file: string, ...args: string[]];
}

/** The Node that the lockfile pins, or the one that runs this. */
export function pinnedNode(): string {
  const pinned = join(repositoryRoot, "node_modules", ".bin", "node");
  return existsSync(pinned) ? pinned : process.execPath;
}

/**
 * Our server: `apps/server/dist/main.js` on the pinned Node.
 *
 * @param commandLine another server to measure in its place, words split at spaces; empty for ours
 * @throws CacheError `not_supported` when it is not built or older than its sources: says what to run
 */
export function ourServer(commandLine: string): Program {
  if (commandLine !== "") return named("ours", commandLine);
  let main: string;
  try {
    main = builtApp("server");
  } catch (error) {
    throw new CacheError("not_supported", (error as Error).message, { cause: error });
  }
  return program("marugoto", [pinnedNode(), main]);
}

/**
 * The peer: memcached as MEMCACHED_BIN names it, else the one on PATH.
 *
 * @param commandLine another peer in its place, words split at spaces; empty for memcached
 * @throws CacheError `not_supported` when it is not there: says what to install
 */
export function peerServer(commandLine: string): Program {
  if (commandLine !== "") return named("peer", commandLine);
  const { path, missing } = findOracle("memcached");
  if (path === undefined) throw new CacheError("not_supported", `${missing ?? "no memcached"}, or set MEMCACHED_BIN`);
  return program("memcached", [path]);
}

function named(name: string, commandLine: string): Program {
  const [file = "", ...args] = commandLine.trim().split(/\s+/);
  return program(name, [file, ...args]);
}

/** Asks a program for its version: the first line of `-V` without the first word. */
function program(name: string, command: Program["command"]): Program {
  const [file, ...args] = command;
  try {
    const text = execFileSync(file, [...args, "-V"], { encoding: "utf8", timeout: 5000 });
    const version = text
      .split("\n", 1)
      .join("")
      .replace(/^\S+\s+/, "")
      .trim();
    return { name, version, command };
  } catch (cause) {
    throw new CacheError("not_supported", `cannot run ${command.join(" ")} -V`, { cause });
  }
}

/** The version of a package that the benches use. */
export function packageVersion(name: string): string {
  // Some packages don't show their package.json to others, so look for it above their entry.
  let folder = dirname(createRequire(import.meta.url).resolve(name));
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string };
  return version;
}

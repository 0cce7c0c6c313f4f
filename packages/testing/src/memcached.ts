// Real memcached, started on a free port or a Unix socket of its own.

import { execFileSync } from "node:child_process";
import type { Endpoint } from "@marugoto/core";
import { findOracle } from "./oracles.ts";
import { spawnServer, type ServerProcess } from "./server-process.ts";

export interface MemcachedOptions {
  /** Its flags besides the address, e.g. `["-m", "1024"]`. */
  readonly args?: readonly string[];
  /** Listen on this Unix socket in place of a free TCP port. */
  readonly socketPath?: string;
  /** The binary; by default what `findOracle("memcached")` finds. */
  readonly binary?: string;
}

/** Starts memcached and waits until it listens. @throws Error when none is installed, CacheError when it won't start */
export async function spawnMemcached(options: MemcachedOptions = {}): Promise<ServerProcess> {
  const { args = [], socketPath } = options;
  const binary = options.binary ?? requirePath();
  // It refuses to run as root unless told so.
  const user = process.getuid?.() === 0 ? ["-u", "root"] : [];
  const address = socketPath === undefined ? ["-l", "127.0.0.1", "-p", "-1", "-U", "0"] : ["-s", socketPath];
  const ready: Endpoint | "port-file" = socketPath === undefined ? "port-file" : { kind: "unix", path: socketPath };
  return spawnServer({ command: binary, args: [...user, ...address, ...args], ready });
}

/** The version a memcached binary tells, e.g. `1.6.18`. */
export function memcachedVersion(binary = requirePath()): string {
  const text = execFileSync(binary, ["-V"], { encoding: "utf8", timeout: 10_000 });
  const version = /^memcached (\S+)/.exec(text)?.[1];
  if (version === undefined) throw new Error(`${binary} -V says ${JSON.stringify(text)}, not "memcached <version>"`);
  return version;
}

function requirePath(): string {
  const oracle = findOracle("memcached");
  if (oracle.path === undefined) throw new Error(oracle.missing);
  return oracle.path;
}

// A real repcached, started beside a replication port. No distribution packages it: REPCACHED_BIN names one.

import { execFileSync } from "node:child_process";
import { findOracle } from "./oracles.ts";
import { freePort } from "./ports.ts";
import { spawnServer, type ServerProcess } from "./server-process.ts";

export interface RepcachedOptions {
  /** `-X`: its replication port, and that of the peer. */
  readonly replicationPort: number;
  /** `-x`: the peer it asks for its content; undefined = it starts as master. */
  readonly peer?: string;
  /** Its other flags; `-v` is given, so that its log can be read. */
  readonly args?: readonly string[];
  /** Wait until its client port is open, which a slave opens after the copy. Default true. */
  readonly waits?: boolean;
  /** The client port; by default a free one. */
  readonly port?: number;
}

/** Starts repcached on 127.0.0.1. @throws Error when none is named, CacheError when it does not start */
export async function spawnRepcached(options: RepcachedOptions): Promise<ServerProcess> {
  const port = options.port ?? (await freePort());
  const user = process.getuid?.() === 0 ? ["-u", "root"] : [];
  const peer = options.peer === undefined ? [] : ["-x", options.peer];
  const address = ["-l", "127.0.0.1", "-p", String(port), "-U", "0", "-X", String(options.replicationPort)];
  return spawnServer({
    command: requirePath(),
    args: [...user, ...address, ...peer, "-v", ...(options.args ?? [])],
    ready: options.waits === false ? "none" : { kind: "tcp", host: "127.0.0.1", port },
  });
}

/** What the binary calls itself, e.g. `repcached 2.3.1`. */
export function repcachedVersion(binary = requirePath()): string {
  const text = execFileSync(binary, ["-h"], { encoding: "utf8", timeout: 10_000 });
  return /^repcached \S+/m.exec(text)?.[0] ?? text.split("\n", 1)[0] ?? "";
}

function requirePath(): string {
  const oracle = findOracle("repcached");
  if (oracle.path === undefined) throw new Error(oracle.missing);
  return oracle.path;
}

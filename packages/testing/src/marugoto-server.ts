// Our own server as a child process, on a free port or a Unix socket, as `spawnMemcached` does with memcached.

import type { Endpoint } from "@marugoto/core";
import { appCommand } from "./repository.ts";
import { spawnServer, type ServerProcess } from "./server-process.ts";

export interface MarugotoServerOptions {
  /** Its flags besides the address. */
  readonly args?: readonly string[];
  /** Listen on this Unix socket in place of a free TCP port. */
  readonly socketPath?: string;
}

/** Starts `marugoto-server` and waits until it listens. @throws Error in a sentence when it has to be built first */
export async function spawnMarugotoServer(options: MarugotoServerOptions = {}): Promise<ServerProcess> {
  const { args = [], socketPath } = options;
  const app = appCommand("server");
  const address = socketPath === undefined ? ["-l", "127.0.0.1", "-p", "-1"] : ["-s", socketPath];
  const ready: Endpoint | "port-file" = socketPath === undefined ? "port-file" : { kind: "unix", path: socketPath };
  return spawnServer({ command: app.command, args: [...app.args, ...address, ...args], ready });
}

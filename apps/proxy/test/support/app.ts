// Starts the binary with a configuration, for the tests of this folder.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Endpoint } from "@marugoto/core";
import {
  appCommand,
  eventually,
  spawnServer,
  temporaryFolder,
  type Cleanup,
  type ServerProcess,
} from "@marugoto/testing";

const app = appCommand("proxy");

export interface StartedProxy {
  readonly process: ServerProcess;
  /** The configuration file, to be changed. */
  readonly file: string;
  readonly folder: string;
  /** Ports on which it listens, in the order of the pools. */
  ports(): number[];
  /** Lines of stderr so far, without their times. */
  log(): string[];
}

/**
 * Starts the binary without a stats port, unless `args` ask for one, and waits until it listens.
 *
 * @param config text of the file
 * @param ready "none" = don't wait; an endpoint = wait until somebody answers there. Default: the port file
 */
export async function startProxy(
  opened: Cleanup,
  config: string,
  args: readonly string[] = [],
  ready: "port-file" | "none" | Endpoint = "port-file",
): Promise<StartedProxy> {
  const folder = temporaryFolder();
  opened.defer(folder.remove);
  const file = join(folder.path, "c.yml");
  writeFileSync(file, config);
  const stats = args.includes("-s") ? [] : ["-s", "0"];
  const process = opened.add(
    await spawnServer({
      command: app.command,
      args: [...app.args, "-c", file, ...stats, ...args],
      ready,
      cwd: folder.path,
    }),
  );
  const ports = () => Array.from(process.stderr.matchAll(/^listening on [^\n]*:(\d+)$/gm), (match) => Number(match[1]));
  // The port file is there before the lines are.
  if (ready === "port-file") await eventually(() => ports().length > 0);
  const log = () => process.stderr.split("\n").map((line) => line.replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z /, ""));
  return { process, file, folder: folder.path, ports, log };
}

/** Runs the binary to its end. */
export async function runProxy(
  opened: Cleanup,
  args: readonly string[],
): Promise<{ code: number | null; stdout: string; stderr: string; tookMs: number }> {
  const start = performance.now();
  const process = opened.add(await spawnServer({ command: app.command, args: [...app.args, ...args], ready: "none" }));
  const { code } = await process.exited;
  return { code, stdout: process.stdout, stderr: process.stderr, tookMs: performance.now() - start };
}

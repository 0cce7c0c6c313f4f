// A program under test as a child process: started, waited for until it listens, its output kept, ended for certain.
// Knows nothing of the program but how it tells its port.

import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { CacheError, formatEndpoint, type Endpoint } from "@marugoto/core";
import { connect } from "./connection.ts";
import { eventually, within } from "./eventually.ts";
import { readPortFile, temporaryFolder } from "./ports.ts";

export interface SpawnOptions {
  readonly command: string;
  readonly args?: readonly string[];
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /**
   * How it is known to listen. `port-file`: it writes the file that MEMCACHED_PORT_FILENAME names (give it `-p -1`).
   * An endpoint: something accepts there. `none`: don't wait.
   */
  readonly ready: "port-file" | Endpoint | "none";
  /** Milliseconds until it must listen. Default 10000. */
  readonly readyWithinMs?: number;
}

/** How a process ended: one of the two is null. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** At most this much of a program's output is kept, the last of it. */
const MAX_OUTPUT = 64 * 1024;

const running = new Set<ChildProcess>();

// Should the test runner end without closing anything, nothing stays behind.
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** A running program. `close()` ends it. */
export class ServerProcess {
  /** Where it listens. Of a process that was not waited for: where it was asked to. */
  readonly endpoint: Endpoint;
  /** Fulfilled when the process has ended; never rejected. */
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #output: () => { stdout: string; stderr: string };

  constructor(
    child: ChildProcess,
    endpoint: Endpoint,
    exited: Promise<Exit>,
    output: () => { stdout: string; stderr: string },
  ) {
    this.#child = child;
    this.endpoint = endpoint;
    this.exited = exited;
    this.#output = output;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The TCP port it listens on; throws TypeError for one on a Unix socket. */
  get port(): number {
    if (this.endpoint.kind !== "tcp") throw new TypeError(`${formatEndpoint(this.endpoint)} has no port`);
    return this.endpoint.port;
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** What it wrote to stderr, the last 64 KiB. */
  get stderr(): string {
    return this.#output().stderr;
  }

  /** What it wrote to stdout, the last 64 KiB. */
  get stdout(): string {
    return this.#output().stdout;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Sends `signal` and waits for the end. @throws CacheError `timeout` */
  async stop(signal: NodeJS.Signals = "SIGTERM", withinMs = 5000): Promise<Exit> {
    if (this.alive) this.#child.kill(signal);
    return within(withinMs, this.exited, `pid ${this.pid} did not end after ${signal}`);
  }

  /** Ends it at once, by SIGKILL: memcached takes a second to heed SIGTERM. A test of a graceful end calls `stop`. */
  async close(): Promise<void> {
    await this.stop("SIGKILL");
  }
}

/**
 * Starts a program and waits until it listens.
 *
 * @throws CacheError `listen_failed` with its stderr, when it ends or `readyWithinMs` passes before that
 */
export async function spawnServer(options: SpawnOptions): Promise<ServerProcess> {
  const { command, args = [], ready, readyWithinMs = 10_000 } = options;
  const folder = temporaryFolder();
  const portFile = join(folder.path, "port");
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...(ready === "port-file" ? { MEMCACHED_PORT_FILENAME: portFile } : {}), ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout = (stdout + text).slice(-MAX_OUTPUT)));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr = (stderr + text).slice(-MAX_OUTPUT)));
  let failure: Error | undefined;
  const exited = new Promise<Exit>((resolve) => {
    child.once("error", (error) => {
      failure = error;
      running.delete(child);
      resolve({ code: null, signal: null });
    });
    child.once("exit", (code, signal) => {
      running.delete(child);
      folder.remove();
      resolve({ code, signal });
    });
  });
  const output = () => ({ stdout, stderr });
  const nowhere: Endpoint = { kind: "tcp", host: "127.0.0.1", port: 0 };
  if (ready === "none") return new ServerProcess(child, nowhere, exited, output);

  let ended = false;
  void exited.then(() => (ended = true));
  const listening = async (): Promise<Endpoint | undefined> => {
    if (ready !== "port-file") {
      const probe = await connect(ready).catch(() => undefined);
      await probe?.close();
      return probe && ready;
    }
    const port = readPortFile(portFile);
    return port === undefined ? undefined : { kind: "tcp", host: "127.0.0.1", port };
  };
  const endpoint = await eventually(async () => (ended ? nowhere : await listening()), {
    withinMs: readyWithinMs,
  }).catch(() => nowhere);
  if (endpoint !== nowhere) return new ServerProcess(child, endpoint, exited, output);
  child.kill("SIGKILL");
  await exited;
  const why = failure?.message ?? (child.exitCode === null ? `did not listen within ${readyWithinMs} ms` : "ended");
  throw new CacheError("listen_failed", `${[command, ...args].join(" ")}: ${why}\n${stderr}`.trim(), {
    cause: failure,
  });
}

// -d: starts this program again, detached, and ends when that one listens. Its failure to start is told here, where
// somebody still reads.

import { spawn } from "node:child_process";
import { say } from "./log.ts";

/** Set for the detached process, so that it serves instead of starting another. */
const MARK = "MARUGOTO_DAEMON";

interface Report {
  /** What went wrong before it listened; undefined when it listens. */
  readonly failure?: string;
}

/** True in the detached process. */
export function isDaemon(): boolean {
  return process.env[MARK] !== undefined && process.send !== undefined;
}

/** Starts the detached process and waits for its report. @returns the exit code of this one */
export function startDaemon(args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1] ?? "", ...args], {
    detached: true,
    env: { ...process.env, [MARK]: "1" },
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  return new Promise((resolve) => {
    child.once("message", ({ failure }: Report) => {
      if (failure !== undefined) say(failure);
      child.disconnect();
      child.unref();
      resolve(failure === undefined ? 0 : 1);
    });
    child.once("error", (error) => {
      say(`-d: ${error.message}`);
      resolve(1);
    });
    child.once("exit", (code) => {
      say(`-d: the proxy ended with code ${code ?? 0} before it listened`);
      resolve(code ?? 1);
    });
  });
}

/** In the detached process: tells the one that started it how the start went. Resolves when that one has it. */
export function reportStart(report: Report): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(report, () => {
      process.disconnect();
      resolve();
    });
  });
}

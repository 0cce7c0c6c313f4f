// What a process has used, read from Linux's /proc. Only reads; knows nothing of servers.

import { setTimeout } from "node:timers/promises";
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { CacheError } from "@marugoto/core";

/** utime + stime in clock ticks from the text of /proc/PID/stat (proc(5), fields 14 and 15). */
export function parseStatTicks(stat: string): number {
  // Field 2 is the command in parentheses and may itself contain spaces and parentheses: count from the last one.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

/** Nanoseconds on a CPU from the text of a schedstat file (first of three fields). */
export function parseSchedstatNs(schedstat: string): number {
  return Number(schedstat.slice(0, schedstat.indexOf(" ")));
}

/** VmRSS in bytes from the text of /proc/PID/status. */
export function parseRssBytes(status: string): number {
  const match = /^VmRSS:\s*(\d+) kB$/m.exec(status);
  if (match === null)
    throw new CacheError("protocol_violation", "no VmRSS in /proc/PID/status: has the process ended?");
  return Number(match[1]) * 1024;
}

let ticksPerSecond: number | undefined;

function clockTicks(): number {
  ticksPerSecond ??= Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
  return ticksPerSecond;
}

/** utime + stime of a process with all its threads, in seconds, in steps of a clock tick (10 ms). */
export function tickSeconds(pid: number): number {
  return parseStatTicks(readProc(`/proc/${pid}/stat`)) / clockTicks();
}

/**
 * CPU time of a process with its threads and living children, in seconds.
 *
 * The scheduler's own account (schedstat, nanoseconds) is what the kernel splits into utime and stime, so the sum is the
 * same; a tick of 10 ms would be 2.5 % of a round of 0.4 s. Where schedstat is not there, utime + stime. A thread that
 * ended takes its share of schedstat with it: the threads of the servers measured here live as long as their process.
 */
export function cpuSeconds(pid: number): number {
  const tasks = readTasks(pid);
  let seconds: number;
  try {
    let ns = 0;
    for (const task of tasks) ns += parseSchedstatNs(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "latin1"));
    seconds = ns / 1e9;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    seconds = tickSeconds(pid);
  }
  for (const child of childrenOf(pid, tasks)) seconds += cpuSeconds(child);
  return seconds;
}

/** Resident bytes of a process with its living children. */
export function rssBytes(pid: number): number {
  const own = parseRssBytes(readProc(`/proc/${pid}/status`));
  return childrenOf(pid, readTasks(pid)).reduce((sum, child) => sum + rssBytes(child), own);
}

function readTasks(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch (error) {
    throw ended(pid, error);
  }
}

function readProc(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch (error) {
    throw ended(Number(path.split("/")[2]), error);
  }
}

function ended(pid: number, cause: unknown): CacheError {
  const hint = process.platform === "linux" ? "it has ended" : "measuring needs Linux's /proc";
  return new CacheError("not_supported", `cannot read what process ${pid} has used: ${hint}`, { cause });
}

function childrenOf(pid: number, tasks: readonly string[]): number[] {
  const children: number[] = [];
  for (const task of tasks) {
    try {
      const text = readFileSync(`/proc/${pid}/task/${task}/children`, "latin1").trim();
      if (text !== "") children.push(...text.split(" ").map(Number));
    } catch (error) {
      // Kernels without CONFIG_PROC_CHILDREN have no such file; a thread may end between the two reads.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  return children;
}

/** How long a process is left alone before its size when empty is read: what starting sets off has then ended. */
const SETTLED_AFTER_MS = 2000;

/** The resident size of a server that has just been started and holds nothing yet, once it has settled. */
export async function emptyRssBytes(pid: number): Promise<number> {
  await setTimeout(SETTLED_AFTER_MS);
  return rssBytes(pid);
}

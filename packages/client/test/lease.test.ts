// One computation in the whole cluster: many processes ask for the same cold key at the same time.

import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { spawnMarugotoServer, spawnMemcached, useOracle, within } from "@marugoto/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LeaseNews, LeaseTask } from "./support/lease-process.ts";

const PROCESSES = 20;
const LOAD_MS = 200;
const START_MS = 60_000;

const memcached = useOracle("memcached", "a lease over processes, held by memcached");
let processes: ChildProcess[] = [];

beforeAll(async () => {
  const program = join(import.meta.dirname, "support", "lease-process.ts");
  const execArgv = ["--conditions=source"];
  processes = Array.from({ length: PROCESSES }, () => fork(program, { execArgv }));
  const ready = Promise.all(processes.map((child) => once(child, "message")));
  await within(START_MS, ready, "not all processes have started");
}, START_MS + 5000);

afterAll(async () => {
  const ended = Promise.all(processes.map((child) => once(child, "exit")));
  for (const child of processes) child.kill("SIGKILL");
  await ended;
});

/** Has all processes ask at once. */
async function ask(port: number): Promise<{ loads: number; values: string[] }> {
  let loads = 0;
  const values = processes.map(
    (child) =>
      new Promise<string>((resolve, reject) => {
        const done = () => {
          child.off("message", hear).off("exit", died);
        };
        const hear = (news: LeaseNews) => {
          if (news.is === "load") loads++;
          if (news.is !== "value") return;
          done();
          resolve(news.value);
        };
        const died = (code: number | null) => {
          done();
          reject(new Error(`a process ended with ${String(code)}`));
        };
        child.on("message", hear).on("exit", died);
      }),
  );
  const task: LeaseTask = { port, key: "cold", loadMs: LOAD_MS };
  for (const child of processes) child.send(task);
  const all = await within(25_000, Promise.all(values), "not all processes have a value");
  return { loads, values: all };
}

describe.each([
  ["memcached", memcached.isMissing, spawnMemcached],
  ["our server", false, spawnMarugotoServer],
] as const)("a lease held by %s", (_name, isMissing, spawn) => {
  test.skipIf(isMissing)(`${PROCESSES} processes, a loader of ${LOAD_MS} ms: one load`, async () => {
    const server = await spawn();
    try {
      const { loads, values } = await ask(server.port);
      expect(loads).toBe(1);
      expect(new Set(values).size).toBe(1);
      expect(values[0]).toMatch(/^computed by \d+$/);
    } finally {
      await server.close();
    }
  });
});

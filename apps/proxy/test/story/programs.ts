// The programs of the story: two of PHP's clients, nutcracker and this proxy, each as an application uses it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import {
  connect,
  freePort,
  spawnServer,
  temporaryFolder,
  within,
  type Cleanup,
  type TestConnection,
} from "@marugoto/testing";
import { startProxy } from "../support/app.ts";

/** A cache as an application sees it. */
export interface CacheProgram {
  readonly name: string;
  /** @returns for each key its value; undefined for a miss or a failure */
  get(keys: readonly string[]): Promise<(string | undefined)[]>;
  /** Stores what can be stored; a failure is the program's own affair. */
  set(pairs: readonly (readonly [key: string, value: string])[]): Promise<void>;
}

/** How a program is started: on servers of 127.0.0.1. */
export type StartProgram = (opened: Cleanup, ports: readonly number[], spare: number) => Promise<CacheProgram>;

const PATIENCE_MS = 20_000;

/** A long-lived PHP worker. */
export function phpWorker(
  name: string,
  php: () => string,
  job: {
    readonly class: string;
    readonly options?: Readonly<Record<string, unknown>>;
    readonly ini?: readonly string[];
  },
): StartProgram {
  return async (opened, ports) => {
    const ini = (job.ini ?? []).flatMap((setting) => ["-d", setting]);
    const child = spawn(php(), [...ini, join(import.meta.dirname, "worker.php")], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    opened.defer(async () => {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const tell = (task: unknown) => child.stdin.write(`${JSON.stringify(task)}\n`);
    const ask = async <T>(task: unknown): Promise<T[]> => {
      tell(task);
      const { value } = (await within(PATIENCE_MS, lines.next(), `${name} did not answer`)) as IteratorResult<string>;
      return JSON.parse(String(value)) as T[];
    };
    tell({ class: job.class, options: job.options ?? {}, servers: ports });
    return {
      name,
      get: async (keys) => (await ask<string | null>({ op: "get", keys })).map((value) => value ?? undefined),
      async set(pairs) {
        await ask<boolean>({ op: "set", pairs });
      },
    };
  };
}

/** nutcracker, in its recommended settings for servers that fail, tried again after a second. */
export function nutcracker(path: () => string): StartProgram {
  return async (opened, ports) => {
    const folder = temporaryFolder();
    opened.defer(folder.remove);
    const socket = join(folder.path, "s");
    const file = join(folder.path, "c.yml");
    const keys = [
      "hash: md5",
      "auto_eject_hosts: true",
      "server_retry_timeout: 1000",
      "server_failure_limit: 1",
      "timeout: 1000",
    ];
    writeFileSync(file, pool(socket, ports, keys));
    const args = ["-c", file, "-a", "127.0.0.1", "-s", String(await freePort()), "-v", "0"];
    opened.add(await spawnServer({ command: path(), args, ready: { kind: "unix", path: socket } }));
    return textClient("nutcracker", opened.add(await connect({ kind: "unix", path: socket })));
  };
}

/** This proxy, with more lines in its pool. `log` receives what it says. */
export function marugoto(name: string, lines: (spare: number) => readonly string[]): StartProgram {
  return async (opened, ports, spare) => {
    const keys = ["server_retry_timeout: 200", "server_failure_limit: 1", "timeout: 1000", ...lines(spare)];
    const proxy = await startProxy(opened, pool("127.0.0.1:0", ports, keys));
    return textClient(name, opened.add(await connect(proxy.ports()[0]!)));
  };
}

function pool(listen: string, ports: readonly number[], keys: readonly string[]): string {
  const servers = ports.map((port) => `   - 127.0.0.1:${port}:1\n`).join("");
  return `a:\n  listen: ${listen}\n${keys.map((key) => `  ${key}\n`).join("")}  servers:\n${servers}`;
}

/** Speaks the text protocol; an application that is answered SERVER_ERROR goes on as after a miss. */
function textClient(name: string, connection: TestConnection): CacheProgram {
  /** One line of an answer that has no value. */
  const end = /^(?:END|STORED|NOT_STORED|[A-Z_]*ERROR[^\r]*)\r\n/m;
  return {
    name,
    async get(keys) {
      connection.send(keys.map((key) => `get ${key}\r\n`).join(""));
      const values: (string | undefined)[] = [];
      for (let i = 0; i < keys.length; i++) {
        const answer = await connection.readUntil(end, PATIENCE_MS);
        values.push(/^VALUE \S+ \d+ \d+\r\n(.*)\r\n/.exec(answer)?.[1]);
      }
      return values;
    },
    async set(pairs) {
      connection.send(pairs.map(([key, value]) => `set ${key} 0 0 ${value.length}\r\n${value}\r\n`).join(""));
      for (let i = 0; i < pairs.length; i++) await connection.readUntil(end, PATIENCE_MS);
    },
  };
}

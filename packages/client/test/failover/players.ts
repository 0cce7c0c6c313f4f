// Who plays in a live comparison: PHP's own class in a process of its own, and ours, each with one object that lives
// through the whole of it. Real time, real servers.

import { spawn, type ChildProcessByStdio } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { Memcache } from "../../src/php/memcache.ts";
import { Memcached } from "../../src/php/memcached.ts";
import type { Outcome } from "./transcript.ts";

/** What both are told to be. */
export interface Setup {
  readonly class: "Memcache" | "Memcached";
  readonly hashStrategy?: "standard" | "consistent";
  /** addServer's retry_interval, or OPT_RETRY_TIMEOUT. */
  readonly retrySec: number;
  readonly ports: readonly number[];
}

export interface Player {
  set(key: string, value: string): Promise<Outcome>;
  get(key: string): Promise<Outcome>;
  close(): Promise<void>;
}

export class PhpPlayer implements Player {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: Interface;

  constructor(php: string, setup: Setup) {
    const config = {
      servers: setup.ports.map((port) => ["127.0.0.1", port]),
      ini: setup.hashStrategy === undefined ? {} : { hash_strategy: setup.hashStrategy },
      retry: setup.retrySec,
      options: setup.class === "Memcached" ? { OPT_RETRY_TIMEOUT: setup.retrySec } : {},
    };
    const script = fileURLToPath(new URL("../php/player.php", import.meta.url));
    this.#process = spawn(php, [script, setup.class, JSON.stringify(config)], { stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface({ input: this.#process.stdout });
  }

  set(key: string, value: string): Promise<Outcome> {
    return this.#call(["set", key, value]);
  }

  get(key: string): Promise<Outcome> {
    return this.#call(["get", key, null]);
  }

  async #call(task: readonly unknown[]): Promise<Outcome> {
    const answer = new Promise<string>((resolve, reject) => {
      const ended = () => {
        reject(new Error(`PHP ended at ${JSON.stringify(task)}`));
      };
      this.#lines.once("close", ended);
      this.#lines.once("line", (line) => {
        this.#lines.off("close", ended);
        resolve(line);
      });
    });
    this.#process.stdin.write(`${JSON.stringify(task)}\n`);
    return JSON.parse(await answer) as Outcome;
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once("close", resolve));
    this.#process.kill("SIGKILL");
    await ended;
  }
}

class MemcachePlayer implements Player {
  readonly #cache: Memcache;

  constructor({ hashStrategy = "consistent", retrySec, ports }: Setup) {
    this.#cache = new Memcache({ hashStrategy });
    for (const port of ports) this.#cache.addServer("127.0.0.1", port, { retryInterval: retrySec });
  }

  async set(key: string, value: string): Promise<Outcome> {
    return { result: await this.#cache.set(key, value), code: 0 };
  }

  async get(key: string): Promise<Outcome> {
    return { result: (await this.#cache.get<string>(key)) ?? false, code: 0 };
  }

  async close(): Promise<void> {
    this.#cache.destroy();
  }
}

class MemcachedPlayer implements Player {
  readonly #cache: Memcached;

  constructor({ retrySec, ports }: Setup) {
    this.#cache = new Memcached({ retryTimeoutSec: retrySec });
    this.#cache.addServers(ports.map((port) => ["127.0.0.1", port] as const));
  }

  async set(key: string, value: string): Promise<Outcome> {
    return { result: await this.#cache.set(key, value), code: this.#cache.getResultCode() };
  }

  async get(key: string): Promise<Outcome> {
    return { result: (await this.#cache.get<string>(key)) ?? false, code: this.#cache.getResultCode() };
  }

  async close(): Promise<void> {
    this.#cache.destroy();
  }
}

export function ourPlayer(setup: Setup): Player {
  return setup.class === "Memcache" ? new MemcachePlayer(setup) : new MemcachedPlayer(setup);
}

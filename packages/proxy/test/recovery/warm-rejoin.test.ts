// A server that comes back empty costs the database next to nothing: what was written elsewhere meanwhile is found there.

import { Cleanup, eventually, freePort, spawnMarugotoServer, type ServerProcess } from "@marugoto/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { FailoverConfig } from "../../src/config/types.ts";
import { client, get, named, set, startProxy, startServer, type RunningProxy } from "../support/bench.ts";

const shared = new Cleanup();
const opened = new Cleanup();
let others: number[];
let gutterPort: number;
beforeAll(async () => {
  const servers = await Promise.all([0, 1, 2].map(() => startServer(shared)));
  [gutterPort = 0, ...others] = servers.map((server) => server.port);
}, 60_000);
beforeEach(async () => {
  for (const port of [gutterPort, ...others]) expect(await (await client(opened, port)).ask("flush_all")).toBe("OK");
});
afterEach(() => opened.run());
afterAll(() => shared.run());

const HOT_KEYS = 3000;

/** An application with a database behind its cache: every key is read, what is missing is loaded and stored. */
class Application {
  loads = 0;
  readonly #port: number;
  readonly #keys: readonly string[];

  constructor(port: number, keys: readonly string[]) {
    this.#port = port;
    this.#keys = keys;
  }

  /** Reads all keys once. @returns values that were not the database's */
  async readAll(): Promise<number> {
    const asked = await client(opened, this.#port);
    let wrong = 0;
    for (let at = 0; at < this.#keys.length; at += 500) {
      const batch = this.#keys.slice(at, at + 500);
      asked.send(batch.map((key) => `get ${key}\r\n`).join("") + "mn\r\n");
      const text = await asked.readUntil("MN\r\n", 20_000);
      const found = new Map(Array.from(text.matchAll(/VALUE (\S+) \d+ \d+\r\n(\S*)\r\n/g), ([, k, v]) => [k, v]));
      const missing = batch.filter((key) => !found.has(key));
      this.loads += missing.length;
      for (const [key, value] of found) if (value !== `value_of_${key!}`) wrong++;
      asked.send(missing.map((key) => this.#setOf(key)).join("") + "mn\r\n");
      await asked.readUntil("MN\r\n", 20_000);
    }
    return wrong;
  }

  #setOf(key: string): string {
    const value = `value_of_${key}`;
    return `set ${key} 0 0 ${value.length}\r\n${value}\r\n`;
  }
}

function startAt(port: number): Promise<ServerProcess> {
  // The later port wins.
  return spawnMarugotoServer({ args: ["-p", String(port)] });
}

const isOut = ({ proxy }: RunningProxy) => proxy.stats.read().pools[0]!.counters.server_ejects > 0;

/** Starts three servers, kills the first and starts it again. @returns the loads of one reading of all keys after that */
async function killAndReturn(mode: FailoverConfig["mode"], warmMs: number): Promise<{ loads: number; share: number }> {
  const keys = Array.from({ length: HOT_KEYS }, (_, i) => `${i * 7919}-hot`);
  const port = await freePort();
  const first = await startAt(port);
  opened.defer(() => first.close());
  const running = await startProxy(opened, named(port, ...others), {
    failover: { mode, failureLimit: 2, retryMs: 100 },
    rejoin: { policy: "fence", fencedKeys: 1_000_000, warmMs },
    ...(mode === "gutter" ? { gutter: { servers: named(gutterPort), ttlSec: 300 } } : {}),
  });
  const application = new Application(running.port, keys);
  await application.readAll();
  expect(application.loads).toBe(keys.length);
  await application.readAll();
  expect(application.loads).toBe(keys.length);

  await first.close();
  const asked = await client(opened, running.port);
  await eventually(async () => {
    for (const key of keys.slice(0, 20)) await get(asked, key);
    return isOut(running);
  });
  await application.readAll();
  const share = application.loads - keys.length;
  expect(share).toBeGreaterThan(HOT_KEYS / 10);

  const back = new Promise<{ way: string }>((resolve) => running.proxy.events.on("serverBack", resolve));
  const again = await startAt(port);
  opened.defer(() => again.close());
  expect((await back).way).toBe("restarted");
  application.loads = 0;
  expect(await application.readAll()).toBe(0);
  return { loads: application.loads, share };
}

describe.each<FailoverConfig["mode"]>(["eject", "gutter"])("failover: %s", (mode) => {
  test("after the return of an empty server at most 5 % of its hot keys are loaded", async () => {
    const warm = await killAndReturn(mode, 30_000);
    expect(warm.loads).toBeLessThanOrEqual(0.05 * warm.share);
  }, 60_000);
});

test("without warmth, as nutcracker has it, all keys of the server are loaded again", async () => {
  const cold = await killAndReturn("eject", 0);
  expect(cold.loads).toBeGreaterThanOrEqual(cold.share);
}, 60_000);

test("a value that was to live 60 s lives no longer for having been moved", async () => {
  const port = await freePort();
  const first = await startAt(port);
  const running = await startProxy(opened, named(port), {
    failover: { mode: "gutter", failureLimit: 2, retryMs: 100 },
    gutter: { servers: named(gutterPort), ttlSec: 300 },
  });
  const asked = await client(opened, running.port);
  await set(asked, "k", "v");
  await first.close();
  await eventually(async () => {
    await get(asked, "k");
    return isOut(running);
  });
  expect(await set(asked, "short", "v", 60)).toBe("STORED");
  expect(await set(asked, "long", "v", 4000)).toBe("STORED");
  const back = new Promise((resolve) => running.proxy.events.on("serverBack", resolve));
  const again = await startAt(port);
  opened.defer(() => again.close());
  await back;
  expect(await asked.ask("mg short t")).toMatch(/^HD t([1-5]?\d|60)$/);
  expect(await asked.ask("mg long t")).toMatch(/^HD t(300|2\d\d)$/);
}, 30_000);

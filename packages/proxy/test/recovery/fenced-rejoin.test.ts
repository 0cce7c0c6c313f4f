// A server that was cut off and comes back is not read for what was written elsewhere meanwhile.

import { Cleanup, eventually, type TestConnection } from "@marugoto/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { FailoverConfig, PoolConfig } from "../../src/config/types.ts";
import {
  client,
  get,
  named,
  set,
  startFaultyServer,
  startProxy,
  startServer,
  type FaultyServer,
  type RunningProxy,
} from "../support/bench.ts";

const shared = new Cleanup();
const opened = new Cleanup();
let faulty: FaultyServer;
let others: number[];
let gutterPort: number;
beforeAll(async () => {
  faulty = await startFaultyServer(shared);
  others = [(await startServer(shared)).port, (await startServer(shared)).port];
  gutterPort = (await startServer(shared)).port;
}, 60_000);
beforeEach(async () => {
  faulty.fault.heal();
  for (const port of [faulty.server.port, gutterPort, ...others]) {
    expect(await (await client(opened, port)).ask("flush_all")).toBe("OK");
  }
});
afterEach(() => opened.run());
afterAll(() => shared.run());

const KEYS = 1000;
const READS = 10_000;
const keys = Array.from({ length: KEYS }, (_, i) => `${i * 7919}-key`);

type Mode = FailoverConfig["mode"];

/** One server behind a fault proxy, two without, and gutters where the mode wants them. */
async function startPool(mode: Mode, proxies = 1): Promise<RunningProxy[]> {
  const overrides: Partial<PoolConfig> = {
    failover: { mode, failureLimit: 2, retryMs: 200 },
    timeouts: { connectMs: 1000, requestMs: 5000, idleMs: Infinity },
    ...(mode === "gutter" ? { gutter: { servers: named(gutterPort), ttlSec: 3600 } } : {}),
  };
  const running: RunningProxy[] = [];
  for (let i = 0; i < proxies; i++) {
    // Only the first has the fault between itself and the server.
    const port = i === 0 ? faulty.fault.port : faulty.server.port;
    running.push(await startProxy(opened, named(port, ...others), overrides));
  }
  return running;
}

/** Sets `value` under all keys. @returns how many were stored */
async function setAll(asked: TestConnection, value: string): Promise<number> {
  asked.send(keys.map((key) => `set ${key} 0 0 ${value.length}\r\n${value}\r\n`).join("") + "mn\r\n");
  const text = await asked.readUntil("MN\r\n", 20_000);
  return text.match(/^STORED/gm)?.length ?? 0;
}

/** Reads keys in turn. @returns how often each value came; misses and errors under their names */
async function readAll(asked: TestConnection, reads: number): Promise<Map<string, number>> {
  const seen = new Map<string, number>();
  const batch = 100;
  for (let at = 0; at < reads; at += batch) {
    const some = Array.from({ length: batch }, (_, i) => keys[(at + i) % KEYS]!);
    asked.send(some.map((key) => `get ${key}\r\n`).join("") + "mn\r\n");
    const text = await asked.readUntil("MN\r\n", 10_000);
    const answers = text.match(/VALUE \S+ \d+ \d+\r\n\S*\r\nEND|END|SERVER_ERROR[^\r]*/g) ?? [];
    expect(answers).toHaveLength(batch);
    for (const answer of answers) {
      const what = answer.startsWith("VALUE") ? answer.split("\r\n")[1]! : answer === "END" ? "miss" : "error";
      seen.set(what, (seen.get(what) ?? 0) + 1);
    }
  }
  return seen;
}

function cut({ fault }: FaultyServer): void {
  fault.refuse = true;
  fault.cut();
}

/** Waits until a proxy says that its server is out of use, while somebody asks for it. */
async function outOfUse({ proxy }: RunningProxy, asked: TestConnection): Promise<void> {
  const before = ejects(proxy);
  await eventually(async () => {
    for (const key of keys.slice(0, 20)) await get(asked, key);
    return ejects(proxy) > before;
  });
}

const ejects = (proxy: RunningProxy["proxy"]) => proxy.stats.read().pools[0]!.counters.server_ejects;

function backAgain({ proxy }: RunningProxy): Promise<{ way: string; fencedKeys: number }> {
  return new Promise((resolve) => {
    proxy.events.on("serverBack", resolve);
  });
}

describe.each<Mode>(["error", "miss", "eject", "gutter"])("failover: %s", (mode) => {
  test("nothing old is read after an outage, and after another nothing of the one before", async () => {
    const [one] = (await startPool(mode)) as [RunningProxy];
    const asked = await client(opened, one.port);
    expect(await setAll(asked, "old")).toBe(KEYS);

    for (const outage of [1, 2]) {
      const before = `${outage}-before`;
      const during = `${outage}-during`;
      expect(await setAll(asked, before)).toBe(KEYS);
      cut(faulty);
      await outOfUse(one, asked);
      const stored = await setAll(asked, during);
      if (mode === "eject" || mode === "gutter") expect(stored).toBe(KEYS);
      else expect(stored).toBeLessThan(KEYS);
      const away = await readAll(asked, 2000);
      const back = backAgain(one);
      faulty.fault.heal();
      expect((await back).way).toBe("fenced");

      // Every key was written anew, or its client was told that it was not: what was there before is never right.
      const seen = await readAll(asked, READS);
      for (const seenThen of [away, seen]) {
        expect([...seenThen.keys()].filter((what) => ![during, "miss", "error"].includes(what))).toEqual([]);
      }
      expect(seen.get("error")).toBeUndefined();
      // Nobody else writes to it: what was stored elsewhere is found there.
      if (stored === KEYS) expect(seen).toEqual(new Map([[during, READS]]));
      else expect(seen.get("miss")).toBeGreaterThan(0);
    }
  }, 60_000);
});

test("without a fence, as nutcracker has it, the first read is old", async () => {
  const one = await startProxy(opened, named(faulty.fault.port), {
    failover: { mode: "error", failureLimit: 2, retryMs: 100 },
    rejoin: { policy: "trust", fencedKeys: 100, warmMs: 0 },
  });
  const asked = await client(opened, one.port);
  await setAll(asked, "before");
  cut(faulty);
  await outOfUse(one, asked);
  await setAll(asked, "during");
  const back = backAgain(one);
  faulty.fault.heal();
  expect((await back).way).toBe("trusted");
  expect(await readAll(asked, 1000)).toEqual(new Map([["before", 1000]]));
});

test("two proxies, one of which alone loses the server: the other misses nothing, and neither reads what is old", async () => {
  const [one, other] = (await startPool("gutter", 2)) as [RunningProxy, RunningProxy];
  const through = await client(opened, one.port);
  const beside = await client(opened, other.port);
  await setAll(through, "before");

  cut(faulty);
  await outOfUse(one, through);
  // Nothing was written meanwhile: the other's hit ratio is what it was.
  expect(await readAll(beside, 2000)).toEqual(new Map([["before", 2000]]));
  const away = await readAll(through, 2000);
  expect([...away.keys()].sort()).toEqual(["before", "miss"]);

  // The first half is written through the one, the second through the other.
  const written = new Map<string, string>();
  for (const [i, key] of keys.entries()) {
    const value = `${i}-during`;
    expect(await set(i % 2 === 0 ? through : beside, key, value)).toBe("STORED");
    written.set(key, value);
  }
  const back = backAgain(one);
  faulty.fault.heal();
  const { way, fencedKeys } = await back;
  expect(way).toBe("fenced");
  expect(fencedKeys).toBeGreaterThan(50);

  let misses = 0;
  for (let i = 0; i < READS; i++) {
    const key = keys[i % KEYS]!;
    const value = await get(i % 3 === 0 ? beside : through, key);
    if (value === undefined) misses++;
    else expect(value).toBe(written.get(key));
  }
  // Only what the one has written elsewhere is missing.
  expect(misses).toBeLessThanOrEqual(Math.ceil((READS / KEYS) * fencedKeys));
}, 60_000);

test("more keys than are remembered: the server is written to and not read, until somebody flushes it", async () => {
  const one = await startProxy(opened, named(faulty.fault.port), {
    failover: { mode: "gutter", failureLimit: 2, retryMs: 100 },
    gutter: { servers: named(gutterPort), ttlSec: 60 },
    rejoin: { policy: "fence", fencedKeys: 100, warmMs: 0 },
  });
  const full: unknown[] = [];
  one.proxy.events.on("fenceFull", (event) => full.push(event));
  const asked = await client(opened, one.port);
  await setAll(asked, "before");
  cut(faulty);
  await outOfUse(one, asked);
  await setAll(asked, "during");
  expect(full).toEqual([{ pool: "pool", server: "s0", keys: 100 }]);
  const back = backAgain(one);
  faulty.fault.heal();
  expect((await back).way).toBe("unread");
  expect(await readAll(asked, 1000)).toEqual(new Map([["miss", 1000]]));
  expect(await set(asked, keys[0]!, "after")).toBe("STORED");
  expect(await get(asked, keys[0]!)).toBeUndefined();

  // The proxy looks at the count of flushes before and after.
  const server = await client(opened, faulty.server.port);
  const again = backAgain(one);
  await eventually(async () => {
    server.send("flush_all\r\n");
    expect(await server.readLine()).toBe("OK");
    return Promise.race([again.then(() => true), new Promise<false>((resolve) => setTimeout(resolve, 300, false))]);
  });
  expect((await again).way).toBe("flushed");
  expect(await set(asked, keys[0]!, "after")).toBe("STORED");
  expect(await get(asked, keys[0]!)).toBe("after");
}, 30_000);

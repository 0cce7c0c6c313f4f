// Where a key is whose server one of two proxies has lost, step by step: written and read through both, and when whatever
// knows of it dies.

import { setTimeout as sleep } from "node:timers/promises";
import { Cleanup, eventually, startFaultProxy } from "@marugoto/testing";
import { afterEach, describe, expect, test } from "vitest";
import type { PoolConfig } from "../../src/config/types.ts";
import { client, get, named, set, startProxy, startServer, type RunningProxy } from "../support/bench.ts";
import { History } from "../support/history.ts";
import { cut, happens, startTwo, type Start, type TwoProxies } from "../support/two-proxies.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

/** Reads a key until something is found. */
async function getUntilFound(asked: Awaited<ReturnType<typeof client>>, key: string): Promise<string> {
  let value: string | undefined;
  await eventually(async () => (value = await get(asked, key)) !== undefined, { withinMs: 20_000 });
  return value!;
}

/** Until the first server of a proxy is out of use there, and everybody has heard of it. */
async function loseFirst(bench: TwoProxies, key: string): Promise<void> {
  const asked = await client(opened, bench.proxies[0].port);
  const ready = happens(bench.proxies[0], "ledgerOpened");
  cut(bench);
  let isReady = false;
  void ready.then(() => (isReady = true));
  await eventually(async () => {
    await get(asked, key);
    return isReady;
  });
}

/** Keys of the server that is lost, by what fails once it is cut off. */
async function keysOfFirst(port: number, serverPort: number): Promise<string[]> {
  const [through, direct] = [await client(opened, port), await client(opened, serverPort)];
  const found: string[] = [];
  for (const key of new History([0], 60, 1).keys) {
    expect(await set(through, key, "before")).toBe("STORED");
    if ((await get(direct, key)) === "before") found.push(key);
  }
  expect(found.length).toBeGreaterThan(5);
  return found;
}

describe("a key of the lost server", () => {
  async function startAndLose(mode: "eject" | "gutter", overrides: Partial<PoolConfig> = {}) {
    const port = (await startServer(opened)).port;
    let started = 0;
    const start: Start = async () => (started++ === 0 ? { port } : startServer(opened));
    const bench = await startTwo(opened, mode, start, overrides);
    const keys = await keysOfFirst(bench.proxies[1].port, port);
    await loseFirst(bench, keys[0]!);
    const [one, other] = bench.proxies;
    return {
      bench,
      keys,
      one: await client(opened, one.port),
      other: await client(opened, other.port),
      direct: await client(opened, port),
    };
  }

  test.each(["eject", "gutter"] as const)("failover: %s: is changed by both in turn", async (mode) => {
    const { keys, one, other } = await startAndLose(mode);
    const [key = "", counter = "", removed = "", untouched = ""] = keys;
    expect(await set(one, key, "a")).toBe("STORED");
    expect(await get(other, key)).toBe("a");
    expect(await set(other, key, "b")).toBe("STORED");
    expect(await get(one, key)).toBe("b");
    expect(await other.ask(`append ${key} 0 0 1\r\nc`)).toBe("STORED");
    expect(await get(one, key)).toBe("bc");
    expect(await one.ask(`delete ${key}`)).toBe("DELETED");
    expect(await get(other, key)).toBeUndefined();
    expect(await other.ask(`add ${key} 0 0 1\r\nd`)).toBe("STORED");
    expect(await get(one, key)).toBe("d");

    expect(await set(one, counter, "5")).toBe("STORED");
    expect(await other.ask(`incr ${counter} 2`)).toBe("7");
    expect(await one.ask(`incr ${counter} 1`)).toBe("8");
    // What the server itself has is out of the one's reach, and is nobody's any more once that has deleted it.
    expect(await one.ask(`delete ${removed}`)).toBe("NOT_FOUND");
    expect(await get(other, removed)).toBeUndefined();
    expect(await other.ask(`incr ${removed} 1`)).toBe("NOT_FOUND");
    expect(await get(other, untouched)).toBe("before");
    expect(await get(one, untouched)).toBeUndefined();
  });

  test("that has lapsed in the gutter is gone, and not what it was before the outage", async () => {
    const { bench, keys, one, other } = await startAndLose("gutter");
    const [key = ""] = keys;
    expect(await set(one, key, "short", 1)).toBe("STORED");
    expect(await get(other, key)).toBe("short");
    await eventually(async () => (await get(other, key)) === undefined);
    expect(await get(one, key)).toBeUndefined();
    const closed = happens(bench.proxies[1], "ledgerClosed");
    bench.fault.heal();
    await closed;
    expect(await get(one, key)).toBeUndefined();
    expect(await get(other, key)).toBeUndefined();
  });

  test("is the last that was written when the proxy that wrote it dies", async () => {
    const { bench, keys, one, other, direct } = await startAndLose("eject");
    const [key = "", untouched = ""] = keys;
    expect(await set(one, key, "last")).toBe("STORED");
    await bench.proxies[0].proxy.close({ graceMs: 0 });
    const closed = happens(bench.proxies[1], "ledgerClosed");
    expect(await get(other, key)).toBe("last");
    expect(await get(direct, key)).toBe("before");
    await closed;
    // Nobody is left who has lost the server: its keys are at home, and what was moved is not there as it was before.
    expect(await get(other, key)).toBeUndefined();
    expect(await get(direct, key)).toBeUndefined();
    expect(await get(other, untouched)).toBe("before");
    expect(await set(other, key, "new")).toBe("STORED");
    expect(await get(direct, key)).toBe("new");
  }, 60_000);

  test("is the last that was written when the server of the ledger dies", async () => {
    const gutter = await startServer(opened);
    const spare = await startServer(opened);
    const { keys, one, other } = await startAndLose("gutter", {
      gutter: { servers: named(gutter.port, spare.port), ttlSec: 3600 },
    });
    const written = keys.slice(0, 12);
    for (const key of written) expect(await set(one, key, "last")).toBe("STORED");
    await gutter.close();
    // What was in the gutter may be lost; what was there before must not be seen again.
    const until = performance.now() + 3000;
    while (performance.now() < until) {
      for (const key of written) {
        for (const asked of [one, other]) {
          const value = await get(asked, key);
          if (value?.startsWith("SERVER_ERROR") !== true) expect([undefined, "last"]).toContain(value);
        }
      }
      await sleep(10);
    }
    await eventually(async () => (await set(one, written[0]!, "again")) === "STORED", { withinMs: 20_000 });
    expect(await getUntilFound(other, written[0]!)).toBe("again");
  }, 60_000);
});

test("nobody who still has lost the server is forgotten when another has it back", async () => {
  const port = (await startServer(opened)).port;
  const faults = [opened.add(await startFaultProxy(port)), opened.add(await startFaultProxy(port))] as const;
  const [others, gutter] = [(await startServer(opened)).port, (await startServer(opened)).port];
  const proxies: RunningProxy[] = [];
  for (const fault of faults) {
    proxies.push(
      await startProxy(opened, named(fault.port, others), {
        failover: { mode: "gutter", failureLimit: 2, retryMs: 200 },
        timeouts: { connectMs: 1000, requestMs: 1000, idleMs: Infinity },
        gutter: { servers: named(gutter), ttlSec: 3600 },
      }),
    );
  }
  const asked = await Promise.all(proxies.map((each) => client(opened, each.port)));
  const [one, other] = asked as [(typeof asked)[0], (typeof asked)[0]];
  const [key = "", second = ""] = await keysOfFirst(proxies[0]!.port, port);
  for (const fault of faults) {
    fault.refuse = true;
    fault.cut();
  }
  for (const each of asked) await eventually(async () => (await set(each, key, "away")) === "STORED");
  expect(await set(one, key, "one")).toBe("STORED");
  expect(await get(other, key)).toBe("one");

  const back = happens(proxies[0]!, "serverBack");
  faults[0].heal();
  await back;
  // The other keeps the ledger open: the first has the server, and looks there.
  let last = "";
  for (const untilMs = performance.now() + 2000; performance.now() < untilMs;) {
    last = `${Number(last) + 1}`;
    expect(await set(other, second, last)).toBe("STORED");
    expect(await get(one, second)).toBe(last);
    expect(await get(one, key)).toBe("one");
  }
  const closed = Promise.all(proxies.map((each) => happens(each, "ledgerClosed")));
  faults[1].heal();
  await closed;
  expect([last, undefined]).toContain(await get(one, second));
  expect([last, undefined]).toContain(await get(other, second));
}, 60_000);

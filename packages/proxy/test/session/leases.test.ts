// One client loads a missing value, the others wait for it, with a memcached that knows nothing of leases.

import { setTimeout as sleep } from "node:timers/promises";
import { Cleanup, type TestConnection } from "@marugoto/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { LeaseConfig } from "../../src/config/types.ts";
import { client, get, named, set, startProxy, startServer } from "../support/bench.ts";

const shared = new Cleanup();
const opened = new Cleanup();
let server: number;
beforeAll(async () => {
  server = (await startServer(shared)).port;
}, 60_000);
beforeEach(async () => {
  expect(await (await client(opened, server)).ask("flush_all")).toBe("OK");
});
afterEach(() => opened.run());
afterAll(() => shared.run());

async function clients(count: number, leases: LeaseConfig | undefined): Promise<TestConnection[]> {
  const { port } = await startProxy(opened, named(server), { leases });
  return Promise.all(Array.from({ length: count }, () => client(opened, port)));
}

/** What an application does: gets a key, and on a miss loads it for so long and stores it. @returns how many loaded */
async function loadsOf(all: readonly TestConnection[], key: string, loadMs: number): Promise<number> {
  let loads = 0;
  await Promise.all(
    all.map(async (each) => {
      if ((await get(each, key, 20_000)) !== undefined) return;
      loads++;
      await sleep(loadMs);
      expect(await set(each, key, "loaded")).toBe("STORED");
    }),
  );
  return loads;
}

describe("200 clients, one cold key, a database that takes 100 ms", () => {
  test("without leases nearly all of them load it", async () => {
    // Longer, so that all of them come in time on a machine that is busy.
    expect(await loadsOf(await clients(200, undefined), "cold", 1000)).toBeGreaterThanOrEqual(150);
  });

  test("with leases exactly one does", async () => {
    // A machine that stands still must not look like an application that does.
    expect(await loadsOf(await clients(200, { waitMs: 20_000, holdMs: 20_000 }), "cold", 100)).toBe(1);
  });
});

test("who waits longer than may be misses as well", async () => {
  const [first, second] = (await clients(2, { waitMs: 100, holdMs: 20_000 })) as [TestConnection, TestConnection];
  expect(await get(first, "k")).toBeUndefined();
  const before = performance.now();
  expect(await get(second, "k")).toBeUndefined();
  expect(performance.now() - before).toBeGreaterThanOrEqual(95);
});

test("when the one goes, takes too long, or finds nothing, the next loads", async () => {
  const [first, second, third, fourth] = await clients(4, { waitMs: 20_000, holdMs: 300 });
  expect(await get(first!, "k")).toBeUndefined();
  const waiting = get(second!, "k");
  await first!.close();
  expect(await waiting).toBeUndefined();
  // The second lets its time pass.
  expect(await get(third!, "k")).toBeUndefined();
  const later = get(fourth!, "k");
  await third!.ask("delete k");
  expect(await later).toBeUndefined();
  expect(await set(fourth!, "k", "v")).toBe("STORED");
  expect(await get(third!, "k")).toBe("v");
});

test("the client that loads is not made to wait for itself", async () => {
  const [only] = await clients(1, { waitMs: 20_000, holdMs: 20_000 });
  expect(await get(only!, "k")).toBeUndefined();
  expect(await get(only!, "k")).toBeUndefined();
  expect(await set(only!, "k", "v")).toBe("STORED");
  expect(await get(only!, "k")).toBe("v");
});

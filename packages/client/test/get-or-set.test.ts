// One computation for many readers, in one process and across clients, and namespaces that are forgotten at once.

import { Cleanup, eventually, spawnMarugotoServer, spawnMemcached, useOracle } from "@marugoto/testing";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test, test as vitest } from "vitest";
import { createClient, type Client } from "../src/index.ts";
import { FakeServer } from "./support/fake-server.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

/** A loader that begins at once and ends when it is told to. */
function heldLoad(load: () => string): { load: () => Promise<string>; finish: () => void } {
  let finish!: () => void;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const held = async () => {
    const value = load();
    await finished;
    return value;
  };
  return { load: held, finish };
}

describe("getOrSet without meta", () => {
  async function open(): Promise<Client> {
    const fake = opened.add(await FakeServer.start({ meta: false }));
    return opened.add(createClient({ servers: [fake.address] }));
  }

  test("computes once for all callers of the process, and stores", async () => {
    const client = await open();
    let loads = 0;
    const load = async () => {
      loads++;
      await sleep(20);
      return { n: 1 };
    };
    const all = await Promise.all(Array.from({ length: 50 }, () => client.getOrSet("k", load, { ttl: 60 })));
    expect(all).toEqual(Array.from({ length: 50 }, () => ({ n: 1 })));
    expect(await client.getOrSet("k", load, { ttl: 60 })).toEqual({ n: 1 });
    expect(loads).toBe(1);
  });

  test("a loader that fails fails its callers, and the next call computes again", async () => {
    const client = await open();
    const bad = () => Promise.reject(new Error("no database"));
    const calls = [client.getOrSet("k", bad, { ttl: 60 }), client.getOrSet("k", bad, { ttl: 60 })];
    for (const end of await Promise.allSettled(calls))
      expect(end).toMatchObject({ reason: { message: "no database" } });
    expect(await client.getOrSet("k", () => "v", { ttl: 60 })).toBe("v");
  });

  test("undefined is given and not stored", async () => {
    const client = await open();
    expect(await client.getOrSet<string | undefined>("k", async () => undefined, { ttl: 60 })).toBeUndefined();
    expect(await client.get("k")).toBeUndefined();
  });

  test("the ttl is shortened at random by the jitter", async () => {
    const fake = opened.add(await FakeServer.start({ meta: false }));
    const client = opened.add(createClient({ servers: [fake.address] }));
    const keys = Array.from({ length: 50 }, (_, i) => `k${i}`);
    await Promise.all(keys.map((key) => client.getOrSet(key, () => 1, { ttl: 1000, jitter: 0.2 })));
    const ttls = keys.map((key) => fake.items.get(key)!.exptime);
    expect(Math.min(...ttls)).toBeGreaterThanOrEqual(800);
    expect(Math.max(...ttls)).toBeLessThanOrEqual(1000);
    expect(new Set(ttls).size).toBeGreaterThan(10);
  });

  test("only the same item shares a computation", async () => {
    const client = await open();
    const bytes = Buffer.from("k");
    const slow = (value: string) => async () => {
      await sleep(20);
      return value;
    };
    const calls = [
      client.getOrSet("k", slow("plain"), { ttl: 60 }),
      client.getOrSet(bytes, slow("the same in bytes"), { ttl: 60 }),
      client.getOrSet("bytes:k", slow("another"), { ttl: 60 }),
      client.getOrSet("k", slow("on another server"), { ttl: 60, serverKey: "s" }),
      client.getOrSet("sk", slow("a third"), { ttl: 60 }),
    ];
    expect(await Promise.all(calls)).toEqual(["plain", "plain", "another", "on another server", "a third"]);
  });

  test("a key of bytes is what it was when the call was made", async () => {
    const client = await open();
    const key = Buffer.from("a");
    const call = client.getOrSet(key, () => "of a", { ttl: 60 });
    key[0] = 0x62;
    expect(await call).toBe("of a");
    expect([await client.get("a"), await client.get("b")]).toEqual(["of a", undefined]);
  });

  test("an AbortSignal ends one caller's wait and nobody else's", async () => {
    const client = await open();
    const controller = new AbortController();
    const load = async () => {
      await sleep(30);
      return "v";
    };
    const leaving = client.getOrSet("k", load, { ttl: 60, signal: controller.signal });
    const staying = client.getOrSet("k", load, { ttl: 60 });
    controller.abort(new Error("gone"));
    await expect(leaving).rejects.toMatchObject({ code: "aborted", cause: { message: "gone" } });
    expect(await staying).toBe("v");
    const { signal } = controller;
    await expect(client.getOrSet("l", load, { ttl: 60, signal })).rejects.toMatchObject({ code: "aborted" });
    expect(await client.get("l")).toBeUndefined();
  });

  test("a value that was computed and could not be stored is given all the same, and that is told", async () => {
    const fake = opened.add(await FakeServer.start({ meta: false }));
    const client = opened.add(createClient({ servers: [fake.address], timeouts: { requestMs: 200 } }));
    const told: string[] = [];
    const load = async () => {
      await fake.close();
      return "v";
    };
    const options = { ttl: 60, onStoreError: (error: { code: string }) => told.push(error.code) };
    expect(await client.getOrSet("k", load, options)).toBe("v");
    expect(told).toHaveLength(1);
    expect(["connection_lost", "server_disabled"]).toContain(told[0]);
  });

  test("a value that no server can take is the program's mistake", async () => {
    const client = await open();
    const call = client.getOrSet("k", () => () => undefined, { ttl: 60 });
    await expect(call).rejects.toMatchObject({ code: "value_unencodable" });
  });

  test("options out of range are refused by name", async () => {
    const client = await open();
    expect(() => client.getOrSet("k", () => 1, { ttl: Number.NaN })).toThrow(/ttl is NaN/);
    expect(() => client.getOrSet("k", () => 1, { ttl: 1, jitter: 2 })).toThrow(/jitter is 2/);
    expect(() => client.getOrSet("k", () => 1, { ttl: 1, leaseSec: 0.5 })).toThrow(/leaseSec/);
    expect(() => client.getOrSet("k", () => 1, { ttl: 1, refreshBelowSec: -1 })).toThrow(/refreshBelowSec is -1/);
  });
});

const memcached = useOracle("memcached", "leases through meta flags");

describe.each([
  ["memcached", memcached.isMissing, spawnMemcached],
  ["our server", false, spawnMarugotoServer],
] as const)("getOrSet with leases of %s", (_name, isMissing, spawn) => {
  const test = vitest.skipIf(isMissing);

  async function open(count: number): Promise<Client[]> {
    const server = opened.add(await spawn());
    // No deadline is looked at here, and 20 clients at once take their time on a busy machine.
    const options = { servers: [`127.0.0.1:${server.port}`], timeouts: { requestMs: 10_000 } };
    return Array.from({ length: count }, () => opened.add(createClient(options)));
  }

  test("20 clients, one cold key, a slow loader: one load", async () => {
    const clients = await open(20);
    let loads = 0;
    const load = async () => {
      loads++;
      await sleep(200);
      return "computed";
    };
    const values = await Promise.all(clients.map((client) => client.getOrSet("cold", load, { ttl: 60 })));
    expect(new Set(values)).toEqual(new Set(["computed"]));
    expect(loads).toBe(1);
    expect(await clients[3]!.get("cold")).toBe("computed");
  });

  test("a plain read does not see the placeholder of whoever computes", async () => {
    const [one, other] = (await open(2)) as [Client, Client];
    let release: ((value: string) => void) | undefined;
    const computing = one.getOrSet("k", () => new Promise<string>((resolve) => (release = resolve)), { ttl: 60 });
    await eventually(() => release !== undefined);
    expect((await other.lease("k", 10, 0))?.taken).toBe(true);
    expect(await other.get("k")).toBeUndefined();
    await other.set("empty", "");
    const found = await other.getMany(["k", "empty", "none"]);
    expect([...found]).toEqual([["empty", ""]]);
    expect([...(await other.getsMany(["k", "empty"])).keys()]).toEqual(["empty"]);
    release?.("v");
    expect(await computing).toBe("v");
    expect(await other.get("k")).toBe("v");
  });

  test("a plain read of a stale item leaves the right to recompute it to others", async () => {
    const [one, other] = (await open(2)) as [Client, Client];
    await one.set("k", "old", { ttl: 60 });
    await one.invalidate("k", 30);
    expect(await other.get("k")).toBe("old");
    expect(await other.gets("k")).toMatchObject({ value: "old" });
    expect([...(await other.getMany(["k"]))]).toEqual([["k", "old"]]);
    expect(await one.lease("k", 10, 0)).toMatchObject({ value: "old", won: true, stale: true });
    // The read has not changed how long it stays.
    expect((await other.lease("k", 10, 0))!.ttlSec).toBeGreaterThan(25);
  });

  test("a lease that is given back takes nothing away that was stored meanwhile", async () => {
    const [one, other] = (await open(2)) as [Client, Client];
    const cold = one.getOrSet(
      "cold",
      async () => {
        await other.set("cold", "fresh");
        throw new Error("no database");
      },
      { ttl: 60 },
    );
    await expect(cold).rejects.toThrow("no database");
    expect(await one.get("cold")).toBe("fresh");
    await one.set("stale", "old", { ttl: 60 });
    await one.invalidate("stale", 30);
    const errors: unknown[] = [];
    const options = { ttl: 60, onRefreshError: (error: unknown) => errors.push(error) };
    const served = await one.getOrSet(
      "stale",
      async () => {
        await other.set("stale", "fresh");
        throw new Error("no database");
      },
      options,
    );
    expect(served).toBe("old");
    await eventually(() => errors.length === 1);
    expect(await other.lease("stale", 10, 0)).toMatchObject({ value: "fresh", stale: false, ttlSec: -1 });
  });

  test("a stale item is served to all while one recomputes it", async () => {
    const clients = await open(10);
    let loads = 0;
    await clients[0]!.getOrSet("k", () => `value ${++loads}`, { ttl: 60 });
    await Promise.all(clients.map((client) => client.get("k")));
    expect(await clients[0]!.invalidate("k", 30)).toBe(true);
    // Whoever waited for the computation would wait for ever.
    const { load, finish } = heldLoad(() => `value ${++loads}`);
    const served = await Promise.all(clients.map((client) => client.getOrSet("k", load, { ttl: 60 })));
    expect(new Set(served)).toEqual(new Set(["value 1"]));
    finish();
    await eventually(async () => (await clients[5]!.get("k")) === "value 2");
    expect(loads).toBe(2);
  });

  test("with little time left one recomputes early and nobody waits", async () => {
    const clients = await open(5);
    let loads = 0;
    const { load, finish } = heldLoad(() => `value ${++loads}`);
    await clients[0]!.set("k", "old", { ttl: 5 });
    await Promise.all(clients.map((client) => client.get("k")));
    const options = { ttl: 60, refreshBelowSec: 30 };
    const served = await Promise.all(clients.map((client) => client.getOrSet("k", load, options)));
    expect(new Set(served)).toEqual(new Set(["old"]));
    finish();
    await eventually(async () => (await clients[1]!.get("k")) === "value 1");
    expect(loads).toBe(1);
  });

  test("when the one who computes fails, another does it", async () => {
    const [one, other] = (await open(2)) as [Client, Client];
    let started = false;
    const bad = async () => {
      started = true;
      await sleep(50);
      throw new Error("no database");
    };
    const failing = one.getOrSet("k", bad, { ttl: 60 });
    failing.catch(() => undefined);
    await eventually(() => started);
    const waiting = other.getOrSet("k", () => "v", { ttl: 60 });
    await expect(failing).rejects.toThrow("no database");
    expect(await waiting).toBe("v");
  });

  test("an invalidation during the computation has the last word", async () => {
    const [one, other] = (await open(2)) as [Client, Client];
    const value = await one.getOrSet(
      "k",
      async () => {
        await other.set("k", "newer");
        return "older";
      },
      { ttl: 60 },
    );
    expect(value).toBe("older");
    expect(await one.get("k")).toBe("newer");
  });
});

describe("namespaces", () => {
  test("are forgotten at the price of one write", async () => {
    const fake = opened.add(await FakeServer.start());
    const client = opened.add(createClient({ servers: [fake.address], prefix: "app:" }));
    const users = client.namespace("users");
    const first = await users.client();
    await first.set("1", "Ann");
    expect(await (await users.client()).get("1")).toBe("Ann");
    expect(await client.get("1")).toBeUndefined();
    expect([...fake.items.keys()].every((key) => key.startsWith("app:users:"))).toBe(true);
    await users.invalidate();
    expect(await (await users.client()).get("1")).toBeUndefined();
  });

  test("of a server that neither has nor takes a generation fail, and ask no more", async () => {
    const answer = ({ command }: { command: string }) => (command === "add" ? "NOT_STORED\r\n" : undefined);
    const fake = opened.add(await FakeServer.start({ meta: false, answer }));
    const client = opened.add(createClient({ servers: [fake.address], protocol: "classic" }));
    await expect(client.namespace("n").client()).rejects.toMatchObject({ code: "server_error" });
    expect(fake.requests).toHaveLength(20);
  });

  test("another process hears of it within its refresh time, and of a lost generation, too", async () => {
    const fake = opened.add(await FakeServer.start());
    const open = () => opened.add(createClient({ servers: [fake.address] })).namespace("n", { refreshMs: 20 });
    const [one, other] = [open(), open()];
    const views = await Promise.all([one.client(), other.client()]);
    await views[0].set("k", "v");
    expect(await views[1].get("k")).toBe("v");
    await one.invalidate();
    await eventually(async () => (await (await other.client()).get("k")) === undefined);
    await (await one.client()).set("k", "w");
    fake.items.delete("n:generation");
    await eventually(async () => (await (await other.client()).get("k")) === undefined);
  });
});

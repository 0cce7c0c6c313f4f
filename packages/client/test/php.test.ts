// Memcache and Memcached as PHP programs know them: names, defaults, results and codes. Placement, failover and values
// are held against the real extensions elsewhere.

import { Cleanup, eventually } from "@marugoto/testing";
import { afterEach, describe, expect, test } from "vitest";
import { Memcache, MEMCACHE_COMPRESSED, Memcached, ResultCode } from "../src/index.ts";
import { FakeServer } from "./support/fake-server.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

const start = async (count: number) =>
  Promise.all(Array.from({ length: count }, async () => opened.add(await FakeServer.start({ meta: false }))));

describe("Memcache", () => {
  async function open(servers: readonly FakeServer[], options = {}): Promise<Memcache> {
    const memcache = new Memcache(options);
    opened.defer(() => memcache.destroy());
    for (const { port } of servers) memcache.addServer("127.0.0.1", port, { retryInterval: 15 });
    return memcache;
  }

  test("stores values with PHP's flags", async () => {
    const servers = await start(1);
    const memcache = await open(servers);
    await memcache.set("s", "text");
    await memcache.set("i", 42);
    await memcache.set("z", "z".repeat(100), MEMCACHE_COMPRESSED, 60);
    const { items } = servers[0]!;
    expect([items.get("s")?.flags, items.get("i")?.flags, items.get("z")?.flags]).toEqual([0, 0x300, 2]);
    expect(items.get("z")?.exptime).toBe(60);
    expect(await memcache.get("z")).toBe("z".repeat(100));
    expect(await memcache.increment("i", 2)).toBe(44n);
    expect(await memcache.increment("none")).toBe(false);
    expect([...(await memcache.get(["s", "none", "i"]))]).toEqual([
      ["s", "text"],
      ["i", 44],
    ]);
  });

  test("an expiration above thirty days is a Unix time, as memcached takes it", async () => {
    const servers = await start(1);
    const memcache = await open(servers);
    const inAnHour = Math.floor(Date.now() / 1000) + 3600;
    await memcache.set("date", "v", 0, inAnHour);
    await memcache.set("month", "v", 0, 2_592_000);
    await memcache.set("fraction", "v", 0, 1.9);
    await memcache.set("past", "v", 0, 2_592_001);
    const { items } = servers[0]!;
    expect(["date", "month", "fraction"].map((key) => items.get(key)?.exptime)).toEqual([inAnHour, 2_592_000, 1]);
    expect(items.get("past")?.exptime).toBe(-1);
  });

  test("a prefix is normalised as keys are", async () => {
    const servers = await start(1);
    const memcache = await open(servers, { prefix: "my site\n" });
    await memcache.set("k", "v");
    expect([...servers[0]!.items.keys()]).toEqual(["my_site_k"]);
    expect(await memcache.get("k")).toBe("v");
  });

  test("keys travel as pecl-memcache normalises them", async () => {
    const servers = await start(1);
    const memcache = await open(servers, { prefix: "p:" });
    await memcache.set("a b\tc", "1");
    await memcache.set("x".repeat(300), "2");
    expect([...servers[0]!.items.keys()]).toEqual(["p:a_b_c", `p:${"x".repeat(248)}`]);
    expect(await memcache.get("a b\tc")).toBe("1");
    expect(await memcache.set("", "v")).toBe(false);
  });

  test("with a server down, its keys go to KEY-0, KEY-1 …, and the callback hears of it", async () => {
    const servers = await start(3);
    const failed: string[] = [];
    const memcache = new Memcache();
    opened.defer(() => memcache.destroy());
    for (const { port } of servers) {
      memcache.addServer("127.0.0.1", port, {
        failureCallback: (host, failedPort) => failed.push(`${host}:${failedPort}`),
      });
    }
    const keys = Array.from({ length: 60 }, (_, i) => `key${i}`);
    const onFirst = keys.filter((key) => memcache.findServer(key) === servers[0]!.address);
    expect(onFirst.length).toBeGreaterThan(0);
    for (const key of keys) await memcache.set(key, "v");
    await servers[0]!.close();
    for (const key of keys) expect(await memcache.set(key, "w")).toBe(true);
    for (const key of keys) expect(await memcache.get(key)).toBe("w");
    expect(new Set(failed)).toEqual(new Set([servers[0]!.address]));
    expect(onFirst.map((key) => memcache.findServer(key))).not.toContain(servers[0]!.address);
  });

  test("redundancy writes to so many servers", async () => {
    const servers = await start(3);
    const memcache = await open(servers, { redundancy: 2 });
    await memcache.set("k", "v");
    await eventually(() => servers.filter(({ items }) => items.has("k")).length === 2);
    await memcache.delete("k");
    await eventually(() => servers.every(({ items }) => !items.has("k")));
  });

  // Each row was seen with the real extension: what a call gives when one of the two servers has lost the key.
  test.each([
    ["delete", "owner", false],
    ["delete", "copy", false],
    ["delete", "none", true],
    ["add", "owner", false],
    ["add", "copy", false],
    ["replace", "owner", false],
    ["replace", "copy", false],
    ["replace", "none", true],
    ["increment", "owner", 11n],
    ["increment", "copy", false],
    ["increment", "none", 11n],
  ] as const)("redundancy: %s after the loss of the key by %s gives %s", async (verb, lost, expected) => {
    const servers = await start(3);
    const memcache = await open(servers, { redundancy: 2 });
    expect(await memcache.set("k", 10)).toBe(true);
    const holders = servers.filter(({ items }) => items.has("k"));
    expect(holders).toHaveLength(2);
    const owner = holders.find(({ address }) => address === memcache.findServer("k"))!;
    const copy = holders.find((server) => server !== owner)!;
    if (lost !== "none") (lost === "owner" ? owner : copy).items.delete("k");
    const call = verb === "increment" || verb === "delete" ? memcache[verb]("k") : memcache[verb]("k", 20);
    expect(await call).toBe(expected);
  });

  test("redundancy: of a counter the last server's value is given", async () => {
    const servers = await start(3);
    const memcache = await open(servers, { redundancy: 2 });
    await memcache.set("n", 10);
    const copy = servers.find(({ items, address }) => items.has("n") && address !== memcache.findServer("n"))!;
    copy.items.get("n")!.value = Buffer.from("50");
    expect(await memcache.increment("n")).toBe(51n);
  });

  test("redundancy: a copy whose server has died is not sent elsewhere, and spoils no result", async () => {
    const servers = await start(3);
    const memcache = await open(servers, { redundancy: 2 });
    await memcache.set("k", "1");
    const copy = servers.find(({ items, address }) => items.has("k") && address !== memcache.findServer("k"))!;
    const third = servers.find(({ items }) => !items.has("k"))!;
    await copy.close();
    expect(await memcache.set("k", "2")).toBe(true);
    expect(third.items.has("k")).toBe(false);
    expect(await memcache.delete("k")).toBe(true);
  });

  test("redundancy: an aborted write leaves nothing behind", async () => {
    const servers = await start(3);
    const memcache = await open(servers, { redundancy: 3 });
    await memcache.set("k", "1");
    for (const server of servers) server.frozen = true;
    const controller = new AbortController();
    const call = memcache.client.set("k", "2", { signal: controller.signal });
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: "aborted" });
    for (const server of servers) server.frozen = false;
    expect(await memcache.set("k", "3")).toBe(true);
    expect(servers.map(({ items }) => String(items.get("k")?.value))).toEqual(["3", "3", "3"]);
  });

  test("without failover a dead server's keys are false and undefined", async () => {
    const servers = await start(2);
    const memcache = await open(servers, { allowFailover: false });
    const key = Array.from({ length: 99 }, (_, i) => `k${i}`).find(
      (name) => memcache.findServer(name) === servers[0]!.address,
    )!;
    await servers[0]!.close();
    expect(await memcache.set(key, "v")).toBe(false);
    expect(await memcache.get(key)).toBeUndefined();
    expect(await memcache.delete(key)).toBe(false);
    expect((await memcache.getVersion()).size).toBe(1);
  });
});

describe("Memcached", () => {
  async function open(servers: readonly FakeServer[], options = {}): Promise<Memcached> {
    const memcached = new Memcached(options);
    opened.defer(() => memcached.destroy());
    memcached.addServers(servers.map(({ port }) => ["127.0.0.1", port] as const));
    return memcached;
  }

  test("gives libmemcached's codes", async () => {
    const memcached = await open(await start(1));
    const codes: ResultCode[] = [];
    const note = async (call: Promise<unknown>) => {
      await call;
      codes.push(memcached.getResultCode());
    };
    await note(memcached.get("k"));
    await note(memcached.set("k", "v"));
    await note(memcached.add("k", "v"));
    await note(memcached.replace("none", "v"));
    await note(memcached.cas(1n, "none", "v"));
    await note(memcached.cas(99n, "k", "v"));
    await note(memcached.delete("none"));
    await note(memcached.touch("none", 5));
    await note(memcached.increment("none"));
    await note(memcached.get("é"));
    await note(memcached.get("with space"));
    expect(codes).toEqual([16, 0, 14, 14, 16, 12, 16, 16, 16, 33, 33]);
    await memcached.get("none");
    expect(memcached.getResultMessage()).toBe("NOT FOUND");
  });

  test("an expiration above thirty days is a Unix time, as memcached takes it", async () => {
    const [fake] = (await start(1)) as [FakeServer];
    const memcached = await open([fake]);
    const inAnHour = Math.floor(Date.now() / 1000) + 3600;
    const exptimeOf = (key: string) => fake.items.get(key)?.exptime;
    await memcached.set("set", "v", inAnHour);
    await memcached.setByKey("g", "by-key", "v", inAnHour);
    await memcached.setMulti([["multi", "v"]], inAnHour);
    await memcached.add("add", "v", inAnHour);
    await memcached.replace("add", "v", inAnHour + 1);
    await memcached.cas((await memcached.gets("set"))!.cas, "set", "w", inAnHour + 2);
    await memcached.touch("multi", inAnHour + 3);
    expect(["set", "by-key", "multi", "add"].map(exptimeOf)).toEqual([
      inAnHour + 2,
      inAnHour,
      inAnHour + 3,
      inAnHour + 1,
    ]);
    await memcached.set("date", "v", new Date(inAnHour * 1000));
    expect(exptimeOf("date")).toBe(inAnHour);
  });

  test("a dead server: 3, then 47 until the retry time is over", async () => {
    const servers = await start(1);
    let nowMs = 1_000_000;
    const memcached = await open(servers, { clock: { nowMs: () => nowMs }, retryTimeoutSec: 2 });
    await memcached.set("k", "v");
    const port = servers[0]!.port;
    await servers[0]!.close();
    const codes: number[] = [];
    for (let i = 0; i < 4; i++) {
      expect(await memcached.get("k")).toBeUndefined();
      codes.push(memcached.getResultCode());
    }
    expect(codes).toEqual([3, 3, 47, 47]);
    expect(memcached.lastError?.code).toBe("server_disabled");
    opened.add(await FakeServer.start({ meta: false, port }));
    expect(await memcached.set("k", "w")).toBe(false);
    nowMs += 4000;
    expect(await memcached.set("k", "w")).toBe(true);
    expect(memcached.getResultMessage()).toBe("SUCCESS");
  });

  test("of many calls for a dead server one fails to connect, and the others find it disabled", async () => {
    const servers = await start(2);
    const memcached = await open(servers);
    const keys = Array.from({ length: 40 }, (_, i) => `k${i}`);
    const dead = keys.filter((key) => memcached.getServerByKey(key)?.port === servers[1]!.port);
    expect(dead.length).toBeGreaterThan(3);
    await servers[1]!.close();
    const ends = await Promise.allSettled(dead.map((key) => memcached.client.get(key)));
    const codes = ends.map((end) => (end as { reason: { code: string } }).reason.code);
    expect(codes).toEqual(["connection_lost", ...dead.slice(1).map(() => "server_disabled")]);

    // As PHP: 47 for several keys, 3 for one; and success when only some of the servers are down.
    const fresh = async () => open(servers);
    const some = await fresh();
    expect((await some.getMulti(dead)).size).toBe(0);
    expect(some.getResultCode()).toBe(ResultCode.SERVER_TEMPORARILY_DISABLED);
    const one = await fresh();
    await one.getMulti(dead.slice(0, 1));
    expect(one.getResultCode()).toBe(ResultCode.CONNECTION_FAILURE);
    await one.getMulti([...dead.slice(0, 1), "no key"]);
    expect(one.getResultCode()).toBe(ResultCode.SERVER_TEMPORARILY_DISABLED);
  });

  // As seen with the real extension.
  test("a server found dead: the keys of one getMulti fail together, with 3 when nothing is found elsewhere", async () => {
    const servers = await start(2);
    const memcached = await open(servers);
    const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
    const isOn = (server: FakeServer) => (key: string) => memcached.getServerByKey(key)?.port === server.port;
    const [up, down] = servers.map((server) => keys.filter(isOn(server))) as [string[], string[]];
    for (const key of keys) await memcached.set(key, "v");
    await servers[1]!.close();
    await eventually(() => !memcached.client.pool.links[1]!.isUp);
    const found = await memcached.getMulti(["none", ...down].filter((key) => key !== "none" || isOn(servers[0]!)(key)));
    expect([found.size, memcached.getResultCode()]).toEqual([0, ResultCode.CONNECTION_FAILURE]);
    // Nobody has tried to connect yet.
    await memcached.get(down[0]!);
    expect(memcached.getResultCode()).toBe(ResultCode.CONNECTION_FAILURE);
    await memcached.get(down[0]!);
    expect(memcached.getResultCode()).toBe(ResultCode.SERVER_TEMPORARILY_DISABLED);
    expect((await memcached.getMulti(keys)).size).toBe(up.length);
    expect(memcached.getResultCode()).toBe(ResultCode.SUCCESS);
    servers[0]!.items.clear();
    await memcached.getMulti(keys);
    expect(memcached.getResultCode()).toBe(ResultCode.NOTFOUND);
  });

  test("a touch that is not sent ends with 5", async () => {
    const servers = await start(1);
    const memcached = await open(servers);
    await memcached.set("k", "v");
    await servers[0]!.close();
    await eventually(() => !memcached.client.pool.links[0]!.isUp);
    const codes: number[] = [];
    for (let i = 0; i < 3; i++) {
      expect(await memcached.touch("k", 5)).toBe(false);
      codes.push(memcached.getResultCode());
    }
    expect(codes).toEqual([3, 5, 5]);
    expect(memcached.getResultMessage()).toBe("WRITE FAILURE");
    await memcached.get("k");
    expect(memcached.getResultCode()).toBe(ResultCode.SERVER_TEMPORARILY_DISABLED);
  });

  test("a delete reaches the copies, even while the owner is down, and does not wait", async () => {
    const servers = await start(3);
    const placement = { binaryProtocol: true, numberOfReplicas: 1 };
    const memcached = await open(servers, { placement });
    const holders = () => servers.filter(({ items }) => items.has("k"));
    await memcached.set("k", "v");
    await eventually(() => holders().length === 2);
    expect(await memcached.delete("k")).toBe(true);
    await eventually(() => holders().length === 0);
    await memcached.set("k", "v");
    await eventually(() => holders().length === 2);
    const owner = servers.find(({ port }) => port === memcached.getServerByKey("k")!.port)!;
    await owner.close();
    owner.items.clear();
    for (let i = 0; i < 3; i++) await memcached.set("k", "w");
    expect(memcached.getResultCode()).toBe(ResultCode.SERVER_TEMPORARILY_DISABLED);
    expect(holders()).toHaveLength(1);
    expect(await memcached.delete("k")).toBe(false);
    await eventually(() => holders().length === 0);
  });

  test("copies that wait as in PHP leave when they fill its buffer", async () => {
    const servers = await start(2);
    const placement = { binaryProtocol: true, numberOfReplicas: 1 };
    const memcached = await open(servers, { placement, copiesWait: true });
    const port = memcached.getServerByKey("k")!.port;
    const other = servers.find((server) => server.port !== port)!;
    await memcached.set("k", "v".repeat(1000));
    await memcached.set("k", "v".repeat(1000));
    expect(other.items.has("k")).toBe(false);
    for (let i = 0; i < 7; i++) await memcached.set("k", "v".repeat(1000));
    await eventually(() => other.items.has("k"));
  });

  test("the set that brings a server back is copied to its replicas, too", async () => {
    const servers = await start(3);
    let nowMs = 1_000_000;
    const placement = { binaryProtocol: true, numberOfReplicas: 2 };
    const memcached = await open(servers, { clock: { nowMs: () => nowMs }, placement });
    const holders = () => servers.filter(({ items }) => items.has("k")).length;
    expect(await memcached.set("k", "1")).toBe(true);
    await eventually(() => holders() === 3);
    const owner = servers.find(({ port }) => port === memcached.getServerByKey("k")!.port)!;
    const port = owner.port;
    await owner.close();
    await memcached.set("k", "2");
    await memcached.set("k", "2");
    for (const { items } of servers) items.clear();
    expect(await memcached.set("k", "2")).toBe(false);
    expect(memcached.getResultCode()).toBe(47);
    servers[servers.indexOf(owner)] = opened.add(await FakeServer.start({ meta: false, port }));
    nowMs += 4000;
    expect(await memcached.set("k", "3")).toBe(true);
    await eventually(() => holders() === 3);
  });

  test("the prefix is sent and not hashed", async () => {
    const servers = await start(3);
    const memcached = await open(servers, { prefixKey: "p:", placement: { libketamaCompatible: true } });
    const plain = await open(servers, { placement: { libketamaCompatible: true } });
    for (let i = 0; i < 30; i++) await memcached.set(`k${i}`, "v");
    for (const { items, port } of servers) {
      for (const key of items.keys()) {
        expect(key.startsWith("p:")).toBe(true);
        expect(plain.getServerByKey(key.slice(2))?.port).toBe(port);
      }
    }
  });

  test("views and namespaces of its client write keys as it does", async () => {
    const servers = await start(1);
    const memcached = await open(servers, { prefixKey: "p:" });
    await memcached.client.with({ ttl: 60 }).set("k", "v");
    expect(await memcached.get("k")).toBe("v");
    await (await memcached.client.namespace("n").client()).set("k", "w");
    expect([...servers[0]!.items.keys()].every((key) => key.startsWith("p:"))).toBe(true);
  });

  test("many keys, keys by key, and servers that come and go", async () => {
    const servers = await start(2);
    const memcached = await open(servers);
    expect(await memcached.setMulti(Object.entries({ a: 1, b: 2 }))).toBe(true);
    expect([...(await memcached.getMulti(["a", "b", "c"]))]).toEqual([
      ["a", 1],
      ["b", 2],
    ]);
    expect(await memcached.deleteMulti(["a", "c"])).toEqual(
      new Map([
        ["a", true],
        ["c", false],
      ]),
    );
    await memcached.setByKey("user", "x", "1");
    expect(await memcached.getByKey("user", "x")).toBe("1");
    expect(await memcached.deleteByKey("user", "x")).toBe(true);
    expect(memcached.getServerList()).toHaveLength(2);
    expect(memcached.removeServer("127.0.0.1", servers[0]!.port)).toBe(true);
    expect(memcached.getServerList().map(({ port }) => port)).toEqual([servers[1]!.port]);
    memcached.resetServerList();
    await memcached.get("a");
    expect(memcached.getResultCode()).toBe(ResultCode.NO_SERVERS);
  });

  test("through a server that answers slowly a call times out with 31, and marks nothing", async () => {
    const servers = await start(1);
    const memcached = await open(servers, { pollTimeoutMs: 200 });
    await memcached.set("k", "v");
    servers[0]!.frozen = true;
    await memcached.get("k");
    expect(memcached.getResultCode()).toBe(31);
    await memcached.get("k");
    expect(memcached.getResultCode()).toBe(31);
    servers[0]!.frozen = false;
    expect(await eventually(() => memcached.get("k"))).toBe("v");
  });
});

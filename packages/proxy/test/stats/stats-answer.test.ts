// What `stats` and its sections say on a client's connection.

import { Cleanup, type TestConnection } from "@marugoto/testing";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { client, get, named, set, startProxy, startServer, type RunningProxy } from "../support/bench.ts";

const shared = new Cleanup();
const opened = new Cleanup();
let running: RunningProxy;
beforeAll(async () => {
  const ports = [(await startServer(shared)).port, (await startServer(shared)).port];
  running = await startProxy(shared, named(...ports));
});
afterEach(() => opened.run());
afterAll(() => shared.run());

async function stats(connection: TestConnection, section = ""): Promise<Map<string, string>> {
  connection.send(`stats${section}\r\n`);
  const text = await connection.readUntil(/^END\r\n/m);
  return new Map(Array.from(text.matchAll(/^STAT (\S+) (.*)\r\n/gm), ([, name = "", value = ""]) => [name, value]));
}

describe("stats", () => {
  test("alone: what a program expects of a memcached, and its own pool", async () => {
    const asked = await client(opened, running.port);
    const before = await stats(asked);
    for (let i = 0; i < 10; i++) await set(asked, `k${i}`, "v");
    await get(asked, "k1");
    const after = await stats(asked);
    expect(Number(after.get("pool_requests")) - Number(before.get("pool_requests"))).toBe(12);
    expect(Number(after.get("pool_keys_read")) - Number(before.get("pool_keys_read"))).toBe(1);
    expect(Object.fromEntries(after)).toMatchObject({
      pid: String(process.pid),
      version: "marugoto-proxy",
      pointer_size: "64",
      curr_connections: "1",
      threads: "1",
      pool: "pool",
      pool_servers: "2",
      pool_servers_in_use: "2",
    });
    for (const name of ["uptime", "time", "total_connections", "rejected_connections"]) {
      expect(after.get(name)).toMatch(/^\d+$/);
    }
    for (const name of ["rusage_user", "rusage_system"]) expect(after.get(name)).toMatch(/^\d+\.\d{6}$/);
  });

  test("servers: one list of rows for each, whose sums are what was asked", async () => {
    const asked = await client(opened, running.port);
    const sum = (rows: Map<string, string>, name: string) =>
      Number(rows.get(`0:${name}`)) + Number(rows.get(`1:${name}`));
    const before = await stats(asked, " servers");
    for (let i = 0; i < 30; i++) await set(asked, `${i * 7919}-key`, "v");
    const after = await stats(asked, " servers");
    expect(sum(after, "requests") - sum(before, "requests")).toBe(30);
    expect(sum(after, "responses") - sum(before, "responses")).toBe(30);
    expect([after.get("0:name"), after.get("1:name")]).toEqual(["s0", "s1"]);
    expect([after.get("0:state"), after.get("0:server_connections")]).toEqual(["in_use", "1"]);
    expect(after.get("0:address")).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  test("pools and proxy", async () => {
    const asked = await client(opened, running.port);
    const pools = await stats(asked, " pools");
    expect(Object.fromEntries(pools)).toMatchObject({
      "0:name": "pool",
      "0:placement": "twemproxy",
      "0:failover": "error",
      "0:servers_in_use": "2",
      "0:client_connections": expect.stringMatching(/^[1-9]\d*$/) as string,
    });
    const proxy = await stats(asked, " proxy");
    expect([proxy.get("pools"), proxy.get("config_version")]).toEqual(["1", "1"]);
    expect(Number(proxy.get("rss_bytes"))).toBeGreaterThan(1e6);
  });

  test("hotkeys (N13): the key with half of the reads, its server and its share", { timeout: 30_000 }, async () => {
    const asked = await client(opened, running.port);
    // A blank can't be in a key, other odd bytes can.
    const hot = "hot%\u007f";
    for (let round = 0; round < 40; round++) {
      const lines = Array.from({ length: 250 }, (_, i) => `get ${hot}\r\nget cold:${round}:${i * 7919}\r\n`);
      asked.send(lines.join("") + "mn\r\n");
      await asked.readUntil("MN\r\n");
    }
    const rows = await stats(asked, " hotkeys");
    expect(rows.get("0:key")).toBe("hot%25%7F");
    expect(["s0", "s1"]).toContain(rows.get("0:server"));
    expect(Number(rows.get("0:share_percent"))).toBeGreaterThan(40);
    expect(Number(rows.get("0:share_percent"))).toBeLessThan(60);
    expect(Number(rows.get("reads"))).toBeGreaterThan(15_000);
  });

  test("sections of a memcached are empty, others are ERROR, and the connection stays open", async () => {
    const asked = await client(opened, running.port);
    expect((await stats(asked, " items")).size).toBe(0);
    expect(await asked.ask("stats nonsense")).toBe("ERROR");
    expect(await asked.ask("mn")).toBe("MN");
  });
});

// flush_all through the proxy: refused, or done by every server, in its place among the client's other requests.

import { Cleanup } from "@marugoto/testing";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { client, get, named, set, startFaultyServer, startProxy, type FaultyServer } from "./support/bench.ts";

const shared = new Cleanup();
const opened = new Cleanup();
let servers: FaultyServer[];
beforeAll(async () => {
  servers = [await startFaultyServer(shared), await startFaultyServer(shared)];
});
afterEach(async () => {
  for (const { fault } of servers) fault.heal();
  await opened.run();
});
afterAll(() => shared.run());

async function start(connections: number) {
  const { port } = await startProxy(opened, named(...servers.map(({ fault }) => fault.port)), {
    flushAll: true,
    backend: { connections, preconnect: false, keepAlive: false },
    failover: { mode: "error", failureLimit: 1, retryMs: 100 },
  });
  return { asked: await client(opened, port), port };
}

const KEYS = Array.from({ length: 40 }, (_, i) => `${i * 7919}-key`);

describe.each([1, 4])("flush_all over %i connections to each server", (connections) => {
  test("empties every server", async () => {
    const { asked } = await start(connections);
    for (const key of KEYS) await set(asked, key, "v");
    expect(await asked.ask("flush_all")).toBe("OK");
    for (const key of KEYS) expect(await get(asked, key)).toBeUndefined();
  });

  test("comes after what was asked before it and before what is asked after it, in one write", async () => {
    const { asked } = await start(connections);
    const sets = (keys: readonly string[]) => keys.map((key) => `set ${key} 0 0 1\r\nv\r\n`).join("");
    const [early, late] = [KEYS.slice(0, 20), KEYS.slice(20)];
    asked.send(`${sets(early)}flush_all\r\n${sets(late)}get ${KEYS.join(" ")}\r\n`);
    const text = await asked.readUntil("END\r\n");
    const found = Array.from(text.matchAll(/^VALUE (\S+)/gm), ([, key]) => key);
    expect(found).toEqual(late);
    expect(text.startsWith(`${"STORED\r\n".repeat(20)}OK\r\n${"STORED\r\n".repeat(20)}`)).toBe(true);
  });

  test("with noreply is done without a word", async () => {
    const { asked } = await start(connections);
    for (const key of KEYS) await set(asked, key, "v");
    asked.send(`flush_all noreply\r\nget ${KEYS.join(" ")}\r\n`);
    expect(await asked.readUntil("END\r\n")).toBe("END\r\n");
  });
});

test("with a delay, nothing is flushed yet", async () => {
  const { asked } = await start(1);
  await set(asked, "k", "v");
  expect(await asked.ask("flush_all 1000")).toBe("OK");
  expect(await get(asked, "k")).toBe("v");
  expect(await asked.ask("flush_all")).toBe("OK");
});

test("a server that can't be reached is told by an error, and the others are empty", async () => {
  const { asked } = await start(1);
  for (const key of KEYS) await set(asked, key, "v");
  servers[1]!.fault.refuse = true;
  servers[1]!.fault.cut();
  expect(await asked.ask("flush_all")).toMatch(/^SERVER_ERROR /);
  expect(await asked.ask("flush_all")).toMatch(/^SERVER_ERROR /);
  const direct = await client(opened, servers[0]!.server.port);
  direct.send(`get ${KEYS.join(" ")}\r\n`);
  expect(await direct.readUntil("END\r\n")).toBe("END\r\n");
});

test("a client that goes before the answer leaves nothing behind", async () => {
  const { asked, port } = await start(1);
  await set(asked, "k", "v");
  servers[0]!.fault.down.delayMs = 200;
  asked.send("flush_all\r\n");
  await asked.close();
  const next = await client(opened, port);
  await set(next, "k", "w");
  expect(await get(next, "k")).toBe("w");
});

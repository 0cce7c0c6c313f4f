// timeouts.idle: who says nothing and waits for nothing is disconnected; nobody else is.

import { Cleanup, eventually } from "@marugoto/testing";
import { afterEach, beforeAll, afterAll, expect, test } from "vitest";
import { client, get, named, set, startFaultyServer, startProxy, type FaultyServer } from "./support/bench.ts";
import { poolConfig, proxyConfig } from "./support/config.ts";

const shared = new Cleanup();
const opened = new Cleanup();
let server: FaultyServer;
beforeAll(async () => {
  server = await startFaultyServer(shared);
});
afterEach(async () => {
  server.fault.heal();
  await opened.run();
});
afterAll(() => shared.run());

const idle = (idleMs: number) => ({ timeouts: { connectMs: 1000, requestMs: 5000, idleMs } });

test("the silent are disconnected, also within a line or a value; who asks is not, nor who waits for an answer", async () => {
  const { port } = await startProxy(opened, named(server.fault.port), idle(400));
  const [silent, inLine, inValue, busy] = [
    await client(opened, port),
    await client(opened, port),
    await client(opened, port),
    await client(opened, port),
  ];
  inLine.send("get half-a-li");
  inValue.send("set k 0 0 100\r\nonly a part");
  await set(busy, "k", "v");
  await eventually(async () => {
    expect(await get(busy, "k")).toBe("v");
    return [silent, inLine, inValue].every((each) => each.ended);
  });

  const patient = await client(opened, port);
  server.fault.down.delayMs = 1000;
  const asked = performance.now();
  expect(await get(patient, "k")).toBe("v");
  expect(performance.now() - asked).toBeGreaterThan(900);
});

test("a reload sets and takes back the limit", async () => {
  const { port, proxy } = await startProxy(opened, named(server.fault.port));
  const silent = await client(opened, port);
  await silent.ask("mn");
  await proxy.reload(proxyConfig(poolConfig(named(server.fault.port), idle(50))));
  await eventually(() => silent.ended);
  await proxy.reload(proxyConfig(poolConfig(named(server.fault.port))));
  const next = await client(opened, port);
  await next.ask("mn");
  expect(await next.activity(300)).toBe(false);
});

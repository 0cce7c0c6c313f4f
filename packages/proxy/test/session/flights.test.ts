// Gets of one key that are under way at the same time are one get to the server.

import { Cleanup, type TestConnection } from "@marugoto/testing";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { client, get, named, set, startFaultyServer, startProxy, type FaultyServer } from "../support/bench.ts";

const shared = new Cleanup();
const opened = new Cleanup();
let faulty: FaultyServer;
beforeAll(async () => {
  faulty = await startFaultyServer(shared);
}, 60_000);
beforeEach(() => {
  faulty.fault.heal();
});
afterEach(() => opened.run());
afterAll(() => shared.run());

async function getsSeen(): Promise<number> {
  const server = await client(opened, faulty.server.port);
  server.send("stats\r\n");
  return Number(/STAT cmd_get (\d+)/.exec(await server.readUntil("END\r\n"))![1]);
}

test("a thousand gets of one key at a time are at most five to a server that takes 50 ms", async () => {
  const { port, proxy } = await startProxy(opened, named(faulty.fault.port));
  const clients = await Promise.all(Array.from({ length: 1000 }, () => client(opened, port)));
  await set(clients[0]!, "one", "value");
  const before = await getsSeen();
  faulty.fault.down.delayMs = 50;
  const values = await Promise.all(clients.map((each) => get(each, "one", 20_000)));
  expect(new Set(values)).toEqual(new Set(["value"]));
  expect((await getsSeen()) - before).toBeLessThanOrEqual(5);
  expect(proxy.stats.read().currConnections).toBe(1000);
}, 60_000);

test("a get that comes after a write is stored sees it, whatever gets are under way: 10 000 trials", async () => {
  const { port } = await startProxy(opened, named(faulty.fault.port));
  let done = false;
  // Gets are always under way for each key.
  const noise = async (key: string) => {
    const asked = await client(opened, port);
    while (!done) await get(asked, key);
  };
  let violations = 0;
  const trials = async (key: string, writer: TestConnection, reader: TestConnection) => {
    for (let i = 1; i <= 1000; i++) {
      await set(writer, key, String(i));
      if (Number(await get(reader, key)) < i) violations++;
    }
  };
  const keys = Array.from({ length: 10 }, (_, i) => `k${i}`);
  const readers = keys.flatMap((key) => [noise(key), noise(key)]);
  await Promise.all(keys.map(async (key) => trials(key, await client(opened, port), await client(opened, port))));
  done = true;
  await Promise.all(readers);
  expect(violations).toBe(0);
}, 60_000);

test("one who gives up does not take those along who share its get", async () => {
  const { port } = await startProxy(opened, named(faulty.fault.port));
  const [first, second] = [await client(opened, port), await client(opened, port)];
  await set(first, "one", "value");
  faulty.fault.down.delayMs = 100;
  first.send("get one\r\n");
  second.send("get one\r\n");
  await first.close();
  expect(await second.readUntil("END\r\n")).toBe("VALUE one 0 5\r\nvalue\r\nEND\r\n");
});

// A server that comes back as another process: it may bring old data along, and several proxies find it at the same time.

import { Cleanup, connect, eventually, spawnMarugotoServer, type TestConnection } from "@marugoto/testing";
import { afterEach, expect, test } from "vitest";
import { client, get, named, set, startFaultyServer, startProxy, type RunningProxy } from "../support/bench.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

const KEYS = Array.from({ length: 100 }, (_, i) => `key-${i}`);

function backAgain({ proxy }: RunningProxy): Promise<string> {
  return new Promise((resolve) => {
    proxy.events.on("serverBack", ({ way }) => {
      resolve(way);
    });
  });
}

async function outOfUse({ proxy }: RunningProxy, asked: TestConnection): Promise<void> {
  await eventually(async () => {
    await get(asked, KEYS[0]!);
    return proxy.stats.read().pools[0]!.counters.server_ejects > 0;
  });
}

test("it is flushed once, by one of two proxies, and what it brought along is never read", async () => {
  const { server, fault } = await startFaultyServer(opened);
  const pool = { failover: { mode: "miss", failureLimit: 2, retryMs: 100 } } as const;
  const one = await startProxy(opened, named(fault.port), pool);
  const other = await startProxy(opened, named(fault.port), pool);
  const asked = [await client(opened, one.port), await client(opened, other.port)] as const;
  for (const key of KEYS) expect(await set(asked[0], key, "new")).toBe("STORED");
  for (const each of asked) expect(await get(each, KEYS[1]!)).toBe("new");

  fault.refuse = true;
  fault.cut();
  await outOfUse(one, asked[0]);
  await outOfUse(other, asked[1]);
  // Another process on the same port, with what an earlier one had saved.
  await server.close();
  const next = opened.add(await spawnMarugotoServer({ args: ["-p", String(server.port)] }));
  const direct = opened.add(await connect(next.port));
  for (const key of KEYS) expect(await set(direct, key, "old")).toBe("STORED");

  const back = [backAgain(one), backAgain(other)];
  fault.heal();
  expect(await Promise.all(back)).toEqual(["restarted", "restarted"]);
  for (const each of asked) for (const key of KEYS) expect(await get(each, key)).toBeUndefined();
  expect(await set(asked[0], KEYS[0]!, "newer")).toBe("STORED");
  expect(await get(asked[1], KEYS[0]!)).toBe("newer");
  direct.send("stats\r\n");
  expect(await direct.readUntil("END\r\n")).toContain("STAT cmd_flush 1\r\n");
}, 30_000);

test("the same process is not flushed: another proxy and direct clients go on with what they have", async () => {
  const { server, fault } = await startFaultyServer(opened);
  const one = await startProxy(opened, named(fault.port), {
    failover: { mode: "miss", failureLimit: 2, retryMs: 100 },
  });
  const asked = await client(opened, one.port);
  for (const key of KEYS) expect(await set(asked, key, "new")).toBe("STORED");
  fault.refuse = true;
  fault.cut();
  await outOfUse(one, asked);
  // A write that is refused may have been meant to replace what is there.
  expect(await set(asked, KEYS[0]!, "newer")).toMatch(/^SERVER_ERROR/);
  const back = backAgain(one);
  fault.heal();
  expect(await back).toBe("fenced");
  expect(await get(asked, KEYS[0]!)).toBeUndefined();
  const direct = opened.add(await connect(server.port));
  for (const key of KEYS.slice(1)) expect(await get(direct, key)).toBe("new");
  for (const key of KEYS.slice(1)) expect(await get(asked, key)).toBe("new");
}, 30_000);

// A server that was stopped, not cut off: what was sent to it lies in its sockets, and is done when it goes on, after its
// clients were told that it failed, and after they have written the same keys again.

import { Cleanup, eventually, spawnMemcached, useOracle, type ServerProcess } from "@marugoto/testing";
import { afterEach, describe, expect, test } from "vitest";
import type { PoolConfig } from "../../src/config/types.ts";
import { client, get, named, set, startProxy, startServer } from "../support/bench.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

const memcached = useOracle("memcached", "a memcached that was stopped goes on with what lies in its sockets");

/** Sets that lie before those that matter, so that it takes a while to come to them: 2 MB. */
const AHEAD = 200;
const AHEAD_BYTES = 10_000;

describe.skipIf(memcached.isMissing)(memcached.title, () => {
  test.each(["error", "eject", "gutter"] as const)(
    "failover: %s: none of it is read",
    async (mode) => {
      const lost = opened.add(await spawnMemcached());
      const others = [(await startServer(opened)).port];
      const overrides: Partial<PoolConfig> = {
        failover: { mode, failureLimit: 2, retryMs: 100 },
        timeouts: { connectMs: 300, requestMs: 300, idleMs: Infinity },
        ...(mode === "gutter" ? { gutter: { servers: named((await startServer(opened)).port), ttlSec: 60 } } : {}),
      };
      const { proxy, port } = await startProxy(opened, named(lost.port, ...others), overrides);
      const [asked, writer] = [await client(opened, port), await client(opened, port)];
      const keys = await keysOf(lost, port);

      lost.signal("SIGSTOP");
      opened.defer(() => {
        lost.signal("SIGCONT");
      });
      const filler = "x".repeat(AHEAD_BYTES);
      const ahead = Array.from({ length: AHEAD }, (_, i) => `set ${keys[i % 5]!} 0 0 ${AHEAD_BYTES}\r\n${filler}\r\n`);
      const late = keys.map((key) => `set ${key} 0 0 4\r\nlate\r\n`);
      writer.send([...ahead, ...late].join(""));
      // Its client has been told of all of them that they failed, or are elsewhere.
      for (let i = 0; i < ahead.length + late.length; i++) await writer.readLine(20_000);
      await eventually(async () => {
        await get(asked, keys[0]!);
        return proxy.stats.read().pools[0]!.counters.server_ejects > 0;
      });

      const isWritten = mode !== "error";
      for (const [i, key] of keys.entries()) {
        const answer = i % 2 === 0 ? await set(asked, key, "new") : await asked.ask(`delete ${key}`);
        expect(answer).toMatch(isWritten ? /^(STORED|DELETED|NOT_FOUND)$/ : /^SERVER_ERROR/);
      }
      const back = new Promise((resolve) => proxy.events.on("serverBack", resolve));
      lost.signal("SIGCONT");
      await back;
      // While it works off what lies in its sockets, and long after.
      const untilMs = performance.now() + 2000;
      const seen = new Set<string>();
      while (performance.now() < untilMs) {
        for (const key of keys) seen.add((await get(asked, key))?.slice(0, 6) ?? "miss");
      }
      expect([...seen].filter((what) => what !== "miss" && what !== "new")).toEqual([]);
    },
    60_000,
  );
});

/** Sets keys, and tells which of them a server has. */
async function keysOf(server: ServerProcess, port: number): Promise<string[]> {
  const [through, direct] = [await client(opened, port), await client(opened, server.port)];
  const found: string[] = [];
  for (let i = 0; found.length < 20; i++) {
    const key = `${i * 7919}-key`;
    expect(await set(through, key, "before")).toBe("STORED");
    if ((await get(direct, key)) === "before") found.push(key);
  }
  return found;
}

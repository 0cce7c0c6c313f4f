// A client that asks and does not read costs a bounded amount of memory, and gets everything when it reads.

import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Cleanup, eventually } from "@marugoto/testing";
import { afterEach, expect, test } from "vitest";
import { client, get, named, set, startProxy, startServer } from "../support/bench.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

const VALUE_BYTES = 1_000_000;
const GETS = 100;

test("100 MB that are asked for and not read are not kept, hold up nobody, and come when they are read", async () => {
  const server = await startServer(opened);
  const { port, proxy } = await startProxy(opened, named(server.port));
  const other = await client(opened, port);
  expect(await set(other, "large", "v".repeat(VALUE_BYTES))).toBe("STORED");
  expect(await set(other, "small", "s")).toBe("STORED");

  const greedy = net.connect({ host: "127.0.0.1", port });
  opened.defer(() => {
    greedy.destroy();
  });
  greedy.pause();
  const before = process.memoryUsage().arrayBuffers;
  // `gets` does not share its answer, as `get` would.
  greedy.write("gets large\r\n".repeat(GETS));
  const asked = () => proxy.stats.read().pools[0]!.servers[0]!.counters.responses;
  let peak = 0;
  let seen = -1;
  await eventually(
    async () => {
      peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
      const last = seen;
      seen = asked();
      if (seen === last) return true;
      await sleep(200);
      return false;
    },
    { withinMs: 20_000 },
  );
  expect(seen).toBeLessThan(60);
  expect(peak).toBeLessThan(64 * 1024 * 1024);
  expect(await get(other, "small")).toBe("s");

  other.send("gets large\r\n");
  const answer = (await other.readUntil("END\r\n", 20_000)).length;
  let bytes = 0;
  await new Promise<void>((resolve) => {
    greedy.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes === GETS * answer) resolve();
    });
    greedy.resume();
  });
  expect(bytes).toBe(GETS * answer);
}, 40_000);

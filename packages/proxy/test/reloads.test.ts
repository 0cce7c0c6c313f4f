// The configuration is changed while clients ask: nobody is disconnected, nobody is told of an error.

import { Cleanup, eventually } from "@marugoto/testing";
import { afterEach, expect, test } from "vitest";
import { parseConfig } from "../src/config/load.ts";
import { createProxy } from "../src/proxy.ts";
import { client, get, named, set, startFaultyServer, startProxy, startServer } from "./support/bench.ts";
import { poolConfig, proxyConfig } from "./support/config.ts";
import { reloadConfig, reloadUnderLoad, type ReloadKind } from "./support/reloads.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

test.each<[ReloadKind, string]>([
  ["settings", "a read gives the last write"],
  ["servers", "a read gives a value of its key, or misses"],
])("30 reloads of %s under load: %s", { timeout: 60_000 }, async (kind) => {
  const servers: number[] = [];
  for (let i = 0; i < 4; i++) servers.push((await startServer(opened)).port);
  const proxy = createProxy(parseConfig(reloadConfig(kind, 0, servers), ""));
  opened.defer(() => proxy.close({ graceMs: 0 }));
  const [endpoint] = await proxy.listen();
  if (endpoint?.kind !== "tcp") throw new TypeError("the proxy has no port");
  const result = await reloadUnderLoad({
    kind,
    port: endpoint.port,
    servers,
    reloads: 30,
    clients: 8,
    seed: 1,
    apply: (config) => proxy.reload(parseConfig(config, "")),
  });
  expect(result.faults).toEqual([]);
  expect(result.requests).toBeGreaterThan(1000);
});

test("what is asked over new connections comes behind what the old ones are still to answer", async () => {
  const { fault } = await startFaultyServer(opened);
  const servers = named(fault.port);
  const { proxy, port } = await startProxy(opened, servers);
  const [writer, reader] = [await client(opened, port), await client(opened, port)];
  expect(await set(writer, "k", "old")).toBe("STORED");
  const before = fault.forwarded.up;
  fault.up.latencyMs = 300;
  writer.send("set k 0 0 3\r\nnew\r\n");
  // It has left the proxy, and not reached the server.
  await eventually(() => proxy.stats.read().pools[0]!.servers[0]!.counters.out_queue > 0);
  expect(fault.forwarded.up).toBe(before);
  fault.up.latencyMs = 0;
  await proxy.reload(
    proxyConfig(poolConfig(servers, { backend: { connections: 2, preconnect: false, keepAlive: false } })),
  );
  expect(await get(reader, "k")).toBe("new");
  expect(await writer.readLine()).toBe("STORED");
});

// The configuration is changed while clients ask: nobody is disconnected, nobody is told of an error.

import { Cleanup } from "@marugoto/testing";
import { afterEach, expect, test } from "vitest";
import { parseConfig } from "../src/config/load.ts";
import { createProxy } from "../src/proxy.ts";
import { startServer } from "./support/bench.ts";
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

// The stats port, beside nutcracker's own.

import { connect } from "node:net";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Cleanup, eventually, freePort, spawnServer, temporaryFolder, useOracle, within } from "@marugoto/testing";
import { afterEach, describe, expect, test } from "vitest";
import { StatsPort } from "../../src/stats/stats-port.ts";
import { toNutcrackerJson } from "../../src/stats/nutcracker-json.ts";
import type { PoolCounters, ProxyStats, ServerCounters } from "../../src/stats/types.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

const pool: PoolCounters = {
  client_eof: 1,
  client_err: 2,
  client_connections: 3,
  server_ejects: 4,
  forward_error: 5,
  fragments: 6,
};
const server: ServerCounters = {
  server_eof: 1,
  server_err: 2,
  server_timedout: 3,
  server_connections: 4,
  server_ejected_at: 1_795_243_042_000_001,
  requests: 5,
  request_bytes: 6,
  responses: 7,
  response_bytes: 8,
  in_queue: 9,
  in_queue_bytes: 10,
  out_queue: 11,
  out_queue_bytes: 12,
};
const stats: ProxyStats = {
  uptimeSec: 10,
  totalConnections: 20,
  currConnections: 30,
  pools: [
    {
      name: "alpha",
      counters: pool,
      servers: [
        { name: "a", counters: server },
        { name: "b", counters: server },
      ],
    },
  ],
};
const head = { source: "host", version: "0.1.0", timestampSec: 1_795_243_042 };

/** All that a port says before it closes. */
function readAll(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    connect({ host: "127.0.0.1", port })
      .setEncoding("utf8")
      .on("data", (chunk: string) => (text += chunk))
      .on("end", () => resolve(text))
      .on("error", reject);
  });
}

test("one line of JSON with every number under its name", () => {
  const text = toNutcrackerJson(stats, head);
  expect(text.endsWith("}\n")).toBe(true);
  expect(JSON.parse(text)).toEqual({
    service: "nutcracker",
    source: "host",
    version: "0.1.0",
    uptime: 10,
    timestamp: 1_795_243_042,
    total_connections: 20,
    curr_connections: 30,
    alpha: { ...pool, a: server, b: server },
  });
});

test("who connects gets the line of that moment, and the end", async () => {
  let count = 0;
  const port = opened.add(new StatsPort(() => `reading ${++count}\n`));
  const endpoint = await port.listen("127.0.0.1", 0);
  if (endpoint.kind !== "tcp") throw new Error("no port");
  expect(await readAll(endpoint.port)).toBe("reading 1\n");
  expect(await readAll(endpoint.port)).toBe("reading 2\n");
});

test("a taken port is an error that names it", async () => {
  const first = opened.add(new StatsPort(() => ""));
  const endpoint = await first.listen("127.0.0.1", 0);
  if (endpoint.kind !== "tcp") throw new Error("no port");
  const second = opened.add(new StatsPort(() => ""));
  await expect(second.listen("127.0.0.1", endpoint.port)).rejects.toMatchObject({
    code: "address_in_use",
    message: `cannot listen on 127.0.0.1:${endpoint.port} for stats: EADDRINUSE`,
  });
});

const nutcracker = useOracle("nutcracker", "the fields of nutcracker's stats port");

describe.skipIf(nutcracker.isMissing)(nutcracker.title, () => {
  test("both write the same fields in the same order", async () => {
    const folder = temporaryFolder();
    opened.defer(folder.remove);
    const config = join(folder.path, "c.yml");
    const socket = join(folder.path, "s");
    writeFileSync(config, `alpha:\n  listen: ${socket}\n  servers:\n   - 127.0.0.1:1:1 a\n   - 127.0.0.1:2:1 b\n`);
    const port = await freePort();
    const args = ["-c", config, "-a", "127.0.0.1", "-s", String(port), "-i", "50", "-v", "0"];
    opened.add(await spawnServer({ command: nutcracker.path, args, ready: { kind: "unix", path: socket } }));
    const theirs = await eventually(async () => within(2000, readAll(port), "no stats"));
    const shape = (text: string) => text.replace(/:(\d+|"[^"]*")/g, ":_").replace(/\},"/g, '}, "');
    expect(shape(toNutcrackerJson(stats, head))).toBe(shape(theirs));
  });
});

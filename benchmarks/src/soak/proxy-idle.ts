// `soak proxy-idle`: what a client that is connected and says nothing costs the proxy: resident memory with thousands of
// them, each of which has asked once, over that without; and whether the proxy serves as before.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  appCommand,
  Cleanup,
  connect,
  spawnMarugotoServer,
  spawnServer,
  temporaryFolder,
  type TestConnection,
} from "@marugoto/testing";
import { rssBytes } from "../measure/process-usage.ts";
import { grouped, markdownTable } from "../measure/table.ts";
import { defineTask, type Progress, type Report } from "../task.ts";
import { numbered, repeat, repeatFlags } from "./repeat.ts";

const flags = {
  ...repeatFlags,
  clients: { kind: "number", default: 10_000, min: 10, unit: "N", help: "idle clients" },
  quick: { kind: "switch", default: false, help: "500 clients" },
} as const;

/** What one may cost. */
const MOST_BYTES = 20 * 1024;

/** Clients that connect at a time. */
const BATCH = 100;

export const proxyIdle = defineTask({
  summary: "resident memory of a proxy with thousands of idle clients",
  flags,
  async run(values, progress): Promise<Report> {
    const clients = values.quick ? 500 : values.clients;
    const rows = numbered(await repeat(values, progress, () => oneRun(clients, progress)));
    return {
      title: "Idle clients of the proxy",
      facts: [["load", `${grouped(clients)} clients, each has asked for one key and waits`]],
      table: markdownTable(["measure", "found", "wanted", "held"], rows),
      notes: [],
      passed: rows.every((row) => row.at(-1) !== "no"),
    };
  },
});

async function oneRun(clients: number, progress: Progress): Promise<string[][]> {
  const opened = new Cleanup();
  const idle: TestConnection[] = [];
  try {
    const server = opened.add(await spawnMarugotoServer());
    const folder = temporaryFolder();
    opened.defer(folder.remove);
    const file = join(folder.path, "proxy.yml");
    writeFileSync(file, `pool:\n  listen: 127.0.0.1:0\n  servers: ["127.0.0.1:${server.port}"]\n`);
    const app = appCommand("proxy");
    const args = [...app.args, "-c", file, "-s", "0"];
    const proxy = opened.add(await spawnServer({ command: app.command, args, ready: "port-file" }));
    const open = async () => {
      const connection = await connect(proxy.port, 30_000);
      idle.push(connection);
      connection.send("get nothing\r\n");
      await connection.readUntil("END\r\n", 30_000);
    };
    // What the first clients need is needed once.
    for (let i = 0; i < BATCH; i++) await open();
    const empty = rssBytes(proxy.pid);
    const counted = clients - idle.length;
    while (idle.length < clients) {
      await Promise.all(Array.from({ length: Math.min(BATCH, clients - idle.length) }, open));
      if (idle.length % 2000 === 0) progress(`${grouped(idle.length)} clients`);
    }
    const bytes = (rssBytes(proxy.pid) - empty) / counted;
    const served = await Promise.all(
      idle.slice(0, BATCH).map((connection) => connection.ask("mn").then((answer) => answer === "MN")),
    );
    const serves = served.every(Boolean) && idle.every(({ ended }) => !ended);
    return [
      [
        "resident bytes per idle client",
        grouped(bytes),
        `≤ ${grouped(MOST_BYTES)}`,
        bytes <= MOST_BYTES ? "yes" : "no",
      ],
      ["all are connected, and are answered", serves ? "yes" : "no", "yes", serves ? "yes" : "no"],
    ];
  } finally {
    await Promise.all(idle.map((connection) => connection.close()));
    await opened.run();
  }
}

// `soak proxy-reload`: the built proxy gets another configuration again and again, by its file and by SIGHUP, while clients
// ask without a pause: none is disconnected, none is told of an error, and every value is that of its key. The clients are
// those of packages/proxy's tests.

import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { reloadConfig, reloadUnderLoad, type ReloadKind, type ReloadResult } from "@marugoto/proxy/testing";
import {
  appCommand,
  Cleanup,
  eventually,
  freshSeed,
  spawnMarugotoServer,
  spawnServer,
  temporaryFolder,
} from "@marugoto/testing";
import { grouped, markdownTable } from "../measure/table.ts";
import { rssBytes } from "../measure/process-usage.ts";
import { defineTask, type Progress, type Report } from "../task.ts";
import { numbered, repeat, repeatFlags } from "./repeat.ts";

const flags = {
  ...repeatFlags,
  reloads: { kind: "number", default: 100, min: 1, unit: "N", help: "changes of the configuration per run and kind" },
  clients: { kind: "number", default: 20, min: 1, unit: "N", help: "clients that ask all the while" },
  seed: { kind: "number", default: 0, min: 0, unit: "N", help: "seed of the first run, 0 for a fresh one" },
  quick: { kind: "switch", default: false, help: "one run of 10 changes" },
} as const;

const kinds: readonly (readonly [ReloadKind, string])[] = [
  ["settings", "settings and pools change; a read gives the last write"],
  ["servers", "servers come and go; a read gives a value of its key, or misses"],
];

/** How long a change may take until it is in force, in ms. */
const RELOAD_MS = 10_000;

export const proxyReload = defineTask({
  summary: "a proxy reloads under load: no client is disconnected or told of an error, no value is wrong",
  flags,
  async run(values, progress): Promise<Report> {
    const { runs, reloads } = values.quick ? { runs: 1, reloads: 10 } : values;
    const first = values.seed === 0 ? freshSeed() : values.seed;
    progress(`seed ${first}`);
    const results = await repeat({ ...values, runs }, progress, async (run) => {
      const rows: string[][] = [];
      for (const [kind, what] of kinds) {
        progress(what);
        rows.push(...(await oneRun(kind, reloads, values.clients, first + run - 1, progress)));
      }
      return rows;
    });
    const rows = numbered(results);
    return {
      title: "Reloads under load",
      facts: [
        ["load", `${values.clients} clients, two batches of 10 requests under way each`],
        ["changes", `${reloads} of each kind, half by the file, half by the file and SIGHUP`],
        ["seed", String(first)],
      ],
      table: markdownTable(["measure", "found", "wanted", "held"], rows),
      notes: kinds.map(([kind, what]) => `${kind}: ${what}.`),
      passed: rows.every((row) => row.at(-1) !== "no"),
    };
  },
});

async function oneRun(
  kind: ReloadKind,
  reloads: number,
  clients: number,
  seed: number,
  progress: Progress,
): Promise<string[][]> {
  const opened = new Cleanup();
  try {
    const servers: number[] = [];
    for (let i = 0; i < 4; i++) servers.push(opened.add(await spawnMarugotoServer()).port);
    const folder = temporaryFolder();
    opened.defer(folder.remove);
    const file = join(folder.path, "proxy.yml");
    writeFileSync(file, reloadConfig(kind, 0, servers));
    const app = appCommand("proxy");
    const args = [...app.args, "-c", file, "-s", "0"];
    const proxy = opened.add(await spawnServer({ command: app.command, args, ready: "port-file" }));
    let applied = 0;
    const inForce = () => proxy.stderr.match(/ reloaded /g)?.length ?? 0;
    const empty = rssBytes(proxy.pid);
    const result = await reloadUnderLoad({
      kind,
      port: proxy.port,
      servers,
      reloads,
      clients,
      seed,
      async apply(config) {
        const before = inForce();
        writeFileSync(`${file}.new`, config);
        renameSync(`${file}.new`, file);
        // The watch alone, or a signal that comes first.
        if (++applied % 2 === 0) proxy.signal("SIGHUP");
        await eventually(() => inForce() > before, { withinMs: RELOAD_MS });
      },
      progress(number, { requests }) {
        if (number % 20 === 0) progress(`  ${number} reloads, ${grouped(requests)} requests`);
      },
    });
    for (const fault of result.faults) progress(`fault: ${fault}`);
    return rowsOf(kind, result, applied, reloads, rssBytes(proxy.pid) - empty);
  } finally {
    await opened.run();
  }
}

function rowsOf(kind: ReloadKind, result: ReloadResult, applied: number, reloads: number, grown: number): string[][] {
  const { requests, faultCount } = result;
  const held = (yes: boolean) => (yes ? "yes" : "no");
  return [
    [`${kind}: reloads`, String(applied), String(reloads), held(applied === reloads)],
    [`${kind}: requests`, grouped(requests), "> 0", held(requests > 0)],
    [`${kind}: errors, wrong values, lost connections`, String(faultCount), "0", held(faultCount === 0)],
    [`${kind}: memory grown, MiB`, (grown / 2 ** 20).toFixed(0), "", ""],
  ];
}

// `bench proxy`: CPU time per request of our proxy beside nutcracker's, both before the same two memcached, row by row.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { CacheError } from "@marugoto/core";
import { builtApp, findOracle, freePort, spawnServer, temporaryFolder, type ServerProcess } from "@marugoto/testing";
import { LoadGenerator } from "../load/generator.ts";
import { defaultLoad, type LoadSpec } from "../load/spec.ts";
import { peerServer, pinnedNode, type Program } from "../measure/programs.ts";
import { withServers } from "../measure/servers.ts";
import { quantile, spread, type Spread } from "../measure/statistics.ts";
import { grouped, markdownTable } from "../measure/table.ts";
import { defineTask, type Report } from "../task.ts";
import { measure, pairedRounds, type Sample, type Side } from "./paired.ts";

interface ProxyRow {
  readonly name: string;
  readonly title: string;
  readonly load: Omit<LoadSpec, "port">;
  /** The most that ours may cost, as a multiple of nutcracker. */
  readonly bar?: number;
}

/** A bar counts as met this far above it: nutcracker against itself wavers as much. */
const TOLERANCE = 0.03;

const row = (name: string, title: string, load: Partial<LoadSpec>, bar?: number): ProxyRow => ({
  name,
  title,
  load: { ...defaultLoad, ...load },
  ...(bar === undefined ? {} : { bar }),
});

const rows: readonly ProxyRow[] = [
  row("get-1", "get 32 B, depth 1", {}, 2.0),
  row("get-16", "get 32 B, depth 16", { depth: 16 }, 1.0),
  row("multiget-10", "get of 10 keys, 32 B", { keysPerGet: 10 }, 1.5),
  row("set-1", "set 32 B, depth 1", { setPercent: 100 }),
  row("set-16", "set 32 B, depth 16", { setPercent: 100, depth: 16 }),
  row("get-10k", "get 10 KiB, depth 1", { valueBytes: 10_240 }),
];

const flags = {
  rows: { kind: "text", default: "all", unit: "NAMES", help: `comma-separated: ${rows.map((r) => r.name).join(", ")}` },
  rounds: { kind: "number", default: 21, min: 1, unit: "N", help: "paired rounds per row" },
  seconds: { kind: "number", default: 0.4, min: 0.01, unit: "S", help: "length of one run" },
  warm: { kind: "number", default: 1.5, min: 0, unit: "S", help: "load before the first round, per proxy and row" },
  quick: { kind: "switch", default: false, help: "3 rounds of 0.05 s: shows that it works, measures nothing" },
  ours: {
    kind: "text",
    default: "",
    unit: "COMMAND",
    help: "proxy in place of apps/proxy/dist/main.js; takes -c FILE",
  },
} as const;

interface RowResult {
  readonly row: ProxyRow;
  /** ours ÷ nutcracker of costs. */
  readonly ratio: Spread;
  /** The same between two processes of nutcracker. */
  readonly noise: Spread;
  readonly oursUs: number;
  readonly peerUs: number;
  readonly oursPerSecond: number;
  readonly peerPerSecond: number;
}

export const proxyBench = defineTask({
  summary: "CPU time per request beside nutcracker, both before the same two memcached",
  flags,
  async run(values, progress): Promise<Report> {
    const picked = values.rows === "all" ? rows : values.rows.split(",").map(rowNamed);
    const timing = values.quick ? { rounds: 3, seconds: 0.05, warm: 0.05 } : values;
    const ours = oursCommand(values.ours);
    const { path: nutcracker, missing } = findOracle("nutcracker");
    if (nutcracker === undefined) throw new CacheError("not_supported", missing ?? "no nutcracker");
    const memcached = peerServer("");
    const generator = LoadGenerator.start();
    const results: RowResult[] = [];
    try {
      for (const picking of picked) {
        const result = await measureRow(picking, generator, memcached, [ours, [nutcracker], [nutcracker]], timing);
        results.push(result);
        progress(`${picking.title}: ${result.ratio.median.toFixed(2)} (noise ${result.noise.median.toFixed(2)})`);
      }
    } finally {
      await generator.stop();
    }
    return report(results, memcached, timing);
  },
});

function rowNamed(name: string): ProxyRow {
  const found = rows.find((candidate) => candidate.name === name);
  if (found !== undefined) return found;
  throw new CacheError("invalid_option", `no row "${name}"; there are: ${rows.map((r) => r.name).join(", ")}`);
}

function oursCommand(given: string): readonly string[] {
  if (given !== "") return given.trim().split(/\s+/);
  try {
    return [pinnedNode(), builtApp("proxy")];
  } catch (error) {
    throw new CacheError("not_supported", (error as Error).message, { cause: error });
  }
}

/** One configuration for both: nutcracker's own, with nothing set but what is needed. */
function configText(port: number, backends: readonly number[]): string {
  const servers = backends.map((backend) => `    - 127.0.0.1:${backend}:1\n`).join("");
  const keys = [`listen: 127.0.0.1:${port}`, "hash: fnv1a_64", "distribution: ketama", "timeout: 5000", "backlog: 512"];
  return `bench:\n${keys.map((key) => `  ${key}\n`).join("")}  servers:\n${servers}`;
}

async function startProxy(command: readonly string[], backends: readonly number[]): Promise<ServerProcess> {
  const folder = temporaryFolder();
  const port = await freePort();
  const file = join(folder.path, "proxy.yml");
  writeFileSync(file, configText(port, backends));
  const [program = "", ...leading] = command;
  // Its stats port would be the same for all.
  const stats = ["-s", String(await freePort()), "-a", "127.0.0.1"];
  const started = await spawnServer({
    command: program,
    args: [...leading, "-c", file, ...stats],
    ready: { kind: "tcp", host: "127.0.0.1", port },
  });
  void started.exited.then(folder.remove);
  return started;
}

async function measureRow(
  row: ProxyRow,
  generator: LoadGenerator,
  memcached: Program,
  proxies: readonly (readonly string[])[],
  timing: { readonly rounds: number; readonly seconds: number; readonly warm: number },
): Promise<RowResult> {
  return withServers([memcached, memcached], ["-m", "256", "-c", "1024", "-t", "1"], async (...servers) => {
    const started: ServerProcess[] = [];
    try {
      const sides: Side[] = [];
      for (const command of proxies) {
        const proxy = await startProxy(
          command,
          servers.map((server) => server.port),
        );
        started.push(proxy);
        const spec = { ...row.load, port: proxy.port };
        await generator.fill(spec);
        const side = { pid: proxy.pid, load: await generator.open(spec) };
        await measure(side, timing.warm);
        sides.push(side);
      }
      const samples = await pairedRounds(
        sides.map((side) => () => measure(side, timing.seconds)),
        timing.rounds,
      );
      return compare(row, samples);
    } finally {
      await Promise.all(started.map((proxy) => proxy.close()));
    }
  });
}

function compare(row: ProxyRow, samples: readonly Sample[][]): RowResult {
  const ratio = (of: number, to: number) => spread(samples.map((round) => round[of]!.costUs / round[to]!.costUs));
  const median = (side: number, pick: (sample: Sample) => number) =>
    quantile(
      samples.map((round) => pick(round[side]!)),
      0.5,
    );
  const rate = ({ load }: Sample) => load.operations / load.seconds;
  return {
    row,
    ratio: ratio(0, 1),
    noise: ratio(2, 1),
    oursUs: median(0, ({ costUs }) => costUs),
    peerUs: median(1, ({ costUs }) => costUs),
    oursPerSecond: median(0, rate),
    peerPerSecond: median(1, rate),
  };
}

function report(
  results: readonly RowResult[],
  memcached: Program,
  timing: { readonly rounds: number; readonly seconds: number },
): Report {
  const isMet = ({ row, ratio }: RowResult) => row.bar === undefined || ratio.median <= row.bar + TOLERANCE;
  const lines = results.map((result) => [
    result.row.title,
    result.ratio.median.toFixed(2),
    `${result.ratio.low.toFixed(2)}–${result.ratio.high.toFixed(2)}`,
    result.row.bar === undefined ? "" : `≤ ${result.row.bar.toFixed(2)}`,
    result.row.bar === undefined ? "" : isMet(result) ? "yes" : "no",
    `${result.noise.median.toFixed(2)} (${result.noise.low.toFixed(2)}–${result.noise.high.toFixed(2)})`,
    result.oursUs.toFixed(2),
    result.peerUs.toFixed(2),
    grouped(result.oursPerSecond),
    grouped(result.peerPerSecond),
  ]);
  const head = [
    "load",
    "ratio",
    "quartiles",
    "bar",
    "met",
    "noise",
    "ours µs",
    "nutcracker µs",
    "ours req/s",
    "nutcracker req/s",
  ];
  return {
    title: "Proxy: CPU time per request",
    facts: [
      ["behind both", `two ${memcached.name} ${memcached.version} -t 1, fnv1a_64, ketama`],
      ["method", `${timing.rounds} paired rounds of ${timing.seconds} s, 50 connections`],
    ],
    table: markdownTable(head, lines),
    notes: [
      "ratio: our CPU time per request ÷ nutcracker's, median of the rounds' ratios; below 1 ours is cheaper.",
      `bar: met up to ${TOLERANCE} above. noise: the same ratio between two processes of nutcracker.`,
    ],
    passed: results.every(isMet),
  };
}

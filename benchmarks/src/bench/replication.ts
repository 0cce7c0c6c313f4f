// `bench replication`: what replicas cost the master, as CPU time per set beside the same server without replication, and
// what a full copy costs both nodes.

import { LoadGenerator } from "../load/generator.ts";
import { defaultLoad } from "../load/spec.ts";
import { replicationStats, waitInStep, withNodes, type GroupNode, type NodeOptions } from "../measure/group.ts";
import { cpuSeconds } from "../measure/process-usage.ts";
import { ourServer, type Program } from "../measure/programs.ts";
import { startRedisPair } from "../measure/redis.ts";
import { withServer } from "../measure/servers.ts";
import { spread, type Spread } from "../measure/statistics.ts";
import { grouped, markdownTable } from "../measure/table.ts";
import { defineTask, type Progress, type Report } from "../task.ts";
import { measure, pairedRounds, type Sample, type Side } from "./paired.ts";

const memoryFlags = ["-m", "256", "-t", "1"];
const TOLERANCE = 0.03;

/** CPU time of both nodes for a full copy, at most. */
const COPY_CPU_SEC = 1;

/** Wall time of a full copy over redis-server's of as many items, in turn, at most. */
const COPY_WALL_TIMES = 1.5;

/** The master's p99 during a copy, at most: so many milliseconds, or so many times that without. */
const COPY_P99_MS = 20;
const COPY_P99_TIMES = 3;

/** How long the clients' load runs around a copy: the start of the node, and the copy. */
const COPY_LOAD_SEC = 2;

const flags = {
  rounds: { kind: "number", default: 21, min: 1, unit: "N", help: "paired rounds per row" },
  seconds: { kind: "number", default: 0.4, min: 0.01, unit: "S", help: "length of one run" },
  items: { kind: "number", default: 200_000, min: 1, unit: "N", help: "items of the full copy" },
  copies: { kind: "number", default: 5, min: 0, unit: "N", help: "full copies; 0 leaves them out" },
  quick: {
    kind: "switch",
    default: false,
    help: "3 rounds of 0.05 s, 2000 items: shows that it works, measures nothing",
  },
  ours: { kind: "text", default: "", unit: "COMMAND", help: "server in place of apps/server/dist/main.js" },
} as const;

interface Row {
  readonly title: string;
  readonly depth: number;
  /** CPU time per set with replicas over that without, at most. */
  readonly bar: number;
}

const rows: readonly Row[] = [
  { title: "set, 50 connections, depth 1", depth: 1, bar: 1.5 },
  { title: "set, 50 connections, depth 16", depth: 16, bar: 1.25 },
];

interface RowResult {
  readonly row: Row;
  readonly soloUs: Spread;
  readonly oneUs: Spread;
  readonly one: Spread;
  /** Four replicas over one, a fourth of the difference for each. */
  readonly four: Spread;
}

export const replicationBench = defineTask({
  summary: "what replicas cost the master per set, and what a full copy costs both nodes",
  flags,
  async run(values, progress): Promise<Report> {
    const size = values.quick ? { ...values, rounds: 3, seconds: 0.05, items: 2000, copies: 1 } : values;
    const program = ourServer(values.ours);
    const generator = LoadGenerator.start();
    try {
      const results: RowResult[] = [];
      for (const row of rows) {
        results.push(await measureRow(row, generator, program, size));
        progress(`${row.title}: × ${results.at(-1)!.one.median.toFixed(2)} with a replica`);
      }
      const copies = size.copies === 0 ? [] : await copyRows(generator, program, size, progress);
      return report(program, size, results, copies);
    } finally {
      await generator.stop();
    }
  },
});

async function measureRow(
  row: Row,
  generator: LoadGenerator,
  program: Program,
  size: { readonly rounds: number; readonly seconds: number },
): Promise<RowResult> {
  const load = { ...defaultLoad, depth: row.depth, setPercent: 100 };
  return withServer(program, memoryFlags, (solo) =>
    withNodes(program, async (start) => {
      const follow = async (master: GroupNode, replicas: number) => {
        for (let i = 0; i < replicas; i++) await start({ peers: [master.replicationPort], flags: memoryFlags });
        await waitInStep(master.port, replicas);
      };
      const one = await start({ flags: memoryFlags });
      const four = await start({ flags: memoryFlags });
      await follow(one, 1);
      await follow(four, 4);
      const sides: Side[] = [];
      for (const { port, pid } of [solo, one, four]) {
        const side = { pid, load: await generator.open({ ...load, port }) };
        await side.load.run(3 * size.seconds);
        sides.push(side);
      }
      const samples = await pairedRounds<Sample>(
        sides.map((side) => () => measure(side, size.seconds)),
        size.rounds,
      );
      const cost = (side: number) => samples.map((round) => round[side]!.costUs);
      const [soloUs, oneUs, fourUs] = [cost(0), cost(1), cost(2)];
      return {
        row,
        soloUs: spread(soloUs),
        oneUs: spread(oneUs),
        one: spread(oneUs.map((each, i) => each / soloUs[i]!)),
        four: spread(fourUs.map((each, i) => 1 + (each / oneUs[i]! - 1) / 3)),
      };
    }),
  );
}

/** Full copies of one content to fresh nodes: CPU time of both, and the time until the replica is in step. */
async function copyRows(
  generator: LoadGenerator,
  program: Program,
  size: { readonly items: number; readonly copies: number },
  progress: Progress,
): Promise<readonly (readonly string[])[]> {
  const redis = await startRedisPair(size.items, defaultLoad.valueBytes);
  return withNodes(program, async (start) => {
    const master = await start({ flags: memoryFlags });
    await generator.fill({ ...defaultLoad, port: master.port, keys: size.items });
    const cpu: number[] = [];
    const wall: number[] = [];
    const redisWall: number[] = [];
    for (let i = 0; i < size.copies; i++) {
      const masterBefore = cpuSeconds(master.pid);
      // A fresh process costs CPU time of its own; one without a peer is the measure of that.
      const alone = await start({ flags: memoryFlags });
      const startCost = cpuSeconds(alone.pid);
      await alone.process.close();
      const replica = await start({ peers: [master.replicationPort], flags: memoryFlags });
      await waitInStep(master.port, 1);
      cpu.push(cpuSeconds(master.pid) - masterBefore + cpuSeconds(replica.pid) - startCost);
      const shown = await replicationStats(replica.port);
      wall.push(Number(shown.get("last_copy_ms")));
      await replica.process.close();
      if (redis !== undefined) redisWall.push(await redis.copyMs());
      progress(`copy ${i + 1}: ${wall.at(-1)!.toFixed(0)} ms`);
    }
    const cpuSpread = spread(cpu);
    return [
      [
        `full copy of ${grouped(size.items)} items`,
        `CPU of both ${cpuSpread.median.toFixed(2)} s`,
        `wall ${spread(wall).median.toFixed(0)} ms`,
        `≤ ${COPY_CPU_SEC} s`,
        "",
        cpuSpread.median <= COPY_CPU_SEC ? "yes" : "no",
      ],
      redis === undefined
        ? ["wall of a full copy beside redis-server's", "redis-server is not installed", "", "", "", ""]
        : redisRow(redis.version, spread(wall).median, spread(redisWall).median),
      await latencyRow(generator, master, start, size),
    ];
  }).finally(() => redis?.close());
}

function redisRow(version: string, oursMs: number, redisMs: number): readonly string[] {
  const times = oursMs / redisMs;
  return [
    `wall of a full copy beside redis-server ${version}'s, in turn`,
    `${oursMs.toFixed(0)} / ${redisMs.toFixed(0)} ms`,
    `× ${times.toFixed(2)}`,
    `≤ × ${COPY_WALL_TIMES}`,
    "",
    times <= COPY_WALL_TIMES ? "yes" : "no",
  ];
}

/** The master's round trips while it is copied, beside those while a node starts that copies nothing. */
async function latencyRow(
  generator: LoadGenerator,
  master: GroupNode,
  start: (options: NodeOptions) => Promise<GroupNode>,
  size: { readonly items: number; readonly copies: number },
): Promise<readonly string[]> {
  const load = await generator.open({ ...defaultLoad, port: master.port, keys: size.items, setPercent: 10 });
  await load.run(0.5);
  const p99 = async (options: NodeOptions) => {
    const run = load.run(COPY_LOAD_SEC);
    const node = await start(options);
    const { p99Us } = await run;
    await node.process.close();
    return p99Us / 1000;
  };
  const [alone, copied]: [number[], number[]] = [[], []];
  for (let i = 0; i < size.copies; i++) {
    alone.push(await p99({ flags: memoryFlags }));
    copied.push(await p99({ peers: [master.replicationPort], flags: memoryFlags }));
  }
  await load.close();
  const [without, during] = [spread(alone).median, spread(copied).median];
  const bar = Math.max(COPY_P99_MS, COPY_P99_TIMES * without);
  return [
    "p99 of the master's clients during it, 50 connections, depth 1",
    `${without.toFixed(1)} → ${during.toFixed(1)} ms`,
    `× ${(during / without).toFixed(2)}`,
    `≤ ${bar.toFixed(0)} ms`,
    "",
    during <= bar ? "yes" : "no",
  ];
}

function report(
  program: Program,
  size: { readonly rounds: number; readonly seconds: number },
  results: readonly RowResult[],
  copies: readonly (readonly string[])[],
): Report {
  const times = ({ median, low, high }: Spread) => `× ${median.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
  const cells = results.map(({ row, soloUs, oneUs, one, four }) => {
    const met = one.median <= row.bar + TOLERANCE && four.median <= 1.1 + TOLERANCE;
    const cost = `${soloUs.median.toFixed(2)} → ${oneUs.median.toFixed(2)}`;
    return [row.title, cost, times(one), `≤ × ${row.bar}`, times(four), met ? "yes" : "no"];
  });
  return {
    title: "Replication",
    facts: [
      ["server", `${program.name} ${program.version} with ${memoryFlags.join(" ")}`],
      ["method", `${size.rounds} paired rounds of ${size.seconds} s; median of the ratios, quartiles`],
    ],
    table: markdownTable(
      ["row", "µs of CPU per set", "one replica", "bar", "each further", "met"],
      [...cells, ...copies],
    ),
    notes: [
      "µs of CPU per set: of the master, without replication → with one replica.",
      "p99: while another node starts that copies nothing → while one starts and copies.",
    ],
    passed: true,
  };
}

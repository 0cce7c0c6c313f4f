// `bench server`: CPU time per request of our server beside memcached's, as a ratio, row by row.

import { LoadGenerator } from "../load/generator.ts";
import { ourServer, peerServer, type Program } from "../measure/programs.ts";
import { withServers, type RunningServer } from "../measure/servers.ts";
import { quantile, spread, type Spread } from "../measure/statistics.ts";
import { grouped, markdownTable } from "../measure/table.ts";
import { defineTask, type Report } from "../task.ts";
import { pickRows } from "./pick-rows.ts";
import { measure, pairedRounds, type Sample, type Side } from "./paired.ts";
import { barAgainst, GROWTH_LIMIT, isMet, serverRows, TOLERANCE, type ServerRow } from "./server-rows.ts";

const flags = {
  rows: {
    kind: "text",
    default: "all",
    unit: "NAMES",
    help: `comma-separated: ${serverRows.map((r) => r.name).join(", ")}`,
  },
  rounds: { kind: "number", default: 21, min: 1, unit: "N", help: "paired rounds per row" },
  seconds: { kind: "number", default: 0.4, min: 0.01, unit: "S", help: "length of one run" },
  warm: { kind: "number", default: 1.5, min: 0, unit: "S", help: "load before the first round, per server and row" },
  quick: { kind: "switch", default: false, help: "3 rounds of 0.05 s: shows that it works, measures nothing" },
  ours: { kind: "text", default: "", unit: "COMMAND", help: "server in place of apps/server/dist/main.js" },
  peer: { kind: "text", default: "", unit: "COMMAND", help: "peer in place of MEMCACHED_BIN or memcached on PATH" },
} as const;

interface Timing {
  readonly rounds: number;
  readonly seconds: number;
  readonly warm: number;
}

/** What a row came to. For a growth row the costs are those at the larger key space. */
interface RowResult {
  readonly row: ServerRow;
  /** peer ÷ ours of costs; for a growth row ours ÷ peer of growths. */
  readonly ratio: Spread;
  /** The same between two processes of the peer: what the method itself wavers. */
  readonly noise: Spread;
  readonly oursUs: number;
  readonly peerUs: number;
  readonly oursPerSecond: number;
  readonly peerPerSecond: number;
  /** Medians of the growth of the cost, ours and the peer's. */
  readonly growth?: readonly [ours: number, peer: number];
  readonly transport: string;
}

export const serverBench = defineTask({
  summary: "CPU time per request beside memcached -t 1, for gets, sets, multigets and several value sizes",
  flags,
  async run(values, progress): Promise<Report> {
    const picked = pickRows(serverRows, values.rows);
    const rows = values.quick ? picked.map(shrunk) : picked;
    const timing = values.quick ? { rounds: 3, seconds: 0.05, warm: 0.05 } : values;
    const [ours, peer] = [ourServer(values.ours), peerServer(values.peer)];
    const generator = LoadGenerator.start();
    const results: RowResult[] = [];
    try {
      for (const row of rows) {
        const result = await measureRow(row, generator, ours, peer, timing);
        results.push(result);
        progress(`${row.title}: ${result.ratio.median.toFixed(2)} (noise ${result.noise.median.toFixed(2)})`);
      }
    } finally {
      await generator.stop();
    }
    return report(results, ours, peer, timing);
  },
});

/** A row with a tenth of its keys, which is quicker to fill. */
function shrunk(row: ServerRow): ServerRow {
  const load = { ...row.load, keys: row.load.keys / 10 };
  return row.grownKeys === undefined ? { ...row, load } : { ...row, load, grownKeys: row.grownKeys / 10 };
}

// Enough for the largest key space of all rows, so that nothing is evicted and every get hits.
const memoryFlags = ["-m", "1024", "-c", "1024", "-t", "1"];

async function measureRow(
  row: ServerRow,
  generator: LoadGenerator,
  ours: Program,
  peer: Program,
  timing: Timing,
): Promise<RowResult> {
  // Three fresh processes; the peer stands between ours and its twin, so both ratios compare neighbours in time.
  return withServers([ours, peer, peer], memoryFlags, async (...servers) => {
    const small = await openSides(generator, servers, row.load, timing);
    if (row.grownKeys === undefined) return compare(row, small, await rounds(small, timing));
    const large = await openSides(generator, servers, { ...row.load, keys: row.grownKeys }, timing);
    return compareGrowth(row, small, await rounds([...small, ...large], timing));
  });
}

async function openSides(
  generator: LoadGenerator,
  servers: readonly RunningServer[],
  load: ServerRow["load"],
  timing: Timing,
): Promise<Side[]> {
  const sides: Side[] = [];
  for (const server of servers) {
    const spec = { ...load, port: server.port };
    await generator.fill(spec);
    const side = { pid: server.pid, load: await generator.open(spec) };
    await measure(side, timing.warm);
    sides.push(side);
  }
  return sides;
}

const rounds = (sides: readonly Side[], { rounds: count, seconds }: Timing): Promise<Sample[][]> =>
  pairedRounds(
    sides.map((side) => () => measure(side, seconds)),
    count,
  );

const medianOf = (samples: readonly Sample[][], side: number, pick: (sample: Sample) => number): number =>
  quantile(
    samples.map((round) => pick(round[side]!)),
    0.5,
  );

const cost = (sample: Sample): number => sample.costUs;
const rate = (sample: Sample): number => sample.load.operations / sample.load.seconds;

function compare(row: ServerRow, sides: readonly Side[], samples: Sample[][]): RowResult {
  const [ours, peer, twin] = [0, 1, 2];
  const ratios = (of: number, to: number): Spread => spread(samples.map((r) => r[of]!.costUs / r[to]!.costUs));
  return {
    row,
    ratio: ratios(peer, ours),
    noise: ratios(peer, twin),
    oursUs: medianOf(samples, ours, cost),
    peerUs: medianOf(samples, peer, cost),
    oursPerSecond: medianOf(samples, ours, rate),
    peerPerSecond: medianOf(samples, peer, rate),
    transport: sides[0]!.load.transport,
  };
}

function compareGrowth(row: ServerRow, sides: readonly Side[], samples: Sample[][]): RowResult {
  const growths = samples.map((round) => [0, 1, 2].map((server) => round[server + 3]!.costUs / round[server]!.costUs));
  const ratios = (of: number, to: number): Spread => spread(growths.map((growth) => growth[of]! / growth[to]!));
  const growth = (server: number): number =>
    quantile(
      growths.map((g) => g[server]!),
      0.5,
    );
  return {
    row,
    ratio: ratios(0, 1),
    noise: ratios(2, 1),
    oursUs: medianOf(samples, 3, cost),
    peerUs: medianOf(samples, 4, cost),
    oursPerSecond: medianOf(samples, 3, rate),
    peerPerSecond: medianOf(samples, 4, rate),
    growth: [growth(0), growth(1)],
    transport: sides[0]!.load.transport,
  };
}

function report(results: readonly RowResult[], ours: Program, peer: Program, timing: Timing): Report {
  const lines = results.map((result) => {
    const { row, ratio, noise } = result;
    const met = isMet(row, ratio.median, peer.version);
    const bar = row.grownKeys === undefined ? barAgainst(row.bar, peer.version) : GROWTH_LIMIT;
    return [
      row.title,
      ratio.median.toFixed(2),
      `${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)}`,
      bar === undefined ? "" : `${row.grownKeys === undefined ? "≥" : "≤"} ${bar.toFixed(2)}`,
      met === undefined ? "" : met ? "yes" : "no",
      `${noise.median.toFixed(2)} (${noise.low.toFixed(2)}–${noise.high.toFixed(2)})`,
      result.oursUs.toFixed(2),
      result.peerUs.toFixed(2),
      grouped(result.oursPerSecond),
      grouped(result.peerPerSecond),
    ];
  });
  const head = ["load", "ratio", "quartiles", "bar", "met", "noise", "ours µs", "peer µs", "ours req/s", "peer req/s"];
  const growths = results.flatMap(({ growth }) =>
    growth === undefined ? [] : [`Growth of the cost: ours × ${growth[0].toFixed(2)}, peer × ${growth[1].toFixed(2)}.`],
  );
  const net = results.some(({ transport }) => transport === "net");
  return {
    title: "Server: CPU time per request",
    facts: [
      ["ours", `${ours.name} ${ours.version}`],
      ["peer", `${peer.name} ${peer.version}, both with ${memoryFlags.join(" ")}`],
      [
        "method",
        `${timing.rounds} paired rounds of ${timing.seconds} s, 50 connections, generator over ${net ? "node:net" : "node:ffi"}`,
      ],
    ],
    table: markdownTable(head, lines),
    notes: [
      "ratio: peer's CPU time per request ÷ ours, median of the rounds' ratios; above 1 ours is cheaper. In the growth row: ours' growth ÷ the peer's.",
      `bar: met down to ${TOLERANCE} below (above, for the growth). noise: the same ratio between two processes of the peer.`,
      ...growths,
      ...(net ? ["node:ffi is missing here: the generator over node:net may be the limit of the req/s columns."] : []),
    ],
    passed: lines.every((line) => line[4] !== "no"),
  };
}

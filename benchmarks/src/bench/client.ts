// `bench client`: CPU time per call of our client beside Node's other memcached clients and beside the floor, as multiples.

import { peerServer } from "../measure/programs.ts";
import { withServer } from "../measure/servers.ts";
import type { Spread } from "../measure/statistics.ts";
import { grouped, markdownTable } from "../measure/table.ts";
import { packageVersion } from "../measure/programs.ts";
import { defineTask, type Report } from "../task.ts";
import { clientRows, isWithin, libraries, TOLERANCE, type ClientRow } from "./client-rows.ts";
import { pickRows } from "./pick-rows.ts";
import { measureSubjects, spreadText, type Timing } from "./subject-rounds.ts";

const flags = {
  rows: {
    kind: "text",
    default: "all",
    unit: "NAMES",
    help: `comma-separated: ${clientRows.map((r) => r.name).join(", ")}`,
  },
  rounds: { kind: "number", default: 21, min: 1, unit: "N", help: "paired rounds per row" },
  seconds: { kind: "number", default: 0.4, min: 0.01, unit: "S", help: "length of one run" },
  warm: { kind: "number", default: 1, min: 0, unit: "S", help: "run before the first round, per client and row" },
  quick: { kind: "switch", default: false, help: "3 rounds of 0.05 s: shows that it works, measures nothing" },
  alone: { kind: "switch", default: false, help: "ours and the floor alone, without the other libraries" },
  server: { kind: "text", default: "", unit: "COMMAND", help: "server in place of MEMCACHED_BIN or memcached on PATH" },
} as const;

/** What a row came to. */
interface RowResult {
  readonly row: ClientRow;
  readonly oursUs: number;
  readonly oursPerSecond: number;
  readonly floorUs: number;
  readonly toFloor: Spread;
  /** The floor's twin ÷ the floor: what the method makes of two equal programs. */
  readonly noise: Spread;
  readonly best?: { readonly name: string; readonly costUs: number; readonly toBest: Spread };
  /** Cost of every library, in µs. */
  readonly all: readonly (readonly [name: string, costUs: number])[];
  /** Steps of other libraries that failed, in words. */
  readonly faults: readonly string[];
}

export const clientBench = defineTask({
  summary: "CPU time per call of our client beside Node's other clients and the least that JavaScript can do",
  flags,
  async run(values, progress): Promise<Report> {
    const rows = pickRows(clientRows, values.rows);
    const timing = values.quick ? { rounds: 3, seconds: 0.05, warm: 0.05 } : values;
    const server = peerServer(values.server);
    const results: RowResult[] = [];
    await withServer(server, ["-m", "256", "-t", "1"], async ({ port }) => {
      for (const row of rows) {
        const result = await measureRow(row, port, values.alone ? [] : libraries, timing);
        results.push(result);
        progress(progressLine(result));
      }
    });
    return report(results, `${server.name} ${server.version} -t 1`, timing);
  },
});

async function measureRow(row: ClientRow, port: number, others: readonly string[], timing: Timing): Promise<RowResult> {
  const compared = row.bestBar === undefined ? [] : others;
  // Ours stands beside the floor, whose bars are the closest; the floor beside its twin.
  const names = [...compared, "marugoto", "floor", "floor"];
  const specs = names.map((subject, i) => ({
    subject,
    work: { ...row.work, port, prefix: `${i}:` },
    mayFail: i < compared.length,
  }));
  const rounds = await measureSubjects(specs, timing);
  const [ours, floor, twin] = [compared.length, compared.length + 1, compared.length + 2];
  const best = compared.length === 0 ? undefined : rounds.cheapest(compared.map((_, i) => i));
  return {
    row,
    oursUs: rounds.costUs(ours),
    oursPerSecond: rounds.perSecond(ours),
    floorUs: rounds.costUs(floor),
    toFloor: rounds.multiple(ours, floor),
    noise: rounds.multiple(twin, floor),
    ...(best === undefined
      ? {}
      : { best: { name: compared[best]!, costUs: rounds.costUs(best), toBest: rounds.multiple(ours, best) } }),
    all: compared.map((name, i) => [name, rounds.costUs(i)] as const),
    faults: compared.flatMap((name, i) => faultText(name, rounds.faults(i))),
  };
}

function faultText(name: string, faults: readonly string[]): string[] {
  return faults.length === 0 ? [] : [`${name} failed ${faults.length} times: ${[...new Set(faults)].join("; ")}`];
}

function progressLine({ row, toFloor, noise, best }: RowResult): string {
  const besides = best === undefined ? "" : `${best.toBest.median.toFixed(2)} of ${best.name}, `;
  return `${row.title}: ${besides}${toFloor.median.toFixed(2)} of the floor (noise ${noise.median.toFixed(2)})`;
}

const verdict = (multiple: Spread, bar: number): string => (isWithin(multiple.median, bar) ? "yes" : "no");

function report(results: readonly RowResult[], server: string, timing: Timing): Report {
  const compared = results.some(({ all }) => all.length > 0);
  const lines = results.map(({ row, oursUs, oursPerSecond, floorUs, toFloor, noise, best }) => [
    row.title,
    oursUs.toFixed(2),
    floorUs.toFixed(2),
    spreadText(toFloor),
    `≤ ${row.floorBar.toFixed(2)}`,
    verdict(toFloor, row.floorBar),
    spreadText(noise),
    ...(compared ? bestCells(row, best) : []),
    grouped(oursPerSecond),
  ]);
  const head = ["calls", "ours µs", "floor µs", "ours ÷ floor", "bar", "met", "noise"];
  const bestHead = compared ? ["best other", "µs", "ours ÷ best", "bar", "met"] : [];
  const tables = [markdownTable([...head, ...bestHead, "ours calls/s"], lines)];
  if (compared) tables.push(libraryTable(results));
  return {
    title: "Client: CPU time per call",
    facts: [
      ["ours", `@marugoto/client ${packageVersion("@marugoto/client")}`],
      ...(compared ? [["others", libraries.map((name) => `${name} ${packageVersion(name)}`).join(", ")] as const] : []),
      ["server", server],
      ["method", `${timing.rounds} paired rounds of ${timing.seconds} s, a fresh process per client and row`],
    ],
    table: tables.join("\n\n"),
    notes: [
      "µs: CPU time (user and system) of the client's process per call; a getMany of 100 keys is one call. Multiples: median of the rounds', with quartiles; lower is better.",
      `bar: met up to ${TOLERANCE} above it. noise: the same between two processes of the floor.`,
      "floor: one socket, meta commands, one write per tick, a promise a call, and nothing else. For the lower door: a bare socket that sends the same bytes and finds the end of each answer, without promises.",
      ...results.flatMap(({ row, faults }) => faults.map((fault) => `${row.title}: ${fault}.`)),
    ],
    passed: lines.every((line) => !line.includes("no")),
  };
}

function bestCells(row: ClientRow, best: RowResult["best"]): string[] {
  if (best === undefined || row.bestBar === undefined) return ["", "", "", "", ""];
  const { name, costUs, toBest } = best;
  return [name, costUs.toFixed(2), spreadText(toBest), `≤ ${row.bestBar.toFixed(2)}`, verdict(toBest, row.bestBar)];
}

function libraryTable(results: readonly RowResult[]): string {
  const rows = results
    .filter(({ all }) => all.length > 0)
    .map(({ row, oursUs, floorUs, all }) => [
      row.title,
      ...[floorUs, oursUs, ...all.map(([, costUs]) => costUs)].map((costUs) => costUs.toFixed(2)),
    ]);
  return markdownTable(["µs of CPU per call", "floor", "ours", ...libraries], rows);
}

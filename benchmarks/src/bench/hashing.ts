// `bench hashing`: CPU time per lookup and per ring of our placements beside Node's ring libraries, as multiples.

import { packageVersion } from "../measure/programs.ts";
import { markdownTable } from "../measure/table.ts";
import { defineTask, type Report } from "../task.ts";
import type { RingWork } from "../subjects/subject.ts";
import { pickRows } from "./pick-rows.ts";
import { measureSubjects, spreadText, type Timing } from "./subject-rounds.ts";

interface HashingRow {
  readonly name: string;
  readonly title: string;
  readonly work: RingWork;
}

/** Ours first; the one that others are compared with is `ketama`, the ring that `hashring` makes, too. */
const ours = ["ketama", "pecl consistent", "rendezvous", "jump"] as const;
const others = ["hashring", "hashring without cache", "consistent-hash"] as const;
const compared = others.length;

const hashingRows: readonly HashingRow[] = [
  { name: "lookup-3", title: "lookup, 3 servers", work: { command: "lookup", servers: 3, keys: 100_000 } },
  { name: "lookup-100", title: "lookup, 100 servers", work: { command: "lookup", servers: 100, keys: 100_000 } },
  { name: "build-10", title: "ring of 10 servers", work: { command: "build", servers: 10, keys: 1 } },
  { name: "build-1000", title: "ring of 1000 servers", work: { command: "build", servers: 1000, keys: 1 } },
];

/** A ring of 1000 servers with 160 points each is made within this time, in µs. */
const BUILD_LIMIT_US = 1e6;

const flags = {
  rows: {
    kind: "text",
    default: "all",
    unit: "NAMES",
    help: `comma-separated: ${hashingRows.map((r) => r.name).join(", ")}`,
  },
  rounds: { kind: "number", default: 21, min: 1, unit: "N", help: "paired rounds per row" },
  seconds: { kind: "number", default: 0.4, min: 0.01, unit: "S", help: "length of one run" },
  warm: { kind: "number", default: 0.5, min: 0, unit: "S", help: "run before the first round, per placement and row" },
  quick: { kind: "switch", default: false, help: "3 rounds of 0.02 s: shows that it works, measures nothing" },
} as const;

export const hashingBench = defineTask({
  summary: "CPU time per lookup and per ring of our placements beside Node's ring libraries",
  flags,
  async run(values, progress): Promise<Report> {
    const rows = pickRows(hashingRows, values.rows);
    const timing = values.quick ? { rounds: 3, seconds: 0.02, warm: 0.02 } : values;
    const lines: string[][] = [];
    let slowest = 0;
    for (const row of rows) {
      const { cells, ketamaUs } = await measureRow(row, timing);
      lines.push(cells);
      if (row.work.command === "build" && row.work.servers === 1000) slowest = ketamaUs;
      progress(`${row.title}: ${cells.slice(1).join(" ")}`);
    }
    return report(lines, slowest, timing);
  },
});

async function measureRow(row: HashingRow, timing: Timing): Promise<{ cells: string[]; ketamaUs: number }> {
  // Rings alone are built: the other two are lists.
  const names = row.work.command === "build" ? (["ketama", "pecl consistent"] as const) : ours;
  const subjects = [...others, "hashring", ...names];
  const rounds = await measureSubjects(
    subjects.map((subject) => ({ subject, work: row.work })),
    timing,
  );
  const us = (subject: number): string => figure(rounds.costUs(subject));
  const ketama = compared + 1;
  const mine = ours.map((_, i) => (i < names.length ? us(ketama + i) : ""));
  const theirs = others.map((_, i) => us(i));
  const noise = spreadText(rounds.multiple(compared, 0));
  const cells = [row.title, ...mine, ...theirs, spreadText(rounds.multiple(ketama, 0)), noise];
  return { cells, ketamaUs: rounds.costUs(ketama) };
}

/** Three digits that count. */
const figure = (us: number): string => (us >= 100 ? us.toFixed(0) : us.toPrecision(3));

function report(lines: readonly string[][], slowestUs: number, timing: Timing): Report {
  const isFast = slowestUs < BUILD_LIMIT_US;
  const versions = ["hashring", "consistent-hash"].map((name) => `${name} ${packageVersion(name)}`).join(", ");
  return {
    title: "Hashing: CPU time per lookup and per ring",
    facts: [
      ["ours", `@marugoto/hashing ${packageVersion("@marugoto/hashing")}`],
      ["others", versions],
      ["method", `${timing.rounds} paired rounds of ${timing.seconds} s, a fresh process per placement and row`],
    ],
    table: markdownTable(["µs of CPU", ...ours, ...others, "ketama ÷ hashring", "noise"], lines),
    notes: [
      "ketama: `phpMemcached` with `libketamaCompatible`, the same ring as hashring's, but for libmemcached's single precision, which makes it 156 points of 160 in some pool sizes. pecl consistent: `phpMemcache`. Other rings: 160 points a server.",
      "Lookups take 100 000 text keys in turn; hashring keeps the answers for 5000 keys, which helps programs with few keys. noise: the multiple between two processes of hashring.",
      ...(slowestUs === 0
        ? []
        : [`A ring of 1000 servers × 160 points below 1 s: ${isFast ? "yes" : "no"}, ${figure(slowestUs / 1000)} ms.`]),
    ],
    passed: isFast,
  };
}

// `soak fuzz-server`: random and damaged bytes over many connections; the server must live, answer a clean connection all
// the while, and not grow. The fuzz itself is packages/conformance's; here it is run at length and reported.

import { fuzzServer, marugotoTarget } from "@marugoto/conformance";
import { freshSeed } from "@marugoto/testing";
import { ourServer } from "../measure/programs.ts";
import { grouped, markdownTable } from "../measure/table.ts";
import { defineTask, type Progress, type Report } from "../task.ts";
import { numbered, repeat, repeatFlags } from "./repeat.ts";

/** Megabytes by which RSS may grow after the warm-up. */
const MAX_GROWTH_MB = 20;
const MB = 1_000_000;

const flags = {
  ...repeatFlags,
  minutes: { kind: "number", default: 10, min: 0, unit: "M", help: "how long a run throws bytes" },
  connections: { kind: "number", default: 50, min: 1, unit: "N", help: "connections at a time" },
  seed: { kind: "number", default: 0, min: 0, unit: "N", help: "seed of the first run, 0 for a fresh one" },
  quick: { kind: "switch", default: false, help: "10 seconds over 20 connections" },
} as const;

export const fuzzServerSoak = defineTask({
  summary: "random and damaged bytes over many connections crash nothing and leave RSS where it was",
  flags,
  async run(values, progress): Promise<Report> {
    const { minutes, connections } = values.quick ? { minutes: 1 / 6, connections: 20 } : values;
    const program = ourServer("");
    const first = values.seed === 0 ? freshSeed() : values.seed;
    progress(`seed ${first}`);
    // The minutes are those of one run, not of all.
    const results = await repeat({ runs: values.runs, minutes: Infinity }, progress, (run) =>
      attack(minutes, connections, first + run - 1, progress),
    );
    const rows = numbered(results);
    return {
      title: "Random bytes",
      facts: [
        ["server", `${program.name} ${program.version}`],
        ["load", `${connections} connections, ${minutes.toFixed(1)} minutes a run`],
        ["seed", String(first)],
      ],
      table: markdownTable(["measure", "found", "wanted", "held"], rows),
      notes: [],
      passed: rows.every((row) => row.at(-1) !== "no"),
    };
  },
});

/** One run on a server of its own. A server that dies or falls silent ends it with an error that names the seed. */
async function attack(minutes: number, connections: number, seed: number, progress: Progress): Promise<string[][]> {
  const target = await marugotoTarget();
  try {
    let told = 0;
    const result = await fuzzServer(target, {
      forMs: minutes * 60_000,
      connections,
      seed,
      onProgress: ({ seconds, bytesSent }) => {
        if (seconds < told + 30) return;
        told = seconds;
        progress(`  ${seconds.toFixed(0)} s: ${grouped(bytesSent)} bytes`);
      },
    });
    const rows = [
      ["bytes sent", grouped(result.bytesSent), "", ""],
      ["connections opened", grouped(result.connectionsOpened), "", ""],
      ["slowest answer to a clean connection", `${result.slowestAnswerMs.toFixed(0)} ms`, "", ""],
    ];
    const { warmRssBytes, peakRssBytes } = result;
    if (warmRssBytes !== undefined && peakRssBytes !== undefined) {
      const growth = (peakRssBytes - warmRssBytes) / MB;
      const held = growth <= MAX_GROWTH_MB ? "yes" : "no";
      rows.push(["RSS after the warm-up", `${(warmRssBytes / MB).toFixed(1)} MB`, "", ""]);
      rows.push(["RSS grown since, at most", `${growth.toFixed(1)} MB`, `≤ ${MAX_GROWTH_MB} MB`, held]);
    }
    return rows;
  } finally {
    await target.close();
  }
}

// `soak client-chaos`: calls with random aborts and timeouts to a server that splits, delays, cuts and spoils its answers,
// freezes and restarts. Every value names its key. The run is one of packages/client's tests, made at length.

import { freshSeed, within } from "@marugoto/testing";
import { runChaos, type ChaosResult } from "@marugoto/client/testing";
import { grouped, markdownTable } from "../measure/table.ts";
import { defineTask, type Progress, type Report } from "../task.ts";
import { numbered, repeat, repeatFlags } from "./repeat.ts";

const flags = {
  ...repeatFlags,
  calls: { kind: "number", default: 100_000, min: 1, unit: "N", help: "calls per run and protocol" },
  seed: { kind: "number", default: 0, min: 0, unit: "N", help: "seed of the first run, 0 for a fresh one" },
  quick: { kind: "switch", default: false, help: "one run of 3000 calls" },
} as const;

/** A thousand calls take a tenth of a second; one that takes this long per thousand has hung. */
const HUNG_MS_PER_CALL = 20;
const HUNG_MS = 30_000;

export const clientChaos = defineTask({
  summary: "a client and a server in chaos: no value of another key, no call that never ends, no rejection unheard",
  flags,
  async run(values, progress): Promise<Report> {
    const { runs, calls } = values.quick ? { runs: 1, calls: 3000 } : values;
    const first = values.seed === 0 ? freshSeed() : values.seed;
    progress(`seed ${first}`);
    const results = await repeat({ ...values, runs }, progress, async (run) => {
      const rows: string[][] = [];
      for (const protocol of ["classic", "meta"] as const) {
        rows.push(...(await oneRun(calls, first + run - 1, protocol, progress)));
      }
      return rows;
    });
    const rows = numbered(results);
    return {
      title: "Client in chaos",
      facts: [
        ["load", `${grouped(calls)} calls per protocol, 60 at a time`],
        ["seed", String(first)],
      ],
      table: markdownTable(["measure", "found", "wanted", "held"], rows),
      notes: [],
      passed: rows.every((row) => row.at(-1) !== "no"),
    };
  },
});

async function oneRun(
  calls: number,
  seed: number,
  protocol: "classic" | "meta",
  progress: Progress,
): Promise<string[][]> {
  let unheard = 0;
  const hear = (reason: unknown) => {
    unheard++;
    progress(`nobody heard of: ${String(reason)}`);
  };
  process.on("unhandledRejection", hear);
  let seen: ChaosResult | undefined;
  try {
    const run = runChaos(calls, seed, protocol, (result) => {
      seen = result;
      if (result.calls % 20_000 === 0) progress(`  ${protocol}: ${grouped(result.calls)} calls`);
    });
    const result = await within(
      HUNG_MS + calls * HUNG_MS_PER_CALL,
      run,
      `${protocol}, seed ${seed}: ${grouped(seen?.calls ?? 0)} calls were begun and have not all ended`,
    );
    for (const wrong of result.wrong) progress(`wrong: ${wrong}`);
    return rowsOf(protocol, result, unheard);
  } finally {
    process.off("unhandledRejection", hear);
  }
}

function rowsOf(protocol: string, result: ChaosResult, unheard: number): string[][] {
  const { calls, hits, misses, stored, failures, wrong, latestMs, restarts, freezes, spoilt } = result;
  const failed = Object.entries(failures).map(([code, count]) => `${grouped(count)} ${code}`);
  const held = (isHeld: boolean) => (isHeld ? "yes" : "no");
  return [
    [`${protocol}: calls that ended`, grouped(calls), "all", "yes"],
    [`${protocol}: keys found, missed, stored`, [hits, misses, stored].map(grouped).join(", "), "", ""],
    [`${protocol}: failed`, failed.join(", "), "", ""],
    [`${protocol}: restarts, freezes, connections spoilt`, [restarts, freezes, spoilt].map(grouped).join(", "), "", ""],
    [`${protocol}: longest beyond its deadline`, `${latestMs.toFixed(0)} ms`, "", ""],
    [`${protocol}: wrong`, String(wrong.length), "0", held(wrong.length === 0)],
    [`${protocol}: rejections unheard`, String(unheard), "0", held(unheard === 0)],
  ];
}

// `soak proxy-chaos`: a proxy whose servers stall, vanish, answer garbage and come back in the middle of requests. Every value
// names its key and its version. The run is one of packages/proxy's tests, made at length.

import { freshSeed, within } from "@marugoto/testing";
import { runProxyChaos, type ChaosOptions, type ChaosResult } from "@marugoto/proxy/testing";
import { grouped, markdownTable } from "../measure/table.ts";
import { defineTask, type Progress, type Report } from "../task.ts";
import { numbered, repeat, repeatFlags } from "./repeat.ts";

const flags = {
  ...repeatFlags,
  requests: { kind: "number", default: 100_000, min: 1, unit: "N", help: "requests per run and kind" },
  seed: { kind: "number", default: 0, min: 0, unit: "N", help: "seed of the first run, 0 for a fresh one" },
  quick: { kind: "switch", default: false, help: "one run of 1000 requests" },
} as const;

const kinds: readonly Pick<ChaosOptions, "mode" | "lies">[] = [
  { mode: "error", lies: true },
  { mode: "miss", lies: false },
  { mode: "eject", lies: false },
  { mode: "gutter", lies: false },
];

/** A request whose server stands still takes its timeout; one that takes this long on average has hung. */
const HUNG_MS_PER_REQUEST = 60;
const HUNG_MS = 60_000;

/** Memory may waver by so much between the middle and the end. */
const MEMORY_SLACK_BYTES = 64 * 1024 * 1024;

export const proxyChaos = defineTask({
  summary: "a proxy whose servers stall, vanish and answer garbage: no wrong value, bounded memory",
  flags,
  async run(values, progress): Promise<Report> {
    const { runs, requests } = values.quick ? { runs: 1, requests: 1000 } : values;
    const first = values.seed === 0 ? freshSeed() : values.seed;
    progress(`seed ${first}`);
    const results = await repeat({ ...values, runs }, progress, async (run) => {
      const rows: string[][] = [];
      for (const kind of kinds) rows.push(...(await oneRun({ ...kind, requests, seed: first + run - 1 }, progress)));
      return rows;
    });
    const rows = numbered(results);
    return {
      title: "A proxy in chaos",
      facts: [
        ["load", `${grouped(requests)} requests of 20 clients per kind, three servers`],
        ["seed", String(first)],
      ],
      table: markdownTable(["measure", "found", "wanted", "held"], rows),
      notes: [
        "wrong: a value of another key, bytes of another value, or, but for lies, a value older than the last acknowledged write.",
        "lies: servers also give answers that nobody asked for and that could be true.",
      ],
      passed: rows.every((row) => row.at(-1) !== "no"),
    };
  },
});

async function oneRun(options: ChaosOptions, progress: Progress): Promise<string[][]> {
  const name = `${options.mode}${options.lies ? " with lies" : ""}`;
  let unheard = 0;
  const hear = (reason: unknown) => {
    unheard++;
    progress(`nobody heard of: ${String(reason)}`);
  };
  process.on("unhandledRejection", hear);
  let seen: Readonly<ChaosResult> | undefined;
  try {
    const run = runProxyChaos(options, (result) => {
      seen = result;
      if (result.requests % 10_000 === 0) progress(`  ${name}: ${grouped(result.requests)} requests`);
    });
    const result = await within(
      HUNG_MS + options.requests * HUNG_MS_PER_REQUEST,
      run,
      `${name}, seed ${options.seed}: not ended after ${grouped(seen?.requests ?? 0)} requests`,
    );
    for (const wrong of result.wrong) progress(`wrong: ${wrong}`);
    return rowsOf(name, result, unheard);
  } finally {
    process.off("unhandledRejection", hear);
  }
}

function rowsOf(name: string, result: ChaosResult, unheard: number): string[][] {
  const { requests, hits, misses, stored, errors, wrong, mischiefs, outages, memory } = result;
  const held = (isHeld: boolean) => (isHeld ? "yes" : "no");
  const grown = memory.end - memory.half;
  return [
    [`${name}: requests answered`, grouped(requests), "all", "yes"],
    [`${name}: keys found, missed, stored, errors`, [hits, misses, stored, errors].map(grouped).join(", "), "", ""],
    [`${name}: mischiefs, servers out of use`, [mischiefs, outages].map(grouped).join(", "), "", ""],
    [`${name}: wrong`, String(wrong.length), "0", held(wrong.length === 0)],
    [`${name}: rejections unheard`, String(unheard), "0", held(unheard === 0)],
    [
      `${name}: memory grown in the second half`,
      `${(grown / 1024 / 1024).toFixed(1)} MiB`,
      `< ${MEMORY_SLACK_BYTES / 1024 / 1024} MiB`,
      held(grown < MEMORY_SLACK_BYTES),
    ],
  ];
}

// `soak fuzz-diff`: random requests to our server and to memcached side by side; their answers must be equal but for the
// named differences. The fuzz itself is packages/conformance's; here it is run at length and reported.

import { CacheError } from "@marugoto/core";
import { fuzzDifferential, marugotoTarget, memcachedTarget, PEER_FLAGS, type FuzzResult } from "@marugoto/conformance";
import { freshSeed } from "@marugoto/testing";
import { ourServer, peerServer } from "../measure/programs.ts";
import { grouped, markdownTable } from "../measure/table.ts";
import { defineTask, type Report } from "../task.ts";
import { repeat, repeatFlags } from "./repeat.ts";

const flags = {
  ...repeatFlags,
  lines: { kind: "number", default: 100_000, min: 1, unit: "N", help: "requests per run" },
  seed: { kind: "number", default: 0, min: 0, unit: "N", help: "seed of the first run, 0 for a fresh one" },
  quick: { kind: "switch", default: false, help: "one run of 2000 requests" },
} as const;

export const fuzzDiff = defineTask({
  summary: "random and damaged requests to ours and memcached side by side, answers equal but for named differences",
  flags,
  async run(values, progress): Promise<Report> {
    const { runs, lines } = values.quick ? { runs: 1, lines: 2000 } : values;
    const [ours, peer] = [ourServer(""), peerServer("")];
    const first = values.seed === 0 ? freshSeed() : values.seed;
    progress(`seed ${first}`);
    const results = await repeat({ ...values, runs }, progress, async (run) => {
      const result = await fuzzOnce(first + run - 1, lines, values.minutes, progress);
      if (result.mismatch !== undefined) progress(result.mismatch);
      return result;
    });
    const mismatches = results.flatMap(({ mismatch }) => (mismatch === undefined ? [] : [mismatch]));
    return {
      title: "Differential fuzz",
      facts: [
        ["ours", `${ours.name} ${ours.version}`],
        ["peer", `${peer.name} ${peer.version}`],
        ["seed", String(first)],
      ],
      table: markdownTable(
        ["seed", "requests", "named differences", "unexplained"],
        results.map((result) => [
          String(result.seed),
          grouped(result.lines),
          grouped([...result.explained.values()].reduce((sum, times) => sum + times, 0)),
          result.mismatch === undefined ? "none" : "one",
        ]),
      ),
      notes: mismatches.map((mismatch) => ["unexplained:", "", "```text", ...mismatch.split("\n"), "```"].join("\n  ")),
      passed: mismatches.length === 0,
    };
  },
});

async function fuzzOnce(
  seed: number,
  lines: number,
  minutes: number,
  progress: (line: string) => void,
): Promise<FuzzResult> {
  const left = await marugotoTarget();
  try {
    const right = await memcachedTarget(PEER_FLAGS);
    try {
      let tenths = 0;
      const result = await fuzzDifferential(left, right, {
        lines,
        seed,
        forMs: minutes * 60_000,
        onProgress: (sent) => {
          if ((sent / lines) * 10 < tenths + 1) return;
          tenths = Math.floor((sent / lines) * 10);
          progress(`  seed ${seed}: ${sent} of ${lines} requests`);
        },
      });
      if (result.lines === 0) throw new CacheError("timeout", `no request was sent in ${minutes} minutes`);
      return result;
    } finally {
      await right.close();
    }
  } finally {
    await left.close();
  }
}

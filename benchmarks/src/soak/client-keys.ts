// `soak client-keys`: keys that try to be commands; the server must see one well-formed command for each call that went
// out, and none for the others. The run is one of packages/client's tests, made at length.

import { freshSeed } from "@marugoto/testing";
import { tryHostileKeys } from "@marugoto/client/testing";
import { grouped, markdownTable } from "../measure/table.ts";
import { defineTask, type Report } from "../task.ts";
import { repeat, repeatFlags } from "./repeat.ts";

const flags = {
  ...repeatFlags,
  keys: { kind: "number", default: 100_000, min: 1, unit: "N", help: "keys per run, key policy and protocol" },
  seed: { kind: "number", default: 0, min: 0, unit: "N", help: "seed of the first run, 0 for a fresh one" },
  quick: { kind: "switch", default: false, help: "one run of 1000 keys" },
} as const;

const ways = [
  ["reject", "classic"],
  ["reject", "meta"],
  ["hash", "classic"],
  ["hash", "meta"],
  ["base64", "meta"],
] as const;

export const clientKeys = defineTask({
  summary: "hostile keys: the server sees exactly one well-formed command for each call, or none",
  flags,
  async run(values, progress): Promise<Report> {
    const { runs, keys } = values.quick ? { runs: 1, keys: 1000 } : values;
    const first = values.seed === 0 ? freshSeed() : values.seed;
    progress(`seed ${first}`);
    const results = await repeat({ ...values, runs }, progress, async (run) => {
      const rows: string[][] = [];
      for (const [policy, protocol] of ways) {
        const seed = first + run - 1;
        const result = await tryHostileKeys(keys, policy, protocol, seed);
        for (const wrong of result.wrong) progress(`seed ${seed}, ${policy}, ${protocol}: ${wrong}`);
        const refused = Object.entries(result.refused).map(([code, count]) => `${grouped(count)} ${code}`);
        const { sent, wrong } = result;
        rows.push([
          `${policy}, ${protocol}`,
          grouped(result.keys),
          grouped(sent),
          refused.join(", "),
          String(wrong.length),
        ]);
        progress(`  ${policy}, ${protocol}: ${grouped(result.keys)} keys`);
      }
      return rows;
    });
    const rows = results.flat();
    return {
      title: "Hostile keys",
      facts: [["seed", String(first)]],
      table: markdownTable(["policy, protocol", "keys", "sent", "refused by the client", "wrong"], rows),
      notes: [],
      passed: rows.every((row) => row.at(-1) === "0"),
    };
  },
});

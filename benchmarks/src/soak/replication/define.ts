// How every replication soak is defined: its flags beside those of all, runs of it with fresh nodes and the next seed, one
// table.

import { Cleanup, freshSeed, seededRandom, type Random } from "@marugoto/testing";
import type { FlagTable, FlagValues } from "../../flags.ts";
import { ourServer, type Program } from "../../measure/programs.ts";
import { markdownTable } from "../../measure/table.ts";
import { defineTask, type Progress, type Report, type Task } from "../../task.ts";
import { numbered, repeat, repeatFlags } from "../repeat.ts";
import { allHeld, HEAD } from "./findings.ts";

export const commonFlags = {
  ...repeatFlags,
  seed: { kind: "number", default: 0, min: 0, unit: "N", help: "seed of the first run, 0 for a fresh one" },
  ours: { kind: "text", default: "", unit: "COMMAND", help: "server in place of apps/server/dist/main.js" },
} as const satisfies FlagTable;

/** What one run is given. */
export interface Run<T extends FlagTable> {
  readonly values: FlagValues<T>;
  readonly program: Program;
  readonly random: Random;
  /** What it opens; closed when it ends, whatever happens. */
  readonly opened: Cleanup;
  readonly progress: Progress;
}

/** @param once makes one run and gives its rows: measure, found, wanted, held */
export function replicationSoak<T extends FlagTable>(definition: {
  readonly summary: string;
  readonly title: string;
  readonly flags: T;
  /** Values in place of the flags' defaults with `--quick`. */
  readonly quick: Partial<Record<keyof T, number>>;
  readonly facts?: (values: FlagValues<T>) => readonly (readonly [string, string])[];
  once(run: Run<T>): Promise<string[][]>;
}): Task {
  const { summary, title } = definition;
  const quick = { kind: "switch", default: false, help: "a short run that shows that it works" } as const;
  const flags = { ...commonFlags, quick, ...definition.flags };
  return defineTask({
    summary,
    flags,
    async run(given, progress): Promise<Report> {
      const values = (given.quick === true ? { ...given, ...definition.quick } : given) as FlagValues<T>;
      const shared = given as FlagValues<typeof commonFlags>;
      const program = ourServer(shared.ours);
      const first = shared.seed === 0 ? freshSeed() : shared.seed;
      progress(`seed ${first}`);
      const runs = await repeat(shared, progress, async (run) => {
        const opened = new Cleanup();
        try {
          return await definition.once({ values, program, random: seededRandom(first + run - 1), opened, progress });
        } finally {
          await opened.run();
        }
      });
      const rows = numbered(runs);
      return {
        title,
        facts: [
          ["server", `${program.name} ${program.version}`],
          ...(definition.facts?.(values) ?? []),
          ["seed", String(first)],
        ],
        table: markdownTable(HEAD, rows),
        notes: [],
        passed: allHeld(rows),
      };
    },
  });
}

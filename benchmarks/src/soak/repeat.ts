// The flags that every soak has, and the loop they ask for.

import type { Progress } from "../task.ts";

export const repeatFlags = {
  runs: { kind: "number", default: 1, min: 1, unit: "N", help: "how often, each with fresh servers and the next seed" },
  minutes: { kind: "number", default: 60, min: 0, unit: "M", help: "start no further run after so long; ends a fuzz" },
} as const;

/**
 * Calls `once` with run 1, 2, … and gathers what it returns.
 *
 * @returns one result per run; at least one, whatever the minutes
 */
export async function repeat<T>(
  values: { readonly runs: number; readonly minutes: number },
  progress: Progress,
  once: (run: number) => Promise<T>,
): Promise<T[]> {
  const end = performance.now() + values.minutes * 60_000;
  const results: T[] = [];
  do {
    if (values.runs > 1) progress(`run ${results.length + 1} of ${values.runs}`);
    results.push(await once(results.length + 1));
  } while (results.length < values.runs && performance.now() < end);
  return results;
}

/** The rows of all runs, each row with its run's number in front where there are several. */
export function numbered(runs: readonly (readonly string[][])[]): string[][] {
  if (runs.length === 1) return runs.flat();
  return runs.flatMap((rows, run) => rows.map(([first = "", ...rest]) => [`${run + 1}: ${first}`, ...rest]));
}

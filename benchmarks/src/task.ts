// What a bench or soak is to the command line: a summary, its flags, and a function that runs it and gives a report.

import { parseFlags, type FlagTable, type FlagValues } from "./flags.ts";

/** A finished run: what stdout gets, and whether everything that must hold held. */
export interface Report {
  readonly title: string;
  /** Lines above the table that say what was measured, in order. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly table: string;
  readonly notes: readonly string[];
  readonly passed: boolean;
}

/** Progress for whoever watches; goes to stderr. */
export type Progress = (line: string) => void;

export interface Task {
  readonly summary: string;
  readonly flags: FlagTable;
  start(argv: readonly string[], progress: Progress): Promise<Report>;
}

/** Ties a table of flags to the function that takes its values. */
export function defineTask<T extends FlagTable>(definition: {
  readonly summary: string;
  readonly flags: T;
  run(values: FlagValues<T>, progress: Progress): Promise<Report>;
}): Task {
  const { summary, flags } = definition;
  return { summary, flags, start: (argv, progress) => definition.run(parseFlags(flags, argv), progress) };
}

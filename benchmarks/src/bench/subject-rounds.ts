// Several subjects in paired rounds, and what their costs come to as multiples of each other.

import { quantile, spread, type Spread } from "../measure/statistics.ts";
import type { SubjectProcess, SubjectSample } from "../subjects/subject-process.ts";
import { withSubjects } from "../subjects/subject-process.ts";
import type { SubjectSpec } from "../subjects/subject.ts";
import { pairedRounds } from "./paired.ts";

export interface Timing {
  readonly rounds: number;
  readonly seconds: number;
  readonly warm: number;
}

/** What the rounds of one row gave, by the place of a subject in the list of specs. */
export class SubjectRounds {
  readonly #samples: readonly (readonly SubjectSample[])[];

  constructor(samples: readonly (readonly SubjectSample[])[]) {
    this.#samples = samples;
  }

  /** Median CPU time per operation, in µs. */
  costUs(subject: number): number {
    return this.#median((round) => round[subject]!.costUs);
  }

  /** Median operations per second. */
  perSecond(subject: number): number {
    return this.#median((round) => round[subject]!.perSecond);
  }

  /** What steps failed of, in all rounds. */
  faults(subject: number): readonly string[] {
    return this.#samples.flatMap((round) => round[subject]!.faults);
  }

  /** Cost of `of` ÷ cost of `to`, taken within each round. */
  multiple(of: number, to: number): Spread {
    return spread(this.#samples.map((round) => round[of]!.costUs / round[to]!.costUs));
  }

  /** Of some subjects, the one that costs least. */
  cheapest(subjects: readonly number[]): number {
    return subjects.reduce((best, subject) => (this.costUs(subject) < this.costUs(best) ? subject : best));
  }

  #median(pick: (round: readonly SubjectSample[]) => number): number {
    return quantile(this.#samples.map(pick), 0.5);
  }
}

/** Starts a fresh process per spec, warms each up, and measures all of them in each round. Neighbours in the list are neighbours in time. */
export function measureSubjects(specs: readonly SubjectSpec[], timing: Timing): Promise<SubjectRounds> {
  return withSubjects(specs, async (subjects) => {
    for (const subject of subjects) await subject.measure(timing.warm);
    const sides = subjects.map((subject: SubjectProcess) => () => subject.measure(timing.seconds));
    return new SubjectRounds(await pairedRounds(sides, timing.rounds));
  });
}

/** `0.25 (0.24–0.27)` */
export function spreadText({ median, low, high }: Spread): string {
  return `${median.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
}

// Turns the cases into tests against one kind of target: one server per set of flags, the cases that wait for time
// side by side.

import { afterAll, beforeAll, describe, test } from "vitest";
import { families, runCase, suits, waits, type Case, type Dialect, type Target } from "../src/index.ts";

export interface CaseTarget {
  readonly dialect: Dialect;
  readonly shared: boolean;
  /** Sets of flags it can be started with; by default all that the cases name. */
  readonly flagSets?: readonly (readonly string[])[];
  open(flags: readonly string[]): Promise<Target>;
}

const allFlagSets: readonly (readonly string[])[] = [
  ...new Map(
    families.flatMap((family) => family.cases).map((one) => [(one.flags ?? []).join(" "), one.flags ?? []]),
  ).values(),
];

/** Declares the tests. Called inside a `describe`. */
export function describeCases(target: CaseTarget): void {
  for (const flags of target.flagSets ?? allFlagSets) {
    const like = { dialect: target.dialect, shared: target.shared, flags };
    const chosen = families
      .map((family) => ({ name: family.name, cases: family.cases.filter((one) => suits(like, family.name, one)) }))
      .filter((family) => family.cases.length > 0);
    describe(flags.length === 0 ? "as it starts" : `started with ${flags.join(" ")}`, () => {
      let running: Target;
      beforeAll(async () => {
        running = await target.open(flags);
      });
      afterAll(() => running.close());

      describe.each(chosen)("$name", ({ name, cases }) => {
        test.each(cases.filter((one) => !waits(one)))("$name", (one: Case) => runCase(running, name, one));
      });
      const waiting = chosen.flatMap(({ name, cases }) => cases.filter(waits).map((one) => ({ family: name, one })));
      describe.runIf(waiting.length > 0)("after a while", () => {
        test.concurrent.each(waiting)("$family: $one.name", ({ family, one }) => runCase(running, family, one));
      });
    });
  }
}

import { describe, expect, test } from "vitest";
import { differences, expectations, families, isLacking, names, REFERENCE, type Step } from "../src/index.ts";

const all = families.flatMap((family) => family.cases.map((one) => ({ family: family.name, one })));

const expected = (step: Step) => ("pauseMs" in step ? undefined : "length" in step ? step[1] : (step.expect ?? ""));

describe("the list of differences", () => {
  test.each(differences.map((one) => [`${one.of}: ${one.reason}`, one] as const))("%s", (_, difference) => {
    for (const pattern of difference.cases) {
      const single = { ...difference, cases: [pattern] };
      const named = all.filter(({ family, one }) => names(single, family, one.name));
      expect(named.length, `"${pattern}" names no case`).toBeGreaterThan(0);
      if (difference.lacks) continue;
      const changed = named.filter(({ family, one }) =>
        one.steps.some((step, index) => {
          const reference = expected(step);
          if (reference === undefined || !names(single, family, one.name, index)) return false;
          return difference.expect === undefined
            ? reference.includes(difference.from ?? "")
            : difference.expect !== reference;
        }),
      );
      expect(changed.length, `"${pattern}" changes no expectation`).toBe(named.length);
    }
  });

  test("says nothing of the version that the cases hold", () => {
    expect(differences.some((one) => one.of === REFERENCE)).toBe(false);
  });

  test("a version nobody recorded may answer as either recorded one", () => {
    const answers = (dialect: "1.6.18" | "1.6.30" | "1.6.45") =>
      expectations(dialect, "malformed", "an empty line", 0, "CLIENT_ERROR bad command line format\n");
    expect(answers("1.6.45")).toEqual(["CLIENT_ERROR bad command line format\n"]);
    expect(answers("1.6.18")).toEqual(["ERROR\n"]);
    expect(answers("1.6.30")).toEqual(["CLIENT_ERROR bad command line format\n", "ERROR\n"]);
  });

  test("what a version lacks is left out for it alone", () => {
    expect(isLacking("1.6.18", "meta-delete", "x keeps the item")).toBe(true);
    expect(isLacking("1.6.45", "meta-delete", "x keeps the item")).toBe(false);
  });
});

describe("the cases", () => {
  test("are four hundred and more", () => {
    expect(all.length).toBeGreaterThanOrEqual(400);
  });

  test("have names of their own", () => {
    const titles = all.map(({ family, one }) => `${family} / ${one.name}`);
    expect(titles.filter((title, index) => titles.indexOf(title) !== index)).toEqual([]);
  });
});

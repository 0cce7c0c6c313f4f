import { describe, expect, test } from "vitest";
import { describeFlags, parseFlags } from "../src/flags.ts";

const table = {
  rounds: { kind: "number", default: 21, min: 1, unit: "N", help: "paired rounds" },
  rows: { kind: "text", default: "", unit: "NAMES", help: "which rows" },
  quick: { kind: "switch", default: false, help: "a short run" },
} as const;

describe("flags", () => {
  test("have their defaults when none is given", () => {
    expect(parseFlags(table, [])).toEqual({ rounds: 21, rows: "", quick: false });
  });

  test.each([
    [["--rounds", "5", "--quick"], { rounds: 5, rows: "", quick: true }],
    [["--rounds=5", "--rows=a,b"], { rounds: 5, rows: "a,b", quick: false }],
    [["--", "--rows", "get-1"], { rounds: 21, rows: "get-1", quick: false }],
    [["--rounds", "2", "--rounds", "3"], { rounds: 3, rows: "", quick: false }],
  ])("%j gives %j", (argv, values) => {
    expect(parseFlags(table, argv)).toEqual(values);
  });

  test.each([
    [["--round", "5"], "unknown flag --round"],
    [["rounds"], "unknown flag rounds"],
    [["--toString"], "unknown flag --toString"],
    [["--rounds"], "--rounds needs a value"],
    [["--rounds", "many"], '--rounds is "many"; give a number of at least 1'],
    [["--rounds", "0"], '--rounds is "0"; give a number of at least 1'],
    [["--rounds="], '--rounds is ""'],
    [["--quick=yes"], "--quick takes no value"],
  ])("%j is refused: %s", (argv, message) => {
    expect(() => parseFlags(table, argv)).toThrow(expect.objectContaining({ code: "invalid_option" }));
    expect(() => parseFlags(table, argv)).toThrow(message);
  });

  test("are described one per line with unit and default", () => {
    expect(describeFlags(table).split("\n")).toEqual([
      "  --rounds N    paired rounds (21)",
      "  --rows NAMES  which rows",
      "  --quick       a short run",
    ]);
  });
});

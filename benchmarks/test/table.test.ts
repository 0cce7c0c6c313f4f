import { expect, test } from "vitest";
import { grouped, markdownTable, mebibytes } from "../src/measure/table.ts";

test("columns line up: the first to the left, the others to the right", () => {
  const table = markdownTable(
    ["load", "ratio"],
    [
      ["get", "0.98"],
      ["multiget", "12.50"],
    ],
  );
  expect(table.split("\n")).toEqual([
    "| load     | ratio |",
    "| -------- | ----: |",
    "| get      |  0.98 |",
    "| multiget | 12.50 |",
  ]);
});

test("a bar in a cell is escaped, a row of another length is a mistake", () => {
  expect(markdownTable(["a"], [["x|y"]])).toContain("| x\\|y |");
  expect(() => markdownTable(["a", "b"], [["only one"]])).toThrow("a row of 1 cells under 2 headings");
});

test.each([
  [0, "0"],
  [999.6, "1 000"],
  [1_234_567, "1 234 567"],
])("%f is written %s", (value, text) => {
  expect(grouped(value)).toBe(text);
});

test("bytes are written in MiB", () => {
  expect(mebibytes(1_572_864)).toBe("1.5");
});

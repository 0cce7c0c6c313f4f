import { expect, test } from "vitest";
import { numbered, repeat } from "../src/soak/repeat.ts";

const quiet = (): void => undefined;

test("a soak runs as often as it is told", async () => {
  const said: string[] = [];
  const found = await repeat(
    { runs: 3, minutes: 1 },
    (line) => said.push(line),
    async (run) => run * 10,
  );
  expect(found).toEqual([10, 20, 30]);
  expect(said).toEqual(["run 1 of 3", "run 2 of 3", "run 3 of 3"]);
});

test("when the minutes are over no further run starts, but one always does", async () => {
  expect(await repeat({ runs: 100, minutes: 0 }, quiet, async (run) => run)).toEqual([1]);
});

test("rows of several runs tell their run", () => {
  expect(numbered([[["a", "1"]]])).toEqual([["a", "1"]]);
  expect(
    numbered([
      [
        ["a", "1"],
        ["b", "2"],
      ],
      [["a", "3"]],
    ]),
  ).toEqual([
    ["1: a", "1"],
    ["1: b", "2"],
    ["2: a", "3"],
  ]);
});

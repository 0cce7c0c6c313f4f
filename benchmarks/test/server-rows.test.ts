import { describe, expect, test } from "vitest";
import { barAgainst, isMet, serverRows } from "../src/bench/server-rows.ts";

const rowNamed = (name: string) => serverRows.find((row) => row.name === name)!;

describe("bars of the server bench", () => {
  test.each([
    ["get-16", "1.6.45", 1.0],
    ["get-16", "1.6.18", 3.0],
    ["get-16", "1.5.22", 3.0],
    ["get-16", "1.7.0", 1.0],
    ["get-10k", "1.6.45", 0.8],
    ["get-10k", "1.6.18", undefined],
  ])("%s against memcached %s asks for %s", (name, version, bar) => {
    expect(barAgainst(rowNamed(name).bar, version)).toBe(bar);
  });

  test.each([
    ["get-64", 1.37, true],
    ["get-64", 1.36, false],
    ["growth", 1.13, true],
    ["growth", 1.14, false],
    ["get-1k", 0.1, undefined],
  ])("%s with %f is met: %s", (name, median, met) => {
    expect(isMet(rowNamed(name), median, "1.6.45")).toBe(met);
  });

  test("names are unique", () => {
    expect(new Set(serverRows.map((row) => row.name)).size).toBe(serverRows.length);
  });
});

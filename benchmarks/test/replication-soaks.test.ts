// The soaks of replication, short: real processes, killed, cut off and swapped. What they find at length is in the README; here it is
// what must hold on any machine, however slow. Times are looked at by nobody.

import { describe, expect, test } from "vitest";
import { runMain } from "./support/run-main.ts";

/** Rows of a soak's table: measure → found and held. */
function rowsOf(stdout: string): ReadonlyMap<string, { readonly found: string; readonly held: string }> {
  const rows = stdout.split("\n").filter((line) => line.startsWith("| "));
  const cells = rows.map((line) => line.split("|").map((cell) => cell.trim()));
  return new Map(cells.slice(2).map(([, measure = "", found = "", , held = ""]) => [measure, { found, held }]));
}

/** Of each soak: its flags, and the rows that must hold. */
const soaks = [
  {
    name: "replication-kills",
    flags: ["--kills", "1", "--windows", "1,20000"],
    mustHold: [
      /^1 in flight: lost of [\d ]+ acknowledged$/,
      /^20000 in flight: lost of [\d ]+ acknowledged$/,
      /^--sync-replicas 1, link cut 200 ms before: lost of [\d ]+$/,
    ],
  },
  {
    name: "replication-both-write",
    flags: ["--keys", "300"],
    mustHold: [/^sets answered STORED$/, /^keys on both$/, /^keys that differ$/, /^the counter on both$/],
  },
  {
    name: "replication-splits",
    flags: ["--splits", "1", "--keys", "50"],
    mustHold: [/^keys that differ$/, /^keys whose newest write did not stand, of \d+$/],
  },
  {
    name: "replication-handovers",
    flags: ["--swaps", "1"],
    mustHold: [/^calls that failed, in 1 swaps$/, /^keys stored that are missing on the (master|slave)$/],
  },
  {
    name: "replication-garbage",
    flags: ["--garbage", "0.02"],
    mustHold: [/^connections that were given data$/, /^processes alive$/, /^takeovers$/],
  },
];

describe("the soaks of replication", () => {
  test.each(soaks)("$name holds", { timeout: 120_000 }, async ({ name, flags, mustHold }) => {
    const { stdout, stderr } = await runMain("soak", name, ...flags, "--seed", "7");
    const rows = [...rowsOf(stdout)];
    for (const measure of mustHold) {
      const found = rows.filter(([each]) => measure.test(each));
      expect(found.length, `${String(measure)}\n${stdout}${stderr}`).toBeGreaterThan(0);
      for (const [each, { held }] of found) expect(held, `${each}\n${stdout}${stderr}`).toBe("yes");
    }
  });
});

test("bench replication prints a row per load, and the copy", { timeout: 120_000 }, async () => {
  const { code, stdout } = await runMain("bench", "replication", "--quick");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^\| set, 50 connections, depth 1 +\|.*× \d/m);
  expect(stdout).toMatch(/^\| set, 50 connections, depth 16 +\|.*× \d/m);
  expect(stdout).toMatch(/^\| full copy of 2 000 items .*CPU of both \d/m);
});

// The command line as `npm run bench` and `npm run soak` call it, in a process of its own.

import { describe, expect, test } from "vitest";
import { useOracle } from "@marugoto/testing";
import { runMain } from "./support/run-main.ts";

describe("the command line", () => {
  test.each([
    [["bench", "sever"], 'unknown bench "sever"; there are: server, memory'],
    [["soak", "constructor"], 'unknown soak "constructor"; there are: '],
    [["bench", "server", "--round", "3"], "bench server: unknown flag --round"],
    [["bench", "server", "--rows", "get-2", "--ours", "true", "--peer", "true"], 'bench server: no row "get-2"'],
    [["bench", "client", "--rows", "get-2"], 'bench client: no row "get-2"; there are: get-64, '],
    [["bench", "hashing", "--rows", "x"], 'bench hashing: no row "x"; there are: lookup-3, '],
    [["bench", "memory", "--parts", "all,rss"], 'bench memory: no part "all"'],
    [["brew"], "say what to run: bench or soak"],
  ])("%j ends with 2 and one line: %s", async (argv, line) => {
    const { code, stdout, stderr } = await runMain(...argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(line);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });

  test("a server that cannot be run ends with 1 and its name", async () => {
    const { code, stderr } = await runMain("bench", "server", "--ours", "no-such-server", "--peer", "true");
    expect({ code, stderr }).toEqual({ code: 1, stderr: "bench server: cannot run no-such-server -V\n" });
  });

  test.each([["bench"], ["soak"]])("%s --help lists the names", async (family) => {
    const { code, stdout } = await runMain(family, "--help");
    expect(code).toBe(0);
    expect(stdout).toContain(`npm run ${family} -- NAME`);
  });

  test("bench server --help lists flags and rows", async () => {
    const { code, stdout } = await runMain("bench", "server", "--help");
    expect(code).toBe(0);
    expect(stdout).toMatch(/--rounds N +paired rounds per row \(21\)/);
    expect(stdout).toContain("multiget-100");
  });
});

test("bench hashing measures placements beside ring libraries", async () => {
  const { code, stdout } = await runMain("bench", "hashing", "--quick", "--rows", "lookup-3,build-10");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^\| lookup, 3 servers +\|( +\d\S* \|){7}/m);
  expect(stdout).toMatch(/^\| ring of 10 servers +\|( +\d\S* \|){2}( +\|){2}/m);
});

describe("the soaks of the client", () => {
  test("client-chaos holds", async () => {
    const { code, stdout } = await runMain("soak", "client-chaos", "--quick");
    expect(stdout).not.toMatch(/\| +no \|/);
    expect(stdout).toMatch(/meta: calls that ended +\| +3 000 \|/);
    expect(code).toBe(0);
  });

  test("client-keys holds", async () => {
    const { code, stdout } = await runMain("soak", "client-keys", "--quick", "--seed", "7");
    expect(stdout.match(/\| +1 000 \|.*\| +0 \|$/gm)).toHaveLength(5);
    expect(code).toBe(0);
  });
});

test("soak proxy-chaos finds nothing wrong", async () => {
  const { code, stdout } = await runMain("soak", "proxy-chaos", "--quick");
  expect(stdout).toContain("gutter: wrong");
  expect(code).toBe(0);
}, 120_000);

const memcached = useOracle("memcached", "benches and soaks, memcached beside memcached");

describe.skipIf(memcached.isMissing)(memcached.title, () => {
  test("bench server prints a row per load, with ratio and noise", async () => {
    const rows = "get-1,set-16,multiget-100,mg-16,growth";
    const { code, stdout } = await runMain("bench", "server", "--quick", "--rows", rows, "--ours", memcached.path);
    expect(code).toBe(0);
    const cells = stdout
      .split("\n")
      .filter((line) => line.startsWith("|"))
      .slice(2)
      .map((line) => line.split("|"));
    expect(cells.map((row) => row[1]!.trim())).toHaveLength(5);
    // Both sides are the same program: the ratio is near 1 even in a run this short.
    for (const row of cells.slice(0, 4)) expect(Number(row[2])).toBeGreaterThan(0.3);
    for (const row of cells.slice(0, 4)) expect(Number(row[2])).toBeLessThan(3);
    for (const fact of ["machine", "node", "commit", "date", "command", "peer", "method"])
      expect(stdout).toContain(`- ${fact}: `);
  });

  test("bench client compares ours with the floor and the other clients", async () => {
    const { code, stdout, stderr } = await runMain("bench", "client", "--quick", "--rows", "set-64,door-1");
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^64 sets at once, 32 B: [\d.]+ of /) });
    expect(stdout).toMatch(/^\| 64 sets at once, 32 B .*\| ≤ 2\.00 \| .*\| ≤ 0\.25 \|/m);
    expect(stdout).toMatch(/^\| lower door: one get at a time, 32 B .*\| ≤ 1\.15 \|/m);
    expect(stdout).toMatch(/^\| µs of CPU per call +\| floor \| +ours \| +memjs \|/m);
  });

  test("bench memory finds memcached equal to itself", async () => {
    const { code, stdout } = await runMain(
      "bench",
      "memory",
      "--quick",
      "--ours",
      memcached.path,
      "--peer",
      memcached.path,
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/items held, 32 B values +\|.*× 1\.00/);
    expect(stdout).toMatch(/hit ratio, 20 % one-time keys +\|.*[+−]0\.\d\d points/);
  });

  test("soak slow-readers holds for memcached", async () => {
    const { code, stdout } = await runMain("soak", "slow-readers", "--quick", "--server", memcached.path);
    expect(stdout).toMatch(/RSS, MiB .*\| +yes \|/);
    expect(stdout).toMatch(/p50 of 50 others/);
    expect([0, 1]).toContain(code);
  });

  test("soak idle-connections sees that memcached keeps a client within a value, and fails", async () => {
    const { code, stdout } = await runMain("soak", "idle-connections", "--quick", "--server", memcached.path);
    expect(code).toBe(1);
    expect(stdout).toMatch(/dropped: silent from the start +\| +20 of 20 .*yes \|/);
    expect(stdout).toMatch(/dropped: silent within a value +\| +0 of 20 .*no \|/);
    expect(stdout).toMatch(/one above -c is answered .*yes \|/);
  });
});

const both = useOracle("memcached", "benches and soaks, our server beside memcached");

// Needs apps/server/dist/main.js; when it is missing or older than its sources, stderr says what to run.
describe.skipIf(both.isMissing)(both.title, () => {
  test("bench server measures our server", async () => {
    const { code, stdout, stderr } = await runMain("bench", "server", "--quick", "--rows", "get-1,set-16");
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^get 32 B, depth 1: [\d.]+ /) });
    expect(stdout).toContain("- ours: marugoto ");
    expect(stdout).toMatch(/get 32 B, depth 1 +\| +\d+\.\d\d \|/);
  });

  test("bench memory measures our server", async () => {
    const { code, stdout, stderr } = await runMain("bench", "memory", "--quick");
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^32 B values: ours \d+/) });
    expect(stdout).toMatch(/items held, 1000 B values +\| +\d/);
  });

  test("soak slow-readers measures our server", async () => {
    const { code, stdout, stderr } = await runMain("soak", "slow-readers", "--quick");
    expect(stderr).toMatch(/^before: RSS/);
    expect(stdout).toMatch(/RSS, MiB .*\| +yes \|/);
    expect([0, 1]).toContain(code);
  });

  test("soak fuzz-diff reports its seed, its requests and what it found", async () => {
    const { code, stdout, stderr } = await runMain("soak", "fuzz-diff", "--lines", "500", "--seed", "7");
    expect(stderr).toMatch(/^seed 7\n/);
    expect(stdout).toMatch(/\| 7 +\| +\d/);
    expect(code).toBe(stdout.includes(" none |") ? 0 : 1);
  });

  test("soak idle-connections holds", async () => {
    const { code, stdout, stderr } = await runMain("soak", "idle-connections", "--quick");
    expect(stderr).toMatch(/^resident bytes/);
    expect(stdout).not.toMatch(/\| +no \|/);
    expect(code).toBe(0);
  });
});

import { spawn } from "node:child_process";
import { describe, expect, test } from "vitest";
import {
  cpuSeconds,
  parseRssBytes,
  parseSchedstatNs,
  parseStatTicks,
  rssBytes,
  tickSeconds,
} from "../src/measure/process-usage.ts";

describe("texts of /proc", () => {
  test.each([
    ["42 (memcached) S 1 42 42 0 -1 4194560 100 0 0 0 1234 5678 9 9 20 0 4 0", 6912],
    ["42 (a (b) c) d) R 1 42 42 0 -1 4194560 100 0 0 0 7 5 9 9 20 0 4 0", 12],
  ])("%s holds %i ticks", (stat, ticks) => {
    expect(parseStatTicks(stat)).toBe(ticks);
  });

  test("schedstat begins with nanoseconds on a CPU", () => {
    expect(parseSchedstatNs("295250123 42 2\n")).toBe(295_250_123);
  });

  test("VmRSS is in KiB", () => {
    expect(parseRssBytes("Name:\tnode\nVmHWM:\t  9000 kB\nVmRSS:\t  2048 kB\nThreads:\t4\n")).toBe(2 ** 21);
  });

  test("a process that has ended has no VmRSS", () => {
    expect(() => parseRssBytes("Name:\tnode\nState:\tZ (zombie)\n")).toThrow("no VmRSS");
  });
});

describe.skipIf(process.platform !== "linux")("a process of this system", () => {
  test("has used about what it says itself, on both clocks", () => {
    const start = performance.now();
    let x = 0;
    while (performance.now() - start < 150) x += Math.sqrt(x + 1);
    const usage = process.cpuUsage();
    const own = (usage.user + usage.system) / 1e6;
    // Threads of this process go on working between the readings.
    expect(cpuSeconds(process.pid)).toBeGreaterThan(own * 0.7);
    expect(Math.abs(tickSeconds(process.pid) - own)).toBeLessThan(0.1 + own * 0.2);
    expect(x).toBeGreaterThan(0);
  });

  test("counts the CPU time and memory of its children", async () => {
    // Much longer than the startup threads live: what they used counts in ticks, but no more in schedstat once they have ended.
    const busy = "const end = performance.now() + 1000; while (performance.now() < end); setInterval(() => {}, 1000)";
    const nest = `require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(busy)}]); setInterval(() => {}, 1000)`;
    const parent = spawn(process.execPath, ["-e", nest], { detached: true, stdio: "ignore" });
    const pid = parent.pid!;
    try {
      await expect.poll(() => cpuSeconds(pid) - tickSeconds(pid), { timeout: 10_000 }).toBeGreaterThan(0.15);
      expect(rssBytes(pid)).toBeGreaterThan(40 * 2 ** 20);
    } finally {
      process.kill(-pid, "SIGKILL");
    }
  });

  test("that has ended is named", () => {
    expect(() => cpuSeconds(2 ** 22 + 1)).toThrow(`process ${2 ** 22 + 1}`);
    expect(() => rssBytes(2 ** 22 + 1)).toThrow(`process ${2 ** 22 + 1}`);
  });
});

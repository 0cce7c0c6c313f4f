// The README's examples run as they stand.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const folder = fileURLToPath(new URL("..", import.meta.url));
const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const examples = Array.from(readme.matchAll(/^```ts\n(.*?)^```$/gms), (match) => match[1] ?? "");

describe("README.md", () => {
  test("has examples and at most 100 lines", () => {
    expect(examples.length).toBeGreaterThan(0);
    expect(readme.trimEnd().split("\n").length).toBeLessThanOrEqual(100);
  });

  test.each(examples.map((code, i) => [i + 1, code] as const))("example %i runs", (_, code) => {
    expect(code).toContain("assert.");
    const { status, stderr } = spawnSync(
      process.execPath,
      ["--conditions=source", "--input-type=module-typescript", "-"],
      { cwd: folder, input: code, encoding: "utf8", timeout: 20_000 },
    );
    expect(stderr).toBe("");
    expect(status).toBe(0);
  });
});

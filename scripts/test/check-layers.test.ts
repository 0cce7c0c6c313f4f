import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkLayers } from "../check-layers.mjs";

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "layers-"));
});
afterEach(() => {
  rmSync(base, { recursive: true });
});

/** Writes a small workspace: path → text, or a manifest. */
function workspace(files: Record<string, string | object>): string[] {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(base, path)), { recursive: true });
    writeFileSync(join(base, path), typeof content === "string" ? content : JSON.stringify(content));
  }
  return checkLayers(base);
}

const core = { "packages/core/package.json": { name: "@marugoto/core" }, "packages/core/src/index.ts": "export {};" };
const server = { "packages/server/package.json": { name: "@marugoto/server" } };

test("this repository keeps the rule", () => {
  expect(checkLayers()).toEqual([]);
});

test("a package that uses what it declares and may use is fine", () => {
  const problems = workspace({
    ...core,
    "packages/protocol/package.json": { name: "@marugoto/protocol", dependencies: { "@marugoto/core": "workspace:^" } },
    "packages/protocol/src/index.ts": 'import { CacheError } from "@marugoto/core";\nexport * from "./text.ts";',
  });
  expect(problems).toEqual([]);
});

describe("a breach is one sentence that names the place and points to docs/architecture.md", () => {
  test.each([
    [
      "a dependency upwards",
      { "packages/core/package.json": { name: "@marugoto/core", dependencies: { "@marugoto/server": "workspace:^" } } },
      "packages/core may not have @marugoto/server in dependencies; see docs/architecture.md",
    ],
    [
      "a devDependency upwards",
      {
        "packages/core/package.json": {
          name: "@marugoto/core",
          devDependencies: { "@marugoto/server": "workspace:^" },
        },
      },
      "packages/core may not have @marugoto/server in devDependencies; see docs/architecture.md",
    ],
    [
      "test helpers at run time",
      {
        "packages/core/package.json": { name: "@marugoto/core", dependencies: { "@marugoto/testing": "workspace:^" } },
      },
      "packages/core may not have @marugoto/testing in dependencies; see docs/architecture.md",
    ],
    [
      "a relative path into another package",
      { ...core, ...server, "packages/core/src/a.ts": '\nimport { x } from "../../server/src/x.ts";' },
      "packages/core/src/a.ts:2 reaches into packages/server by a path; import @marugoto/server; see docs/architecture.md",
    ],
    [
      "a dynamic import of a higher layer",
      { ...core, "packages/core/src/a.ts": 'const s = await import("@marugoto/server");' },
      "packages/core/src/a.ts:1: packages/core may not use @marugoto/server; see docs/architecture.md",
    ],
    [
      "a side-effect import of a higher layer",
      { ...core, "packages/core/src/a.ts": 'import "@marugoto/server";' },
      "packages/core/src/a.ts:1: packages/core may not use @marugoto/server; see docs/architecture.md",
    ],
    [
      "a path behind a sibling's door",
      {
        ...core,
        "packages/storage/package.json": {
          name: "@marugoto/storage",
          dependencies: { "@marugoto/core": "workspace:^" },
        },
        "packages/storage/src/a.ts": 'import { x } from "@marugoto/core/src/keys.ts";',
      },
      'packages/storage/src/a.ts:1 goes past the door of @marugoto/core: import "@marugoto/core"; see docs/architecture.md',
    ],
    [
      "the door for long runs, from a package that is not one of those that make them",
      {
        ...core,
        "packages/storage/package.json": {
          name: "@marugoto/storage",
          dependencies: { "@marugoto/core": "workspace:^" },
        },
        "packages/storage/src/a.ts": 'import { x } from "@marugoto/core/testing";',
      },
      'packages/storage/src/a.ts:1 goes past the door of @marugoto/core: import "@marugoto/core"; see docs/architecture.md',
    ],
    [
      "an allowed package that is not declared",
      {
        ...core,
        "packages/storage/package.json": { name: "@marugoto/storage" },
        "packages/storage/src/a.ts": 'import { x } from "@marugoto/core";',
      },
      "packages/storage/src/a.ts:1 uses @marugoto/core, which packages/storage/package.json does not name; see docs/architecture.md",
    ],
    [
      "a package without a row",
      { "packages/mystery/package.json": { name: "@marugoto/mystery" } },
      "packages/mystery: @marugoto/mystery has no row in MAY_USE of scripts/check-layers.mjs; see docs/architecture.md",
    ],
  ])("%s", (_name, files: Record<string, string | object>, sentence) => {
    expect(workspace(files)).toEqual([sentence]);
  });
});

test("the benchmarks may run a package's tests at length", () => {
  const problems = workspace({
    ...core,
    "benchmarks/package.json": {
      name: "@marugoto-private/benchmarks",
      dependencies: { "@marugoto/core": "workspace:^" },
    },
    "benchmarks/src/a.ts": 'import { x } from "@marugoto/core/testing";',
  });
  expect(problems).toEqual([]);
});

test("tests may use the helpers, sources may not", () => {
  const problems = workspace({
    "packages/core/package.json": { name: "@marugoto/core", devDependencies: { "@marugoto/testing": "workspace:^" } },
    "packages/testing/package.json": { name: "@marugoto/testing" },
    "packages/core/test/a.test.ts": 'import { eventually } from "@marugoto/testing";',
    "packages/core/src/a.ts": 'import { eventually } from "@marugoto/testing";',
  });
  expect(problems).toEqual([
    "packages/core/src/a.ts:1: packages/core may not use @marugoto/testing; see docs/architecture.md",
  ]);
});

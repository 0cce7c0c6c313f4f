import { expect, test } from "vitest";
import { workspaceWords } from "../lib/pack.mjs";
import { publicPackages } from "../lib/workspace.mjs";

test("a manifest as it is published has no word of the workspace", () => {
  const manifest = {
    exports: { ".": { types: "./dist/index.d.ts", default: "./dist/index.js" } },
    dependencies: { "@marugoto/core": "^0.1.0" },
  };
  expect(workspaceWords(manifest)).toEqual([]);
});

test("a source condition and a workspace range are named by their place", () => {
  const manifest = {
    exports: { ".": { source: "./src/index.ts", default: "./dist/index.js" } },
    dependencies: { "@marugoto/core": "workspace:^" },
  };
  expect(workspaceWords(manifest)).toEqual([
    "exports...source is still there",
    'dependencies.@marugoto/core is "workspace:^"',
  ]);
});

test("packages are published after those they depend on", () => {
  const names = (publicPackages() as { manifest: { name: string } }[]).map(({ manifest }) => manifest.name);
  expect(names.indexOf("@marugoto/core")).toBeLessThan(names.indexOf("@marugoto/protocol"));
  expect(names.indexOf("@marugoto/protocol")).toBeLessThan(names.indexOf("@marugoto/server"));
  expect(names.every((name) => !name.includes("private") && name !== "@marugoto/testing")).toBe(true);
});

// Every TypeScript example of the READMEs and of docs/ is compiled and run; what it says it prints (`// → text`) must be printed.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { blocksOf, documents, expectedOutput, root } from "../src/markdown.ts";

const blocks = documents()
  .flatMap(blocksOf)
  .filter(({ language }) => language === "ts");

// A folder outside the repository that sees the packages as a program that installed them would.
let folder: string;
const fileOf = (index: number) => join(folder, `example-${index}.ts`);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "readme-"));
  symlinkSync(join(root, "examples/node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  // Strict as most programs are, not as this repository is.
  const compilerOptions = { typeRoots: [join(root, "node_modules/@types")], exactOptionalPropertyTypes: false };
  const options = { extends: join(root, "tsconfig.base.json"), compilerOptions, include: ["*.ts"] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(options));
  for (const [index, block] of blocks.entries()) writeFileSync(fileOf(index), `${block.text}export {};\n`);
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

test("there are examples", () => {
  expect(blocks.length).toBeGreaterThanOrEqual(3);
});

test("all of them compile", () => {
  const tsc = join(root, "node_modules/.bin/tsc");
  expect(spawnSync(tsc, ["-p", folder], { encoding: "utf8" }).stdout).toBe("");
});

test.each(blocks.map((block, index) => ({ name: `${block.file}:${block.line}`, block, index })))(
  "$name runs",
  ({ block, index }) => {
    const args = ["--conditions=source", fileOf(index)];
    const output = execFileSync(process.execPath, args, { encoding: "utf8", timeout: 20_000 });
    const expected = expectedOutput(block);
    if (expected !== undefined) expect(output.trimEnd().split("\n")).toEqual(expected);
  },
);

// `changeset version` on a copy of the tree: one version line, changelogs written, nothing left to do.

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { publicPackages, root } from "../lib/workspace.mjs";

let copy: string;
beforeEach(() => {
  copy = mkdtempSync(join(tmpdir(), "changeset-"));
});
afterEach(() => {
  rmSync(copy, { recursive: true });
});

const inCopy = (command: string, ...args: string[]) =>
  execFileSync(command, args, { cwd: copy, encoding: "utf8", stdio: "pipe", timeout: 60_000 });

/** What git tracks or would track, without what is installed or built. */
function copyTree(): void {
  const list = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root });
  for (const file of list
    .toString()
    .split("\0")
    .filter((name) => name !== "" && existsSync(join(root, name)))) {
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    cpSync(join(root, file), join(copy, file));
  }
  // Only what writes the changelogs: a tool that installs something must not reach this tree through a link.
  mkdirSync(join(copy, "node_modules"));
  symlinkSync(join(root, "node_modules/@changesets"), join(copy, "node_modules/@changesets"));
  inCopy("git", "init", "-q", "-b", "main");
  inCopy("git", "add", "-A");
  inCopy("git", "-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "-qm", "copy");
}

interface Entry {
  folder: string;
  manifest: { name: string; version: string; dependencies?: Record<string, string> };
}

test("a minor change of one package moves all of them to the same version", () => {
  copyTree();
  const before = (publicPackages(copy) as Entry[]).map(({ manifest }) => manifest.version);
  expect(new Set(before).size).toBe(1);
  const [major, minor] = (before[0] ?? "").split(".").map(Number);
  writeFileSync(join(copy, ".changeset/a-test.md"), '---\n"@marugoto/core": minor\n---\n\nA test of the release.\n');

  inCopy(join(root, "node_modules/.bin/changeset"), "version");

  const after = publicPackages(copy) as Entry[];
  const wanted = `${major}.${(minor ?? 0) + 1}.0`;
  for (const { manifest } of after) expect(`${manifest.name}@${manifest.version}`).toBe(`${manifest.name}@${wanted}`);
  for (const { manifest } of after) {
    for (const [name, range] of Object.entries(manifest.dependencies ?? {})) {
      if (name.startsWith("@marugoto/")) expect(`${name} ${range}`).toBe(`${name} workspace:^`);
    }
  }
  expect(readFileSync(join(copy, "packages/core/CHANGELOG.md"), "utf8")).toContain("A test of the release.");
  expect(existsSync(join(copy, ".changeset/a-test.md"))).toBe(false);
});

// Where and with what a table was measured: every figure is quoted with these.

import { execFileSync } from "node:child_process";
import { cpus, release, totalmem } from "node:os";
import { repositoryRoot } from "@marugoto/testing";
import { pinnedNode } from "./programs.ts";

/** Machine, system, Node, commit and date, as name and value. */
export function environmentFacts(now = new Date()): (readonly [name: string, value: string])[] {
  const processors = cpus();
  const memory = `${(totalmem() / 2 ** 30).toFixed(0)} GiB`;
  return [
    [
      "machine",
      `${processors[0]?.model.trim() ?? "unknown"} × ${processors.length}, ${memory}, ${process.platform} ${release()}`,
    ],
    ["node", execFileSync(pinnedNode(), ["--version"], { encoding: "utf8" }).trim()],
    ["commit", commit()],
    ["date", `${now.toISOString().slice(0, 16).replace("T", " ")} UTC`],
  ];
}

/** The short commit, with `+` when tracked files differ from it; `unknown` outside a git checkout. */
function commit(): string {
  const git = (...args: string[]): string =>
    execFileSync("git", args, { cwd: repositoryRoot, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    const changed = git("status", "--porcelain", "--untracked-files=no") !== "";
    return git("rev-parse", "--short", "HEAD") + (changed ? "+" : "");
  } catch {
    return "unknown";
  }
}

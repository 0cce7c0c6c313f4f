// What tests skipped because a program isn't installed. Tests append one JSON object per line to the file named by
// MARUGOTO_SKIPS_FILE (packages/testing does it); this reads and words them.

import { existsSync, readFileSync } from "node:fs";

/**
 * @param file the path in MARUGOTO_SKIPS_FILE
 * @returns one entry per skip: `needs`, the program; `install`, Debian packages that bring it; `test`, what was skipped
 */
export function readSkips(file) {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

/** The lines that `npm test` ends with: what is missing, how much was skipped for it, and how to install all of it. */
export function reportSkips(skips) {
  if (skips.length === 0) return [];
  const programs = new Map();
  const packages = new Set();
  for (const { needs, install = [] } of skips) {
    programs.set(needs, (programs.get(needs) ?? 0) + 1);
    for (const name of install) packages.add(name);
  }
  const lines = ["", "Skipped for want of a program:"];
  for (const [needs, count] of [...programs].sort())
    lines.push(`  ${needs}: ${count} ${count === 1 ? "skip" : "skips"}`);
  if (packages.size > 0) lines.push(`To run them too: apt-get install -y ${[...packages].sort().join(" ")}`);
  return lines;
}

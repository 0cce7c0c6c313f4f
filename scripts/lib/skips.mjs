// What tests skipped because a program isn't installed. The tests' helper `useOracle` appends one JSON object per skip to
// the file named by MARUGOTO_SKIPS_FILE; this reads and words them without needing anything built.

import { existsSync, readFileSync } from "node:fs";

/**
 * @param file the path in MARUGOTO_SKIPS_FILE
 * @returns each skip once: `oracle`, the program; `what` was not checked; `packages`, which bring it on Debian
 */
export function readSkips(file) {
  if (!existsSync(file)) return [];
  const rows = new Set(readFileSync(file, "utf8").split("\n"));
  rows.delete("");
  return [...rows].map((row) => JSON.parse(row));
}

/** The lines that `npm test` ends with: what was skipped, and the one command that enables all of it. */
export function describeSkips(skips) {
  if (skips.length === 0) return [];
  const packages = new Set(skips.flatMap((skip) => skip.packages));
  return [
    "",
    "Skipped for want of a program:",
    ...skips.map(({ oracle, what }) => `  ${oracle}: ${what}`),
    // A program of the wrong version has nothing to install.
    ...(packages.size > 0 ? [`To run them too: apt-get install -y ${[...packages].sort().join(" ")}`] : []),
  ];
}

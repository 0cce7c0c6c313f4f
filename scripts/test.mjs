// `npm test`: installs, builds, then one vitest over every project. Arguments are passed on to vitest. Results are never
// cached. The end lists what was skipped for want of a program, and the one line that installs it.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build, install } from "./lib/install.mjs";
import { run } from "./lib/process.mjs";
import { readSkips, describeSkips } from "./lib/skips.mjs";
import { root } from "./lib/workspace.mjs";

const env = await install();
await build(env);

const folder = mkdtempSync(join(tmpdir(), "marugoto-test-"));
const results = join(folder, "results.json");
const skips = join(folder, "skips.jsonl");
const { code } = await run(
  "vitest",
  ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${results}`, ...process.argv.slice(2)],
  { cwd: root, env: { ...env, MARUGOTO_SKIPS_FILE: skips }, attached: true },
);

for (const line of describeSkips(readSkips(skips))) console.log(line);
let report;
try {
  report = JSON.parse(readFileSync(results, "utf8"));
} catch (error) {
  console.error(`vitest ended with code ${code} and left no results: ${error.message}`);
}
rmSync(folder, { recursive: true });
if (report === undefined) process.exit(code || 1);

// A file that could not be loaded has no tests to count; it counts as one.
const broken = report.testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0);
const failed = report.numFailedTests + broken.length;
const skipped = report.numPendingTests + report.numTodoTests;
if (failed === 0 && code !== 0) console.error(`vitest ended with code ${code}, though no test failed: see above`);
console.log(`${report.numPassedTests} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed > 0 ? 1 : code);

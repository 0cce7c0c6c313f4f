// The cases from the command line: `node --conditions=source packages/conformance/src/main.ts [ADDRESS] [FAMILY…]`.
// ADDRESS is host:port of a running server, `memcached` (the installed one) or `marugoto` (ours, the default).

import { families } from "./cases/index.ts";
import { runCases, type CaseResult } from "./runner.ts";
import { marugotoTarget, memcachedTarget, runningTarget, type Target } from "./target.ts";

const [address = "marugoto", ...names] = process.argv.slice(2);

function open(flags: readonly string[]): Promise<Target> {
  if (address === "memcached") return memcachedTarget(flags);
  if (address === "marugoto") return marugotoTarget(flags);
  return runningTarget(address);
}

const chosen = names.length === 0 ? families : families.filter((family) => names.includes(family.name));
const own = address === "memcached" || address === "marugoto";
const flagSets = new Set([
  "",
  ...(own ? chosen.flatMap((family) => family.cases.map((one) => (one.flags ?? []).join(" "))) : []),
]);
const results: CaseResult[] = [];
for (const flags of flagSets) {
  const target = await open(flags === "" ? [] : flags.split(" "));
  if (flags === "") console.log(`cases against ${target.name}`);
  try {
    results.push(...(await runCases(target, chosen)));
  } finally {
    await target.close();
  }
}
const failures = results.flatMap((result) => result.failure ?? []);
for (const failure of failures) console.log(`\n${failure.message}`);
console.log(`\n${results.length - failures.length} of ${results.length} cases pass`);
if (failures.length > 0) process.exitCode = 1;

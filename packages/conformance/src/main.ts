// The command line of this package, for work on a server:
//   main.ts cases [marugoto|proxy|memcached|HOST:PORT] [FAMILY…]       the cases, one summary
//   main.ts fuzz [--lines N] [--seed S] [--left X] [--right X]   the differential fuzz; X = marugoto, memcached or a path
//   main.ts fuzz-server [--seconds N] [--seed S]                 random bytes against our server
// Run it as `node --conditions=source packages/conformance/src/main.ts …`.

import { parseArgs } from "node:util";
import { families } from "./cases/index.ts";
import { fuzzDifferential, PEER_FLAGS } from "./fuzz/differential.ts";
import { fuzzServer } from "./fuzz/server.ts";
import { runCases, type CaseResult } from "./runner.ts";
import { marugotoTarget, memcachedTarget, proxyTarget, runningTarget, type Target } from "./target.ts";

/** Runs the cases; true when all pass. */
async function cases(address = "marugoto", ...names: string[]): Promise<boolean> {
  const open = (flags: readonly string[]) => {
    if (address === "memcached") return memcachedTarget(flags);
    if (address === "proxy") return proxyTarget();
    return address === "marugoto" ? marugotoTarget(flags) : runningTarget(address);
  };
  const chosen = names.length === 0 ? families : families.filter((family) => names.includes(family.name));
  const ours = address === "memcached" || address === "marugoto";
  const named = ours ? chosen.flatMap((family) => family.cases.map((one) => (one.flags ?? []).join(" "))) : [];
  const results: CaseResult[] = [];
  for (const flags of new Set(["", ...named])) {
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
  return failures.length === 0;
}

/** Fuzzes two servers side by side; true when they never differ. */
async function fuzz(...args: string[]): Promise<boolean> {
  const { values } = parseArgs({
    args,
    options: {
      lines: { type: "string", default: "10000" },
      seed: { type: "string" },
      left: { type: "string", default: "marugoto" },
      right: { type: "string", default: "memcached" },
    },
  });
  const open = (name: string): Promise<Target> =>
    name === "marugoto" ? marugotoTarget() : memcachedTarget(PEER_FLAGS, name === "memcached" ? undefined : name);
  const left = await open(values.left);
  const right = await open(values.right);
  try {
    const started = performance.now();
    const result = await fuzzDifferential(left, right, { lines: Number(values.lines), ...seedOf(values) });
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`${left.name} and ${right.name}: ${result.lines} lines in ${seconds} s, seed ${result.seed}`);
    for (const [name, times] of result.explained) console.log(`  ${times} × ${name}`);
    if (result.mismatch !== undefined) console.log(result.mismatch);
    return result.mismatch === undefined;
  } finally {
    await left.close();
    await right.close();
  }
}

/** Throws random bytes at our server; true when it lives. */
async function attack(...args: string[]): Promise<boolean> {
  const options = { seconds: { type: "string", default: "60" }, seed: { type: "string" } } as const;
  const { values } = parseArgs({ args, options });
  const target = await marugotoTarget();
  try {
    const result = await fuzzServer(target, { forMs: Number(values.seconds) * 1000, ...seedOf(values) });
    console.log(JSON.stringify(result, undefined, 2));
    return true;
  } finally {
    await target.close();
  }
}

function seedOf(values: { seed?: string | undefined }): { seed?: number } {
  return values.seed === undefined ? {} : { seed: Number(values.seed) };
}

async function main([command = "", ...args]: string[]): Promise<boolean> {
  if (command === "cases") return cases(...args);
  if (command === "fuzz") return fuzz(...args);
  if (command === "fuzz-server") return attack(...args);
  console.error(`say cases, fuzz or fuzz-server, not "${command}"`);
  return false;
}

void main(process.argv.slice(2)).then(
  (good) => (process.exitCode = good ? 0 : 1),
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);

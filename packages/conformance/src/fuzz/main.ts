// The differential fuzz from the command line:
// `node --conditions=source packages/conformance/src/fuzz/main.ts [--lines N] [--seed S] [--left NAME] [--right NAME]`
// where NAME is `marugoto`, `memcached` or the path of a memcached binary.

import { parseArgs } from "node:util";
import { marugotoTarget, memcachedTarget, type Target } from "../target.ts";
import { fuzzDifferential, PEER_FLAGS } from "./differential.ts";

const { values } = parseArgs({
  options: {
    lines: { type: "string", default: "10000" },
    seed: { type: "string" },
    left: { type: "string", default: "marugoto" },
    right: { type: "string", default: "memcached" },
  },
});

function open(name: string): Promise<Target> {
  if (name === "marugoto") return marugotoTarget();
  return memcachedTarget(PEER_FLAGS, name === "memcached" ? undefined : name);
}

const left = await open(values.left);
const right = await open(values.right);
try {
  const started = performance.now();
  const result = await fuzzDifferential(left, right, {
    lines: Number(values.lines),
    ...(values.seed === undefined ? {} : { seed: Number(values.seed) }),
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${left.name} and ${right.name}: ${result.lines} lines in ${seconds} s, seed ${result.seed}`);
  for (const [name, times] of result.explained) console.log(`  ${times} × ${name}`);
  if (result.mismatch !== undefined) {
    console.log(result.mismatch);
    process.exitCode = 1;
  }
} finally {
  await left.close();
  await right.close();
}

// Runs place.php, which asks PHP's own extensions.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("./place.php", import.meta.url));

/** One list of answers for each case; see place.php for both. */
export function askPhp(php: string, cases: readonly object[]): unknown[][] {
  const { stdout, stderr, status, error } = spawnSync(php, ["-d", "ffi.enable=1", script], {
    input: JSON.stringify(cases),
    encoding: "utf8",
    timeout: 60_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`php ended with ${String(status)}: ${stderr || stdout}`);
  return JSON.parse(stdout) as unknown[][];
}

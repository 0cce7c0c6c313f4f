// Runs place.php, which asks PHP's own extensions.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("./place.php", import.meta.url));

export const installPhp = "apt-get install php-cli php-memcache php-memcached";

/** The extensions that are missing; all of them without PHP. */
export function missingExtensions(...names: string[]): string[] {
  const { stdout, error } = spawnSync("php", ["-m"], { encoding: "utf8", timeout: 10_000 });
  const present = error ? [] : stdout.toLowerCase().split(/\s+/);
  return names.filter((name) => !present.includes(name.toLowerCase()));
}

/** One list of answers for each case; see place.php for both. */
export function askPhp(cases: readonly object[]): unknown[][] {
  const { stdout, stderr, status, error } = spawnSync("php", ["-d", "ffi.enable=1", script], {
    input: JSON.stringify(cases),
    encoding: "utf8",
    timeout: 60_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`php ended with ${String(status)}: ${stderr || stdout}`);
  return JSON.parse(stdout) as unknown[][];
}

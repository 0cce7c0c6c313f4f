// The command line as `npm run bench` and `npm run soak` call it, in a process of its own.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { pinnedNode } from "../../src/measure/programs.ts";

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs it and waits for its end, at most two minutes; code −1 = it was killed. */
export function runMain(...argv: string[]): Promise<Outcome> {
  const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
  return new Promise((resolve) => {
    execFile(pinnedNode(), ["--conditions=source", main, ...argv], { timeout: 120_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
  });
}

import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { afterEach, test } from "vitest";

const library = join(import.meta.dirname, "../lib/parent.mjs");

/** A program that says its own pid once it watches its parent, and ends with a word when that has gone. */
const watcher = `
  import { watchParent } from ${JSON.stringify(library)};
  watchParent(() => { console.log("gone"); process.exit(0); }, 20);
  console.log("pid " + process.pid);
  setTimeout(() => process.exit(1), 10_000);
`;

/** Runs \`watcher\` and stays, as npm does. */
const parent = `
  import { spawn } from "node:child_process";
  spawn(process.execPath, ["--input-type=module", "-e", ${JSON.stringify(watcher)}], { stdio: "inherit" });
`;

let child: ChildProcess;
afterEach(() => {
  child.kill("SIGKILL");
});

function outputUntil(pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = "";
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
      if (pattern.test(output)) resolve(output);
    });
    child.stdout?.on("close", () => {
      reject(new Error(`ended after ${JSON.stringify(output)}`));
    });
  });
}

test("a killed parent is noticed", async () => {
  child = spawn(process.execPath, ["--input-type=module", "-e", parent], { stdio: ["ignore", "pipe", "inherit"] });
  await outputUntil(/pid \d+\n/);
  child.kill("SIGKILL");
  await outputUntil(/gone/);
});

test("under npm, a killed npm is noticed though a shell is left between", async () => {
  const command = `"${process.execPath}" --input-type=module -e '${watcher.replaceAll("'", "'\\''")}'; true`;
  const npm = `
    import { spawn } from "node:child_process";
    spawn("/bin/sh", ["-c", ${JSON.stringify(command)}], { stdio: "inherit" });
  `;
  child = spawn(process.execPath, ["--input-type=module", "-e", npm], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, npm_lifecycle_event: "start" },
  });
  await outputUntil(/pid \d+\n/);
  child.kill("SIGKILL");
  await outputUntil(/gone/);
});

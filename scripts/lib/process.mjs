// Runs other programs: quietly with their output kept, or attached to this terminal.

import { spawn } from "node:child_process";

/**
 * Runs a program to its end.
 *
 * @param command the program
 * @param args its arguments
 * @param options `cwd`, `env`; `showAfterMs`: from then on its output is copied to stderr as it comes, never if undefined;
 *   `attached`: it gets this terminal and nothing is kept; `timeoutMs`: it is ended after that
 * @returns its exit code (1 when a signal ended it) and everything it printed, in order
 */
export function run(command, args, { cwd, env, showAfterMs, attached = false, timeoutMs } = {}) {
  return new Promise((done) => {
    const child = spawn(command, args, {
      cwd,
      env: env ?? process.env,
      stdio: attached ? "inherit" : ["ignore", "pipe", "pipe"],
      timeout: timeoutMs,
    });
    let output = "";
    let showing = false;
    const show = () => {
      showing = true;
      process.stderr.write(output);
    };
    const timer = showAfterMs === undefined ? undefined : setTimeout(show, showAfterMs);
    const keep = (chunk) => {
      output += chunk;
      if (showing) process.stderr.write(chunk);
    };
    child.stdout?.setEncoding("utf8").on("data", keep);
    child.stderr?.setEncoding("utf8").on("data", keep);
    child.on("error", (error) => {
      clearTimeout(timer);
      done({ code: 1, output: `${command}: ${error.message}\n`, shown: false });
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      if (signal) keep(`${command} ended by ${signal}\n`);
      done({ code: code ?? 1, output, shown: showing || attached });
    });
  });
}

/** As `run`, but a program that fails ends this one: its output, then one line that says what failed. */
export async function must(what, command, args, options) {
  const result = await run(command, args, options);
  if (result.code === 0) return result;
  if (!result.shown) process.stderr.write(result.output);
  console.error(`${what} failed: ${command.split("/").at(-1)} ${args.join(" ")} ended with code ${result.code}`);
  process.exit(1);
}

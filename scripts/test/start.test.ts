// `npm start` as a newcomer types it: it serves, and the server ends when npm ends, whichever way.

import { spawn, type ChildProcess } from "node:child_process";
import { createConnection } from "node:net";
import { afterEach, expect, test } from "vitest";
import { root } from "../lib/workspace.mjs";

let npm: ChildProcess | undefined;
afterEach(() => {
  npm?.kill("SIGKILL");
});

/** Starts npm and resolves with the port once the server listens; it may have to build first. */
function startNpm(): Promise<number> {
  npm = spawn("npm", ["start", "--silent", "--", "-p", "-1"], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true, // A group of its own, as a terminal gives it.
  });
  return new Promise((resolve, reject) => {
    let output = "";
    const read = (chunk: string) => {
      output += chunk;
      const port = /listening on 127\.0\.0\.1:(\d+)/.exec(output)?.[1];
      if (port !== undefined) resolve(Number(port));
    };
    npm?.stdout?.setEncoding("utf8").on("data", read);
    npm?.stderr?.setEncoding("utf8").on("data", read);
    npm?.on("exit", (code) => {
      reject(new Error(`npm ended with code ${code}\n${output}`));
    });
  });
}

/** Resolves with what a connection came to; one that is closed without an answer counts as refused. */
function tryPort(port: number): Promise<"answers" | "refused"> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(port, "127.0.0.1", () => socket.write("version\r\n"));
    socket.once("data", () => {
      socket.destroy();
      resolve("answers");
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED" || error.code === "ECONNRESET") resolve("refused");
      else reject(error);
    });
    socket.once("close", () => {
      resolve("refused");
    });
  });
}

async function refusedWithin(port: number, ms: number): Promise<void> {
  const deadline = performance.now() + ms;
  while ((await tryPort(port)) !== "refused") {
    if (performance.now() > deadline) throw new Error(`port ${port} still answers after ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test.each(["SIGTERM", "SIGKILL"] as const)("a server started by npm ends with it: %s", async (signal) => {
  const port = await startNpm();
  expect(await tryPort(port)).toBe("answers");
  npm?.removeAllListeners("exit");
  npm?.kill(signal);
  await refusedWithin(port, 3000);
});

test("Ctrl-C, which a terminal sends to all of them, ends them all", async () => {
  const port = await startNpm();
  const ended = new Promise((resolve) => {
    npm?.removeAllListeners("exit");
    npm?.once("exit", resolve);
  });
  process.kill(-(npm?.pid ?? 0), "SIGINT");
  await refusedWithin(port, 3000);
  await ended;
});

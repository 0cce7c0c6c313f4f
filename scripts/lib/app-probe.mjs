// Starts a built app, talks to it once and ends it: the smoke test of the apps, on whichever Node.

import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";

const START_MS = 10_000;
const STOP_MS = 1000;

const PROXY_CONFIG = `smoke:
  listen: 127.0.0.1:0
  servers:
    - 127.0.0.1:1:1
`;

/** How each app is started on a free port, what it is asked, how its answer ends, and what the answer is. */
const probes = {
  "marugoto-server": {
    args: () => ["-p", "-1"],
    request: "set smoke 0 0 2\r\nok\r\nget smoke\r\n",
    end: /END\r\n$/,
    answer: /^STORED\r\nVALUE smoke 0 2\r\nok\r\nEND\r\n$/,
  },
  // Nothing listens on its server's port, so that the answers are the proxy's own.
  "marugoto-proxy": {
    args: (scratch) => {
      const file = join(scratch, "smoke.yml");
      writeFileSync(file, PROXY_CONFIG);
      return ["-c", file, "-s", "0"];
    },
    request: "get smoke\r\nversion\r\n",
    end: /VERSION .*\r\n$/,
    answer: /^SERVER_ERROR [^\r\n]+\r\nVERSION \S+\r\n$/,
  },
};

/**
 * @param name the app, as its manifest names it
 * @param node the Node to run it with
 * @param file the app's main.js
 * @param cwd the folder it runs in
 * @param scratch a folder for the files it needs
 * @returns undefined when all went well, else a sentence
 */
export function probeApp(name, node, file, cwd, scratch) {
  const probe = probes[name];
  if (probe === undefined) return `scripts/lib/app-probe.mjs does not know how to start ${name}`;
  return new Promise((done) => {
    const child = spawn(node, [file, ...probe.args(scratch)], { cwd, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let asked = false;
    let stoppedAt = 0;
    let problem = "exited before it listened";
    const fail = (sentence) => {
      problem = sentence;
      child.kill("SIGKILL");
    };
    const late = setTimeout(() => fail(`did not listen within ${START_MS} ms`), START_MS);
    let slow;
    const stop = () => {
      clearTimeout(late);
      stoppedAt = performance.now();
      problem = undefined;
      child.kill("SIGTERM");
      slow = setTimeout(() => fail(`did not exit within ${STOP_MS} ms of SIGTERM`), STOP_MS);
    };
    const read = (chunk) => {
      output += chunk;
      const port = /^listening on 127\.0\.0\.1:(\d+)$/m.exec(output)?.[1];
      if (port === undefined || asked) return;
      asked = true;
      const socket = connect(Number(port), "127.0.0.1", () => socket.write(probe.request));
      let answer = "";
      socket.setEncoding("utf8").on("data", (data) => {
        answer += data;
        if (!probe.end.test(answer)) return;
        socket.destroy();
        if (probe.answer.test(answer)) stop();
        else fail(`answered ${JSON.stringify(answer)}`);
      });
      socket.on("error", (error) => fail(`broke the connection: ${error.message}`));
    };
    child.stdout.setEncoding("utf8").on("data", read);
    child.stderr.setEncoding("utf8").on("data", read);
    child.on("error", (error) => {
      problem = error.message;
    });
    child.on("close", (code) => {
      clearTimeout(late);
      clearTimeout(slow);
      if (problem === undefined && code !== 0) problem = `exited with code ${code} after SIGTERM`;
      const ms = Math.round(performance.now() - stoppedAt);
      if (problem === undefined && ms > STOP_MS) problem = `took ${ms} ms to exit, at most ${STOP_MS}`;
      done(problem === undefined ? undefined : `${node} ${file} ${problem}\n${output}`);
    });
  });
}

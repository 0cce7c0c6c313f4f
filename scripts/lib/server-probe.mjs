// Starts a built server file, talks to it once and ends it: the smoke test of the apps, on whichever Node.

import { spawn } from "node:child_process";
import { connect } from "node:net";

const START_MS = 10_000;
const STOP_MS = 1000;

/**
 * @param node the Node to run it with
 * @param file the server's main.js
 * @param cwd the folder it runs in
 * @returns undefined when all went well, else a sentence
 */
export function probeServer(node, file, cwd) {
  return new Promise((done) => {
    const child = spawn(node, [file, "-p", "-1"], { cwd, stdio: ["ignore", "pipe", "pipe"] });
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
      const socket = connect(Number(port), "127.0.0.1", () => socket.write("set smoke 0 0 2\r\nok\r\nget smoke\r\n"));
      let answer = "";
      socket.setEncoding("utf8").on("data", (data) => {
        answer += data;
        if (!answer.endsWith("END\r\n")) return;
        socket.destroy();
        if (answer === "STORED\r\nVALUE smoke 0 2\r\nok\r\nEND\r\n") stop();
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

// The telnet session of the root README, line by line, against the built server.

import { Cleanup, connect, spawnMarugotoServer } from "@marugoto/testing";
import { afterEach, expect, test } from "vitest";
import { blocksOf } from "../src/markdown.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

const PROMPT = "$ telnet 127.0.0.1 11211\n";

test("the session in README.md goes as it says", async () => {
  const session = blocksOf("README.md").find(({ text }) => text.startsWith(PROMPT));
  const lines = session?.text.slice(PROMPT.length).trimEnd().split("\n") ?? [];
  expect(lines.length).toBeGreaterThan(5);

  const server = opened.add(await spawnMarugotoServer());
  const client = opened.add(await connect(server.endpoint));
  let typesValue = false;
  for (const line of lines) {
    // One types commands, and after `set` the value; all other lines are the server's.
    if (typesValue || /^(set|get|mg|quit)\b/.test(line)) {
      client.send(`${line}\r\n`);
      typesValue = !typesValue && line.startsWith("set");
    } else {
      // A second may pass between storing and asking how long it will stay.
      const ageing = line.endsWith(" t60") ? [line, line.replace("t60", "t59")] : [line];
      expect(ageing).toContain(await client.readLine());
    }
  }
  expect((await client.readToEnd()).toString()).toBe("");
});

// A server must not care how the bytes are cut into packets: one transcript of all commands, cut in two at every point,
// gives the same answers. Over a Unix socket, many connections at a time.

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Cleanup, connect, spawnMarugotoServer, temporaryFolder, type ServerProcess } from "@marugoto/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PREFIX_BYTES, transcript } from "../src/transcript.ts";

const opened = new Cleanup();
let server: ServerProcess;
let runs = 0;

beforeAll(async () => {
  const folder = temporaryFolder();
  opened.defer(folder.remove);
  server = opened.add(await spawnMarugotoServer({ socketPath: join(folder.path, "s"), args: ["--debug-commands"] }));
  // The transcript asks for an item's age: the second that ends between two of its bytes must not be seen.
  const control = await connect(server.endpoint);
  expect(await control.ask("debugtime p")).toBe("OK");
  await control.close();
});
afterAll(() => opened.run());

/** Plays the transcript cut at `cuts`, under keys of its own; the answers, with the prefix taken out. */
async function play(cuts: readonly number[], pauseMs: number, payload?: number): Promise<string> {
  const prefix = (runs++).toString(36).padStart(PREFIX_BYTES, "0");
  const bytes = Buffer.from(transcript(prefix, payload), "latin1");
  const connection = await connect(server.endpoint);
  try {
    let from = 0;
    for (const at of [...cuts, bytes.length]) {
      await connection.sendAll(bytes.subarray(from, at));
      from = at;
      // Time for the server to take the piece before the next one comes.
      if (at < bytes.length) await sleep(pauseMs);
    }
    const answers = (await connection.readToEnd(20_000)).toString("latin1");
    return answers.replaceAll(prefix, "<p>");
  } finally {
    await connection.close();
  }
}

describe("one transcript of all commands", () => {
  const length = transcript("_".repeat(PREFIX_BYTES)).length;

  test("is answered, to its end", async () => {
    const answers = await play([], 0);
    expect(answers).toContain("VALUE <p>a 6 9\r\n<<new\r\nz\n\r\nEND\r\n");
    expect(answers).toContain("HD c1099511627776 k<p>m Oq1");
    expect(answers.endsWith("VALUE <p>n 0 2\r\n5 \r\nEND\r\n")).toBe(true);
  });

  test("cut in two at every point gives the same answers", { timeout: 120_000 }, async () => {
    const whole = await play([], 0);
    const different: number[] = [];
    let next = 1;
    const worker = async () => {
      while (next < length) {
        const at = next++;
        if ((await play([at], 4)) !== whole) different.push(at);
      }
    };
    await Promise.all(Array.from({ length: 40 }, worker));
    expect(different).toEqual([]);
  });

  test("byte by byte gives the same answers", { timeout: 60_000 }, async () => {
    const whole = await play([], 0);
    const cuts = Array.from({ length: length - 1 }, (_, index) => index + 1);
    expect(await play(cuts, 0)).toBe(whole);
  });

  test(
    "with a value of 300 KB, cut into pieces of a prime length, gives the same answers",
    { timeout: 60_000 },
    async () => {
      const whole = await play([], 0, 300_000);
      const cuts = Array.from({ length: Math.floor((300_000 + length) / 7919) }, (_, index) => (index + 1) * 7919);
      expect(await play(cuts, 0, 300_000)).toBe(whole);
    },
  );
});

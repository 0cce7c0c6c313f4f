// Our node in the place of the repcached that was recorded: the same commands put the same bytes on the wire.

import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { Cleanup, connect, type TestConnection } from "@marugoto/testing";
import { listenAsMaster, startMaster, startNode } from "./node.ts";
import { copySteps, recordsOf, relativeTimes, type RecordedStep, type WireRecording } from "./wire-steps.ts";

const recording = JSON.parse(
  readFileSync(new URL("../fixtures/repcached-wire.json", import.meta.url), "utf8"),
) as WireRecording;

/** Where ours differs, and why. */
const differences: Readonly<Record<string, string>> = {
  // It prints them with a sign, and reads both.
  "set f 4294967295 0 1\r\nf": "rep f 4294967295 0 1 5\r\nf\r\n",
  // memcached has padded a number that became shorter ever since; 1.4.13 stores it anew while a slave reads it.
  "decr n 8": "rep n 0 0 2 11\r\n7 \r\n",
  "incr n 1 noreply": "rep n 0 0 2 14\r\n8 \r\n",
};

const opened = new Cleanup();
afterEach(() => opened.run());

async function replay(steps: readonly RecordedStep[], client: TestConnection, link: TestConnection) {
  for (const { client: command, wire } of steps) {
    const expected = differences[command] ?? wire;
    const now = Math.floor(Date.now() / 1000);
    client.send(`${command}\r\n`);
    const length = expected.replaceAll(/\{\+\d+\}/g, "1795217443").length;
    const seen = (await link.read(length)).toString("latin1");
    expect(relativeTimes(seen, now), command.split("\r\n", 1)[0]).toBe(expected);
  }
  // Nothing else has been said: the next record is this one.
  client.send("set last 0 0 1\r\nx\r\n");
  expect(await link.readUntil("\r\nx\r\n")).toMatch(/^rep last 0 0 1 \d+\r\nx\r\n$/);
}

describe(`as ${recording.oracle} was recorded`, () => {
  test("a master greets its slave and tells what its clients do", async () => {
    const { port, client } = await startMaster(opened);
    const link = opened.add(await connect(port));
    expect((await link.read(recording.attach.length)).toString("latin1")).toBe(recording.attach);
    await replay(recording.master, client, link);
  });

  test("a slave that attaches late is sent everything", async () => {
    const { port, client } = await startMaster(opened);
    for (const step of copySteps) await client.ask(step);
    const now = Math.floor(Date.now() / 1000);
    const link = opened.add(await connect(port));
    const copy = recordsOf(relativeTimes(await link.readUntil("marugoto_end\r\n"), now));
    expect(copy).toEqual(recording.copy);
  });

  test("a slave tells its master what its own clients do", async () => {
    const master = await listenAsMaster(opened);
    const slave = startNode(opened, { peerPort: master.port });
    const link = await master.next();
    link.send(recording.attach);
    const client = opened.add(await connect(await slave.served));
    await replay(recording.slave, client, link);
  });
});

describe("beside the recording", () => {
  test("the value of a stale item is not sent, for a slave would serve it as a fresh one", async () => {
    const { port, client } = await startMaster(opened);
    expect(await client.ask("ms k 1 I\r\nv")).toBe("HD");
    expect(await client.ask("md k I")).toBe("HD");
    const link = opened.add(await connect(port));
    expect(await link.readUntil("marugoto_end\r\n")).toBe("marugoto_end\r\n");
    expect(await client.ask("ms k 1\r\nw")).toBe("HD");
    expect(await link.readUntil("w\r\n")).toMatch(/^rep k 0 0 1 \d+\r\nw\r\n$/);
    expect(await client.ask("md k I")).toBe("HD");
    expect(await link.readUntil("\n")).toBe("delete k\r\n");
  });

  test("a flush that is still to come is told to a slave that attaches meanwhile", async () => {
    const { port, client } = await startMaster(opened);
    const now = Math.floor(Date.now() / 1000);
    expect(await client.ask("flush_all 100")).toBe("OK");
    const link = opened.add(await connect(port));
    expect(relativeTimes(await link.readUntil("marugoto_end\r\n"), now)).toContain("flush_all {+100}\r\n");
  });

  test("a cas number loses its upper half", async () => {
    const { port, client, node } = await startMaster(opened);
    node.server.store.setEpoch(1, 2);
    const link = opened.add(await connect(port));
    await link.readUntil("marugoto_end\r\n");
    expect(await client.ask("set k 0 0 1\r\nv")).toBe("STORED");
    expect(await link.readUntil("v\r\n")).toBe("rep k 0 0 1 1\r\nv\r\n");
    client.send("gets k\r\n");
    expect(await client.readUntil("END\r\n")).toContain(`VALUE k 0 1 ${10 * 2 ** 40 + 1}\r\n`);
  });
});

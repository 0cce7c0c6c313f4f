// The post that made repcached known, step by step: a master with -X, a slave with -x, what is set on the one is found on the
// other; the master is killed, the slave takes over at once; the old master comes back as slave and takes nothing away.
// Ours does it, and so does a real repcached where there is one, with the same lines in the log.

import {
  appCommand,
  Cleanup,
  connect,
  eventually,
  findOracle,
  freePort,
  spawnServer,
  useOracle,
  type ServerProcess,
  type TestConnection,
} from "@marugoto/testing";
import { afterEach, describe, expect, test } from "vitest";

const opened = new Cleanup();
afterEach(() => opened.run());

interface Program {
  readonly command: string;
  readonly args: readonly string[];
}

/** Starts a node of 127.0.0.1 and waits until it serves clients. */
async function start({ command, args }: Program, port: number, ...flags: readonly string[]): Promise<ServerProcess> {
  const address = ["-l", "127.0.0.1", "-p", String(port), "-v"];
  const ready = { kind: "tcp", host: "127.0.0.1", port } as const;
  return opened.add(await spawnServer({ command, args: [...args, ...address, ...flags], ready }));
}

async function client({ port }: ServerProcess): Promise<TestConnection> {
  return opened.add(await connect(port));
}

async function get(connection: TestConnection, key: string): Promise<string> {
  connection.send(`get ${key}\r\n`);
  return connection.readUntil("END\r\n");
}

/** A write reaches the other side a moment after its answer: asked until it is there. */
async function finds(connection: TestConnection, key: string, value: string): Promise<void> {
  const wanted = `VALUE ${key} 0 ${value.length}\r\n${value}\r\nEND\r\n`;
  await eventually(async () => (await get(connection, key)) === wanted);
}

/** The lines of repcached in a log, in order; ours says more, which a reader of the post would not know. */
function lines({ stderr }: ServerProcess): string[] {
  const known = /^replication: (listen|accept|close|start|connect .*|marugoto .*)$/;
  return stderr.split("\n").filter((line) => known.test(line));
}

/** Lines may come a little later than what they tell. */
async function says(node: ServerProcess, wanted: readonly string[]): Promise<void> {
  await eventually(() => {
    expect(lines(node)).toEqual(wanted);
    return true;
  });
}

/** @param asksAgain ours, when its master is lost, first asks at its address whether it is gone */
async function story(program: Program, asksAgain: boolean): Promise<void> {
  const [first, second, replication] = [await freePort(), await freePort(), String(await freePort())];
  const asSlave = ["-x", "127.0.0.1", "-X", replication];

  // The master: its replication port, and nobody to ask.
  const master = await start(program, first, "-X", replication);
  await says(master, ["replication: listen"]);
  const onMaster = await client(master);
  expect(await onMaster.ask("set first 0 0 1\r\n1")).toBe("STORED");

  // The slave: copies everything, "marugoto", then serves.
  const slave = await start(program, second, ...asSlave);
  const connecting = `replication: connect (peer=127.0.0.1:${replication})`;
  const asked = [connecting, "replication: marugoto copying", "replication: start"];
  await says(slave, asked);
  const copied = ["replication: listen", "replication: accept", "replication: marugoto start"];
  await says(master, [...copied, "replication: marugoto 1", "replication: marugoto owari"]);

  // Set on the master, found on the slave; and the other way round.
  const onSlave = await client(slave);
  await finds(onSlave, "first", "1");
  expect(await onMaster.ask("set foo 0 0 3\r\nbar")).toBe("STORED");
  await finds(onSlave, "foo", "bar");
  expect(await onSlave.ask("set baz 0 0 3\r\nqux")).toBe("STORED");
  await finds(onMaster, "baz", "qux");

  // The master dies: the slave has everything, takes writes, and listens for the next.
  await master.stop("SIGKILL");
  await eventually(async () => (await onSlave.ask("set after 0 0 1\r\n1")) === "STORED");
  await finds(onSlave, "foo", "bar");
  await finds(onSlave, "baz", "qux");
  const tookOver = ["replication: close", ...(asksAgain ? [connecting] : []), "replication: listen"];
  await says(slave, [...asked, ...tookOver]);

  // The old master comes back as slave, with everything, what it missed included.
  const returned = await start(program, first, ...asSlave);
  await says(returned, asked);
  const onReturned = await client(returned);
  await finds(onReturned, "first", "1");
  await finds(onReturned, "foo", "bar");
  await finds(onReturned, "after", "1");

  // No pre-emption: the one that took over has it still, and a third death finds the other one ready.
  expect(lines(slave).slice(asked.length)).toEqual([
    ...tookOver,
    ...["replication: accept", "replication: marugoto start", "replication: marugoto 4", "replication: marugoto owari"],
  ]);
  expect(await onSlave.ask("set foo 0 0 3\r\nnew")).toBe("STORED");
  await finds(onReturned, "foo", "new");
  await slave.stop("SIGKILL");
  await eventually(async () => (await onReturned.ask("set last 0 0 1\r\n1")) === "STORED");
  await finds(onReturned, "foo", "new");
}

describe("repcached-takeover", () => {
  test("marugoto-server, with repcached's flags", async () => {
    await story(appCommand("server"), true);
  });

  const oracle = useOracle("repcached", "the same story, told by a real repcached");

  test.skipIf(oracle.isMissing)(oracle.title, async () => {
    const user = process.getuid?.() === 0 ? ["-u", "root"] : [];
    await story({ command: findOracle("repcached").path ?? "", args: [...user, "-U", "0"] }, false);
  });
});

// Our node beside a real repcached, as its slave and as its master, and the roles swapped.

import { afterEach, describe, expect, test } from "vitest";
import {
  Cleanup,
  connect,
  eventually,
  freePort,
  spawnRepcached,
  useOracle,
  type ServerProcess,
  type TestConnection,
} from "@marugoto/testing";
import { startMaster, startNode } from "./node.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

const oracle = useOracle("repcached", "our node beside a real repcached");

/** Stores `count` items of 32 bytes over one connection. */
async function fill(client: TestConnection, count: number, prefix = "k"): Promise<void> {
  const value = "v".repeat(32);
  const batch = 1000;
  for (let from = 0; from < count; from += batch) {
    let text = "";
    for (let i = from; i < Math.min(from + batch, count); i++)
      text += `set ${prefix}${i} ${i} 0 32 noreply\r\n${value}\r\n`;
    await client.sendAll(text);
  }
  client.send("version\r\n");
  await client.readUntil(/VERSION .*\r\n/);
}

async function read(client: TestConnection, ...keys: readonly string[]): Promise<string> {
  client.send(`gets ${keys.join(" ")}\r\n`);
  const answer = await client.readUntil(/(^|\r\n)END\r\n/);
  // Flags from 2^31 on are negative in memcached 1.4's answers.
  return answer.replaceAll(
    /^(VALUE \S+) (-\d+) /gm,
    (_, head: string, flags: string) => `${head} ${Number(flags) >>> 0} `,
  );
}

/** Asks both for the keys until the answers are the same: there is no acknowledgement on this link. */
async function expectSame(one: TestConnection, other: TestConnection, ...keys: readonly string[]): Promise<string> {
  return eventually(async () => {
    const answer = await read(one, ...keys);
    expect(await read(other, ...keys)).toBe(answer);
    return answer;
  });
}

async function itemsOf(client: TestConnection): Promise<number> {
  client.send("stats\r\n");
  return Number(/^STAT curr_items (\d+)\r$/m.exec(await client.readUntil("END\r\n"))?.[1]);
}

const commands = [
  "set a 5 0 3\r\nabc",
  "add b 0 100 1\r\nx",
  "replace a 6 0 2\r\nzz",
  "append a 0 0 2\r\nyy",
  "prepend a 0 0 2\r\nxx",
  "set n 0 0 2\r\n10",
  "incr n 5",
  "decr n 13",
  "touch a 5000",
  "set d 0 0 1\r\nd",
  "delete d",
  "set empty 0 0 0\r\n",
  "set bin 4294967295 0 6\r\n\0\r\n\xff\xfez",
  "set large 1 0 500000\r\n" + "L".repeat(500_000),
];

const keys = ["a", "b", "n", "d", "empty", "bin", "large"];

describe.skipIf(oracle.isMissing)(oracle.title, () => {
  async function realMaster(peer?: {
    port: number;
    peer: string;
  }): Promise<{ real: ServerProcess; client: TestConnection; port: number }> {
    const port = peer?.port ?? (await freePort());
    const real = opened.add(await spawnRepcached({ replicationPort: port, ...(peer ? { peer: peer.peer } : {}) }));
    return { real, client: opened.add(await connect(real.port)), port };
  }

  test("as its slave: the copy, then every command; writes here reach it", async () => {
    const { client, port, real } = await realMaster();
    await fill(client, 1000);
    const node = startNode(opened, { peerPort: port });
    const own = opened.add(await connect(await node.served));
    expect(node.role).toBe("slave");
    expect(await itemsOf(own)).toBe(1000);
    for (const command of commands) await client.ask(command);
    const seen = await expectSame(client, own, ...keys);
    expect(seen).toContain("VALUE a 6 6 ");
    expect(seen).toContain("VALUE large 1 500000 ");
    expect(seen).not.toContain("VALUE d ");
    expect(await own.ask("set mine 7 0 4\r\nhere")).toBe("STORED");
    expect(await own.ask("delete k1")).toBe("DELETED");
    await eventually(async () =>
      expect(await read(client, "mine", "k1")).toMatch(/^VALUE mine 7 4 \d+\r\nhere\r\nEND\r\n$/),
    );
    await client.ask("flush_all");
    await eventually(async () => (await read(own, "a", "mine")) === "END\r\n");
    expect(real.stderr).toContain("replication: marugoto 1000\n");
  });

  test("as its master: it serves after the copy, follows every command, and its writes reach us", async () => {
    const { node, client, port } = await startMaster(opened);
    await fill(client, 1000);
    const real = opened.add(await spawnRepcached({ replicationPort: port, peer: "127.0.0.1" }));
    const slave = opened.add(await connect(real.port));
    expect(await itemsOf(slave)).toBe(1000);
    for (const command of commands) await client.ask(command);
    await expectSame(client, slave, ...keys);
    expect(await slave.ask("set theirs 7 0 5\r\nthere")).toBe("STORED");
    await eventually(() => client.ask("mg theirs s").then((answer) => answer === "HD s5"));
    await client.ask("flush_all");
    await eventually(async () => (await read(slave, "a", "theirs")) === "END\r\n");
    expect(real.stderr).toContain("replication: marugoto copying\nreplication: start\n");
    expect(node.role).toBe("master");
  });

  test("the roles change hands, there and back, and nothing is missing", async () => {
    const first = await realMaster();
    await fill(first.client, 500, "first");
    const node = startNode(opened, { peerPort: first.port, listenPort: first.port });
    const own = opened.add(await connect(await node.served));
    // It dies; ours takes over, on the same port, and takes the next one as its slave.
    await first.real.stop("SIGKILL");
    await eventually(() => node.role === "master" && node.replicationPort === first.port);
    await fill(own, 500, "second");
    const second = await realMaster({ port: first.port, peer: "127.0.0.1" });
    expect(await itemsOf(second.client)).toBe(1000);
    // Ours leaves in good order; the real one is master, and ours returns as its slave.
    expect(await node.replication.handover()).toBe(true);
    await node.close();
    await eventually(() => second.real.stderr.includes("replication: close\nreplication: listen\n"));
    await fill(second.client, 500, "third");
    const again = startNode(opened, { peerPort: first.port, listenPort: first.port });
    const back = opened.add(await connect(await again.served));
    expect(again.role).toBe("slave");
    expect(await itemsOf(back)).toBe(1500);
    await expectSame(second.client, back, "first1", "second2", "third499");
  });

  test.each([["slave"], ["master"]])("200 000 items are copied with ours as %s", async (role) => {
    const items = 200_000;
    if (role === "slave") {
      const { client, port } = await realMaster();
      await fill(client, items);
      const node = startNode(opened, { peerPort: port });
      await node.served;
      expect(node.server.store.currItems).toBe(items);
      return;
    }
    const { client, port } = await startMaster(opened);
    await fill(client, items);
    const real = opened.add(await spawnRepcached({ replicationPort: port, peer: "127.0.0.1" }));
    expect(await itemsOf(opened.add(await connect(real.port)))).toBe(items);
  });

  test("a slave with little memory evicts there only", async () => {
    const { client, port, node } = await startMaster(opened, { server: { memoryBytes: 64 * 2 ** 20 } });
    const real = opened.add(await spawnRepcached({ replicationPort: port, peer: "127.0.0.1", args: ["-m", "2"] }));
    await connect(real.port).then((connection) => opened.add(connection));
    await fill(client, 5000);
    expect(node.server.store.currItems).toBe(5000);
  });
});

// A node among repcacheds whose peer is made of bytes: who attaches, who takes over, who is turned away.

import { afterEach, describe, expect, test } from "vitest";
import { Cleanup, connect, eventually, freePort, within } from "@marugoto/testing";
import { createRepcachedReplication } from "../../src/repcached/repcached-replication.ts";
import { listenAsMaster, replicationStats, startMaster, startNode } from "./node.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

const end = "marugoto_end\r\n";

/** A node that has attached to a master made of bytes. */
async function startSlave(copy = "") {
  const master = await listenAsMaster(opened);
  const node = startNode(opened, { peerPort: master.port });
  const link = await master.next();
  link.send(copy + end);
  const client = opened.add(await connect(await node.served));
  return { master, node, link, client };
}

describe("a slave", () => {
  test("serves clients after the end of the copy, not before", async () => {
    const master = await listenAsMaster(opened);
    const node = startNode(opened, { peerPort: master.port });
    const link = await master.next();
    let isServed = false;
    void node.served.then(() => (isServed = true));
    link.send("rep a 5 0 3 7\r\nabc\r\n");
    await eventually(() => node.server.store.currItems === 1);
    expect([isServed, node.role]).toEqual([false, "copying"]);
    link.send(end);
    const client = opened.add(await connect(await node.served));
    expect(node.role).toBe("slave");
    client.send("gets a\r\n");
    expect(await client.readUntil("END\r\n")).toBe("VALUE a 5 3 7\r\nabc\r\nEND\r\n");
    expect(node.told).toEqual([
      "dialing",
      "connected out",
      "copy in",
      "role starting>copying",
      "copied in 1",
      "inStep",
      "role copying>slave",
    ]);
  });

  test("follows its master", async () => {
    const { link, client, node } = await startSlave("rep a 0 0 1 1\r\nx\r\nrep b 0 0 1 2\r\ny\r\n");
    link.send("rep a 1 0 2 9\r\nxx\r\ndelete b\r\nrep c 0 1 1 10\r\nz\r\nrep d 0 0 1 11\r\nd\r\n");
    await eventually(() => client.ask("mg d v").then((answer) => answer.startsWith("VA")));
    client.send("gets a b c\r\n");
    expect(await client.readUntil("END\r\n")).toContain("VALUE a 1 2 9\r\nxx\r\n");
    expect(node.server.store.currItems).toBe(3);
    expect(await replicationStats(client)).toMatchObject({ role: "slave", link: "up", records_received: "6" });
    expect(await client.ask("mg c t")).toMatch(/^HD t[01]$/);
  });

  test("obeys flushes: at once, later, and the one that repcached tells as a time gone by", async () => {
    const { link, node, client } = await startSlave();
    const store = node.server.store;
    const put = (key: string) => {
      link.send(`rep ${key} 0 0 1 1\r\nx\r\n`);
      return eventually(() => store.find(Buffer.from(key), 0, key.length) !== 0);
    };
    await put("a");
    link.send("flush_all \r\n");
    await eventually(() => store.currItems === 0);
    await put("b");
    link.send(`flush_all ${Math.floor(Date.now() / 1000) - 100}\r\n`);
    await eventually(() => store.currItems === 0);
    await put("c");
    link.send(`flush_all ${Math.floor(Date.now() / 1000) + 100}\r\n`);
    await put("d");
    expect(await client.ask("mg c")).toBe("HD");
  });

  test("draws cas numbers that its master can't have drawn", async () => {
    const { client } = await startSlave("rep a 0 0 1 1\r\nx\r\n");
    await client.ask("set b 0 0 1\r\ny");
    expect(await client.ask("mg b c")).toBe(`HD c${2 ** 40 + 1}`);
    // A cas number from before is no longer good once the value is another.
    expect(await client.ask("set a 0 0 1\r\ny")).toBe("STORED");
    expect(await client.ask("cas a 0 0 1 1\r\nz")).toBe("EXISTS");
  });

  test("keeps an older value from staying when the new one is too large for it", async () => {
    const { link, node } = await startSlave("rep a 0 0 1 1\r\nx\r\nrep b 0 0 1 1\r\nx\r\n");
    link.send(`rep a 0 0 ${2 ** 20} 2\r\n${"v".repeat(2 ** 20)}\r\n`);
    link.send(`rep b 0 0 ${2 ** 21} 2\r\n${"v".repeat(2 ** 21)}\r\ndelete c\r\n`);
    await eventually(() => node.server.store.currItems === 0);
  });

  test("takes over when the link ends, keeps its content, and takes the old master back as its slave", async () => {
    const { master, link, client, node } = await startSlave("rep a 0 0 1 1\r\nx\r\n");
    master.stop();
    await link.close();
    await eventually(() => node.role === "master");
    expect(await client.ask("set b 0 0 1\r\ny")).toBe("STORED");
    expect(await replicationStats(client)).toMatchObject({ role: "master", state: "alone", takeovers: "1" });
    const port = await eventually(() => node.replicationPort);
    const returned = opened.add(await connect(port));
    const copy = await returned.readUntil(end);
    expect(copy).toContain("rep a 0 0 1 1\r\nx\r\n");
    expect(copy).toContain("rep b 0 0 1 1\r\ny\r\n");
    expect(node.told.slice(-4)).toEqual(["connected in", "copy out", "copied out 2", "inStep"]);
  });

  test("asks again when the copy breaks off, and begins anew", async () => {
    const master = await listenAsMaster(opened);
    const node = startNode(opened, { peerPort: master.port });
    const first = await master.next();
    first.send("rep old 0 0 1 1\r\nx\r\nrep half 0 0 100 2\r\nxx");
    await eventually(() => node.server.store.currItems === 1);
    await first.close();
    const second = await master.next();
    second.send(`rep new 0 0 1 1\r\ny\r\n${end}`);
    await node.served;
    const client = opened.add(await connect(await node.served));
    expect(await client.ask("mg old")).toBe("EN");
    expect(await client.ask("mg new")).toBe("HD");
  });

  test("keeps what it has when the copy breaks off and nobody can be asked any more", async () => {
    const master = await listenAsMaster(opened);
    const node = startNode(opened, { peerPort: master.port });
    const link = await master.next();
    link.send("rep a 0 0 1 1\r\nx\r\n");
    await eventually(() => node.server.store.currItems === 1);
    master.stop();
    await link.close();
    const client = opened.add(await connect(await node.served));
    expect(node.role).toBe("master");
    expect(await client.ask("mg a")).toBe("HD");
  });

  test("closes a link whose bytes make no sense, and takes over", async () => {
    const { link, node } = await startSlave("rep a 0 0 1 1\r\nx\r\n");
    link.send("rep a 0 0 one 1\r\nx\r\n");
    await eventually(() => node.role === "master");
    expect(node.told).toContain("unlinked closed because the peer has sent a rep line that can't be read");
    expect(node.server.store.currItems).toBe(1);
  });
});

describe("a node whose peer is not there", () => {
  test("is master, and still finds the peer that comes later, as long as it has nothing to lose", async () => {
    const port = await freePort();
    const node = startNode(opened, { peerPort: port });
    const client = opened.add(await connect(await node.served));
    expect(node.role).toBe("master");
    const master = await listenAsMaster(opened, port);
    const link = await master.next();
    await eventually(() => node.role === "copying");
    // Clients wait for the copy: what they store now must not be older than what it brings.
    client.send("set a 0 0 1\r\nn\r\n");
    link.send(`rep a 0 0 1 1\r\no\r\n${end}`);
    expect(await client.readLine()).toBe("STORED");
    expect(await client.ask("get a")).toBe("VALUE a 0 1");
    expect(await client.readLine()).toBe("n");
    expect(await link.readUntil("n\r\n")).toMatch(/^rep a 0 0 1 \d+\r\nn\r\n$/);
  });

  test("stays master once a client has stored something", async () => {
    const port = await freePort();
    const node = startNode(opened, { peerPort: port });
    const client = opened.add(await connect(await node.served));
    await client.ask("set a 0 0 1\r\nx");
    const master = await listenAsMaster(opened, port);
    let isDialled = false;
    void master.next().then(() => (isDialled = true));
    // Longer than the first pauses between two tries.
    for (let i = 0; i < 20; i++) await client.ask("mn");
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect([isDialled, node.role]).toEqual([false, "master"]);
  });

  test("says so when it does not listen for anybody and has nobody to ask", async () => {
    const node = startNode(opened, { listenPort: -1 });
    await node.served;
    expect(node.told).toEqual(["role starting>master"]);
  });
});

describe("a master", () => {
  test("turns a second slave away, and takes the next one when the first has gone", async () => {
    const { node, port } = await startMaster(opened);
    const first = opened.add(await connect(port));
    await first.readUntil(end);
    // Its listener is closed as repcached's is, so that a peer on the same host can bind the port on takeover.
    await expect(connect(port)).rejects.toThrow("ECONNREFUSED");
    await first.close();
    const again = await eventually(async () => opened.add(await connect(port)));
    expect(await again.readUntil(end)).toBe(end);
    expect(node.role).toBe("master");
  });

  test("closes whoever is not the named peer before a byte, and counts it", async () => {
    // 127.0.0.2 is this host, and is not who asks.
    const node = startNode(opened, { peers: [{ kind: "tcp", host: "127.0.0.2", port: await freePort() }] });
    const client = opened.add(await connect(await node.served));
    const port = await eventually(() => node.replicationPort);
    const stranger = opened.add(await connect(port));
    expect(await stranger.readToEnd()).toHaveLength(0);
    expect(node.told).toContain("refused not the peer that -x names");
    expect(await replicationStats(client)).toMatchObject({ refused_peers: "1", accepted_peers: "0" });
  });

  test("applies what its slave's clients do, and does not send it back", async () => {
    const { port, client } = await startMaster(opened);
    const slave = opened.add(await connect(port));
    await slave.readUntil(end);
    slave.send("rep s 3 0 2 1\r\nhi\r\ndelete none\r\n");
    await eventually(() => client.ask("mg s").then((answer) => answer === "HD"));
    await client.ask("set mine 0 0 1\r\nx");
    expect(await slave.readUntil("x\r\n")).toMatch(/^rep mine /);
  });

  test("does not tell its slave of its own evictions", async () => {
    const { node, port, client } = await startMaster(opened, {
      server: { memoryBytes: 2 ** 20, maxItemBytes: 2 ** 16 },
    });
    const slave = opened.add(await connect(port));
    await slave.readUntil(end);
    const value = "v".repeat(10_000);
    for (let i = 0; i < 300; i++) client.send(`set k${i} 0 0 10000 noreply\r\n${value}\r\n`);
    await client.ask("mn");
    await client.ask("set last 0 0 4\r\nlast");
    expect(await slave.readUntil("last\r\n")).not.toContain("delete ");
    expect(node.server.store.evictions).toBeGreaterThan(100);
  });

  test("keeps the link and sends everything again when the slave does not read for too long", async () => {
    const { node, port, client } = await startMaster(opened, { backlogBytes: 64 * 1024 });
    await client.ask("set old 0 0 3\r\nold");
    const slave = opened.add(await connect(port));
    await slave.readUntil(end);
    slave.socket.pause();
    const value = "v".repeat(100_000);
    const memory = () => node.told.includes("behind");
    for (let i = 0; !memory() && i < 1000; i++)
      expect(await client.ask(`set k${i % 20} 0 0 100000\r\n${value}`)).toBe("STORED");
    expect(await client.ask("delete old")).toBe("DELETED");
    expect(node.role).toBe("master");
    const before = Number((await replicationStats(client)).unprotected_acks);
    expect(before).toBeGreaterThan(0);
    slave.socket.resume();
    await slave.readUntil("flush_all \r\n", 10_000);
    await eventually(async () => (await replicationStats(client)).in_step === "1", { withinMs: 10_000 });
    await client.ask("set last 0 0 4\r\nlast");
    const again = await slave.readUntil(/rep last .*\r\nlast\r\n/, 10_000);
    expect(again).not.toContain("rep old");
    for (let i = 0; i < Math.min(20, node.server.store.currItems - 1); i++)
      expect(again).toContain(`rep k${i} 0 0 100000 `);
    expect(await replicationStats(client)).toMatchObject({ recopies: "1" });
    // What the slave says from now on is repeated to it: it may have been lost in the flush.
    slave.send("rep s 0 0 1 1\r\ns\r\n");
    expect(await slave.readUntil("s\r\n")).toBe("rep s 0 0 1 1\r\ns\r\n");
  });

  test("a slow slave holds answers up to the hold, no longer", async () => {
    const { port, client, node } = await startMaster(opened, { holdMs: 50 });
    const slave = opened.add(await connect(port));
    await slave.readUntil(end);
    slave.socket.pause();
    const value = "v".repeat(500_000);
    for (let i = 0; node.told.at(-1) !== "behind" && i < 100; i++) await client.ask(`set k 0 0 500000\r\n${value}`);
    expect(node.told.at(-1)).toBe("behind");
    const counted = Number((await replicationStats(client)).unprotected_acks);
    await client.ask("set k 0 0 1\r\nx");
    expect(Number((await replicationStats(client)).unprotected_acks)).toBe(counted + 1);
    slave.socket.resume();
    await eventually(() => node.told.at(-1) === "inStep");
    await client.ask("set k 0 0 1\r\ny");
    expect(Number((await replicationStats(client)).unprotected_acks)).toBe(counted + 1);
  });
});

describe("an end in good order", () => {
  test("gives the peer everything, then closes", async () => {
    const { node, port, client } = await startMaster(opened);
    const slave = opened.add(await connect(port));
    await slave.readUntil(end);
    const value = "v".repeat(200_000);
    for (let i = 0; i < 50; i++) client.send(`set k${i} 0 0 200000 noreply\r\n${value}\r\n`);
    expect(await client.ask("mn")).toBe("MN");
    const handover = node.replication.handover({ withinMs: 5000 });
    expect(node.role).toBe("yielding");
    // Whoever asks now waits, and is not told of something that the peer does not hear of.
    client.send("set late 0 0 1\r\nx\r\n");
    const all = (await slave.readToEnd(5000)).toString("latin1");
    expect(all.match(/^rep k\d+ /gm)).toHaveLength(50);
    expect(all).not.toContain("rep late");
    slave.finish();
    expect(await handover).toBe(true);
    await node.replication.close();
    expect(await client.readLine()).toBe("SERVER_ERROR shutting down");
    expect(node.role).toBe("closed");
  });

  test("is given up when the peer takes nothing", async () => {
    const { node, port, client } = await startMaster(opened);
    const slave = opened.add(await connect(port));
    await slave.readUntil(end);
    slave.socket.pause();
    const value = "v".repeat(1_000_000);
    for (let i = 0; i < 12; i++) client.send(`set k${i} 0 0 1000000 noreply\r\n${value}\r\n`);
    await client.ask("mn");
    expect(await within(3000, node.replication.handover({ withinMs: 100 }), "no answer")).toBe(false);
    expect(await client.ask("set a 0 0 1\r\nx")).toBe("STORED");
  });

  test("has nobody to hand over to", async () => {
    const { node } = await startMaster(opened);
    expect(await node.replication.handover()).toBe(false);
  });
});

describe("two of our own nodes in this mode", () => {
  test("started together on two ports, they attach", async () => {
    for (let round = 0; round < 20; round++) {
      const [a, b] = [await freePort(), await freePort()];
      const one = startNode(opened, { listenPort: a, peerPort: b });
      const other = startNode(opened, { listenPort: b, peerPort: a });
      await Promise.all([one.served, other.served]);
      await eventually(() => [one.role, other.role].sort().join() === "master,slave");
      await opened.run();
    }
  });

  test("with one port and one host, as two repcacheds: the later one attaches, and binds when it takes over", async () => {
    const port = await freePort();
    const one = startNode(opened, { listenPort: port, peerPort: port });
    await one.served;
    const other = startNode(opened, { listenPort: port, peerPort: port });
    await eventually(() => one.role === "master" && other.role === "slave");
    await one.close();
    await eventually(() => other.role === "master" && other.told.includes("listening"));
    const again = startNode(opened, { listenPort: port, peerPort: port });
    await eventually(() => again.role === "slave");
  });
});

describe("options", () => {
  test.each([
    ["syncReplicas", { syncReplicas: 1 }],
    ["secret", { secret: Buffer.alloc(16) }],
  ])("%s is refused: the wire has no means for it", (name, options) => {
    expect(() => createRepcachedReplication(options)).toThrow(name);
  });

  test("a port that is taken is an error when there is no peer to ask", async () => {
    const { port } = await listenAsMaster(opened);
    const node = startNode(opened, { listenPort: port });
    await expect(node.served).rejects.toThrow("EADDRINUSE");
  });
});

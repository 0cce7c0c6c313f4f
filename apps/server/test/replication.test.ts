// Two processes of the built binary as one pair: the flags, the log, the end. What replication promises in every corner
// is tested in its package.

import { createServer } from "node:net";
import { Cleanup, connect, eventually, freePort } from "@marugoto/testing";
import { afterEach, describe, expect, test } from "vitest";
import { becomes, nodeFlags, nodePlace, startNode, startPair, stats } from "./pair.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

describe("a pair", () => {
  test("holds the same, whichever side is written to", async () => {
    const { master, slave } = await startPair(opened);
    expect(await master.ask("set a 5 0 3\r\nabc")).toBe("STORED");
    expect(await slave.ask("mg a v f")).toBe("VA 3 f5");
    expect(await slave.readLine()).toBe("abc");
    expect(await slave.ask("set b 0 0 1\r\n1")).toBe("STORED");
    expect(await slave.ask("incr b 41")).toBe("42");
    expect(await master.ask("mg b v")).toBe("VA 2");
    expect(await stats(master)).toMatchObject({ role: "master", replicas: "1", unprotected_acks: "0" });
  });

  test("the slave takes over when the master is killed, and the old master comes back as slave", async () => {
    const { flags, first, second, master, slave } = await startPair(opened);
    for (let i = 0; i < 100; i++) expect(await master.ask(`set k${i} 0 0 1\r\nx`)).toBe("STORED");
    await first.stop("SIGKILL");
    expect(await eventually(async () => (await slave.ask("set after 0 0 1\r\ny")) === "STORED")).toBe(true);
    for (let i = 0; i < 100; i++) expect(await slave.ask(`mg k${i}`)).toBe("HD");
    const returned = await startNode(opened, flags[0]);
    const back = opened.add(await connect(returned.port));
    await becomes(back, "slave");
    expect(await back.ask("mg after")).toBe("HD");
    expect((await stats(slave)).role).toBe("master");
    expect(second.stderr).toContain("replication: close\n");
    expect(returned.stderr).toContain("replication: marugoto copying\n");
    expect(returned.stderr).toContain("replication: start\n");
  });

  test("attaches when both are started at once", async () => {
    const places = [await nodePlace(), await nodePlace()] as const;
    await Promise.all([
      startNode(opened, nodeFlags(places[0], places[1])),
      startNode(opened, nodeFlags(places[1], places[0])),
    ]);
    const clients = [opened.add(await connect(places[0].clientPort)), opened.add(await connect(places[1].clientPort))];
    await eventually(async () => {
      const roles = await Promise.all(clients.map(async (client) => (await stats(client)).role));
      return roles.sort().join() === "master,slave";
    });
  });

  test("of two nodes on one host with repcached's own flags: one port for both, bound by whoever is master", async () => {
    const port = String(await freePort());
    const places = [await nodePlace(), await nodePlace()] as const;
    const flags = places.map(({ clientPort }) => ["-p", String(clientPort), "-x", "127.0.0.1", "-X", port, "-v"]);
    const first = await startNode(opened, flags[0]!);
    const master = opened.add(await connect(first.port));
    await becomes(master, "master");
    const second = await startNode(opened, flags[1]!);
    const slave = opened.add(await connect(second.port));
    await becomes(slave, "slave");
    expect(second.stderr).toMatch(/can't be listened on, and is tried again on takeover: .*EADDRINUSE/);
    await first.stop("SIGKILL");
    await becomes(slave, "master");
    await eventually(() => second.stderr.includes(`listening on 127.0.0.1:${port}\n`));
    const back = await startNode(opened, flags[0]!);
    await becomes(opened.add(await connect(back.port)), "slave");
  });
});

describe("clients are let in", () => {
  test("after the first copy, not before", async () => {
    const places = [await nodePlace(), await nodePlace()] as const;
    const first = await startNode(opened, nodeFlags(places[0], undefined, "-m", "200"));
    const master = opened.add(await connect(first.port));
    const value = "v".repeat(100_000);
    const items = 1000;
    for (let i = 0; i < items; i++) await master.sendAll(`set k${i} 0 0 100000 noreply\r\n${value}\r\n`);
    expect(await master.ask("mn")).toBe("MN");
    const second = await startNode(opened, nodeFlags(places[1], places[0], "-m", "200"), false);
    // The first connection that is taken finds everything.
    const slave = opened.add(await eventually(() => connect(places[1].clientPort), { withinMs: 10_000, everyMs: 1 }));
    for (const key of ["k0", `k${items - 1}`]) expect(await slave.ask(`mg ${key}`)).toBe("HD");
    expect((await stats(slave)).role).toBe("slave");
    expect(second.stderr.indexOf("replication: start\n")).toBeLessThan(
      second.stderr.indexOf(`\nlistening on 127.0.0.1:${places[1].clientPort}\n`),
    );
  });

  test("at once, when there is nobody to copy from", async () => {
    const place = await nodePlace();
    const node = await startNode(opened, nodeFlags(place, await nodePlace()));
    const client = opened.add(await connect(node.port));
    await becomes(client, "master");
    expect(await client.ask("set a 0 0 1\r\nx")).toBe("STORED");
  });
});

describe("SIGTERM", () => {
  test("hands over: the other goes on as master, with everything, and the process is gone within 5 s", async () => {
    const { first, second, master, slave } = await startPair(opened);
    const acked: string[] = [];
    // Written to until the connection ends: what was answered STORED is on the other side.
    const writing = (async () => {
      for (let i = 0; ; i++) {
        const answer = await master.ask(`set k${i} 0 0 1\r\nx`).catch(() => "gone");
        if (answer !== "STORED") return answer;
        acked.push(`k${i}`);
      }
    })();
    await eventually(() => acked.length > 50);
    const before = performance.now();
    expect(await first.stop("SIGTERM", 6000)).toEqual({ code: 0, signal: null });
    const tookMs = performance.now() - before;
    await writing;
    await becomes(slave, "master");
    for (const key of acked) expect(await slave.ask(`mg ${key}`)).toBe("HD");
    expect(await slave.ask("set after 0 0 1\r\ny")).toBe("STORED");
    expect(tookMs).toBeLessThan(5000);
    expect(first.stderr).toContain("got signal 15\n");
    expect(first.stderr.endsWith("replication: cleanup complete\n")).toBe(true);
    expect(second.stderr).toMatch(/slave -> .*master|-> master/);
  });

  test("of a slave leaves the master a master", async () => {
    const { second, master } = await startPair(opened);
    expect(await second.stop("SIGTERM", 6000)).toEqual({ code: 0, signal: null });
    expect(await master.ask("set after 0 0 1\r\ny")).toBe("STORED");
    expect((await stats(master)).role).toBe("master");
  });

  test("of a master without a replica takes no longer than that of any server", async () => {
    const node = await startNode(opened, nodeFlags(await nodePlace(), await nodePlace()));
    const before = performance.now();
    expect(await node.stop("SIGTERM")).toEqual({ code: 0, signal: null });
    expect(performance.now() - before).toBeLessThan(2000);
  });

  test("ends a node that still waits for its first copy", async () => {
    // A peer that takes the connection and says nothing.
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    opened.defer(() => silent.close());
    const dialled = new Promise((resolve) => silent.once("connection", resolve));
    const address = silent.address();
    const peerPort = typeof address === "object" && address !== null ? address.port : 0;
    const peer = { clientPort: 0, replicationPort: peerPort };
    const node = await startNode(opened, nodeFlags(await nodePlace(), peer, "--peer-timeout", "60000"), false);
    await dialled;
    expect(await node.stop("SIGTERM")).toEqual({ code: 0, signal: null });
  });
});

test("a node whose replication port is another's says so, and serves without it", async () => {
  const place = await nodePlace();
  await startNode(opened, nodeFlags(place, undefined));
  const { clientPort } = await nodePlace();
  const node = await startNode(opened, ["-p", String(clientPort), "-X", String(place.replicationPort)]);
  const client = opened.add(await connect(node.port));
  expect(await client.ask("set a 0 0 1\r\nx")).toBe("STORED");
  expect(node.stderr).toContain(`replication: 127.0.0.1:${place.replicationPort} can't be listened on`);
});

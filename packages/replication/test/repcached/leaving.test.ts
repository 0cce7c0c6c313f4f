// From a repcached's slave to the master of our own nodes, without losing what was copied.

import { createServer, type Server } from "@marugoto/server";
import { Cleanup, connect, eventually, freePort } from "@marugoto/testing";
import { afterEach, describe, expect, test } from "vitest";
import { createReplication, type ReplicationOptions } from "../../src/index.ts";
import { listenAsMaster, replicationStats } from "./node.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

const loopback = (port: number) => ({ kind: "tcp", host: "127.0.0.1", port }) as const;

function start(options: Partial<ReplicationOptions>) {
  const replication = createReplication(options);
  const told: string[] = [];
  replication.events.on("role", ({ from, to }) => told.push(`${from}>${to}`));
  const server: Server = createServer({ listeners: [loopback(0)] }, replication.hooks);
  opened.add({
    close: async () => {
      await replication.close();
      await server.close({ graceMs: 0 });
    },
  });
  const served = replication.start(server).then(async () => {
    const [endpoint] = await server.listen();
    return opened.add(await connect(endpoint?.kind === "tcp" ? endpoint.port : 0));
  });
  served.catch(() => undefined);
  return { replication, server, told, served };
}

describe("a node that leaves repcached", () => {
  test("copies, follows, takes over with everything, and is copied by our own nodes", async () => {
    const master = await listenAsMaster(opened);
    const own = await freePort();
    const leaving = start({ peers: [loopback(master.port)], listen: loopback(own), leaveRepcached: true });
    const link = await master.next();
    link.send("rep a 5 0 3 7\r\nabc\r\nmarugoto_end\r\n");
    const client = await leaving.served;
    expect(leaving.replication.role).toBe("slave");
    link.send("rep b 0 0 1 8\r\nx\r\n");
    await eventually(() => client.ask("mg b").then((answer) => answer === "HD"));
    master.stop();
    await link.close();
    await eventually(() => leaving.replication.role === "master");
    expect(await client.ask("set c 0 0 1\r\ny")).toBe("STORED");
    expect(await replicationStats(client)).toMatchObject({ role: "master", listen_port: String(own) });

    const second = start({ peers: [loopback(own)], peerTimeoutMs: 2000 });
    const other = await second.served;
    await eventually(() => second.replication.role === "slave");
    for (const key of ["a", "b", "c"]) expect(await other.ask(`mg ${key}`)).toBe("HD");
    expect(await other.ask("mg a c")).toBe("HD c7");
    expect(await other.ask("set d 0 0 1\r\nz")).toBe("STORED");
    expect(await client.ask("mg d")).toBe("HD");
    expect(leaving.told).toEqual([
      "starting>copying",
      "copying>slave",
      "slave>master",
      "starting>candidate",
      "candidate>master",
    ]);
  });

  test("is master at once, even when one of our own nodes, empty, has been waiting for it", async () => {
    const master = await listenAsMaster(opened);
    const own = await freePort();
    const leaving = start({ peers: [loopback(master.port)], listen: loopback(own), leaveRepcached: true });
    const link = await master.next();
    link.send("rep a 5 0 3 7\r\nabc\r\nmarugoto_end\r\n");
    await leaving.served;
    const waiting = start({ peers: [loopback(own)], peerTimeoutMs: 60_000 });
    master.stop();
    await link.close();
    const other = await waiting.served;
    await eventually(() => waiting.replication.role === "slave");
    // It had become the master of nothing, and keeps that until the copy is here.
    await eventually(() => other.ask("mg a").then((answer) => answer === "HD"));
    expect(leaving.server.store.currItems).toBe(1);
    expect(leaving.replication.role).toBe("master");
  });

  test("does not start without a repcached to leave", async () => {
    const { served } = start({ peers: [loopback(await freePort())], leaveRepcached: true });
    await expect(served).rejects.toThrow("no repcached answers");
  });

  test.each([[[]], [[loopback(1), loopback(2)]]])("needs one peer: %j", (peers) => {
    expect(() => createReplication({ peers, leaveRepcached: true })).toThrow("leaveRepcached needs the one peer");
  });
});

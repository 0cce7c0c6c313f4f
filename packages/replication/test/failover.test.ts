// What becomes of a pair when a link is reset, cut or hung, and when a master hands over; over real sockets, with a
// proxy between the nodes where the network has to misbehave.

import { Cleanup, eventually, startFaultProxy, type FaultProxy } from "@marugoto/testing";
import { afterEach, describe, expect, test } from "vitest";
import type { ReplicationOptions } from "../src/index.ts";
import { SystemTimers } from "../src/net/system-timers.ts";
import {
  client,
  digest,
  expectSame,
  inStep,
  loopback,
  startNode,
  startPair,
  status,
  type TestNode,
} from "./support/group.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

/** Quick to notice, and still far above what a busy machine delays. */
const quick: Partial<ReplicationOptions> = { heartbeatMs: 50, peerTimeoutMs: 400 };

/** A master and a slave whose link goes through a proxy. */
async function proxied(options: Partial<ReplicationOptions> = quick): Promise<[TestNode, TestNode, FaultProxy]> {
  const a = startNode(opened, options);
  await a.ready;
  const proxy = opened.add(await startFaultProxy(loopback(a.port())));
  const b = startNode(opened, { ...options, listen: undefined, peers: [loopback(proxy.port)] });
  await b.ready;
  await inStep(a);
  return [a, b, proxy];
}

async function set(node: TestNode, from: number, to: number, value: string): Promise<void> {
  const connection = await client(opened, node);
  for (let i = from; i < to; i++) connection.send(`set key${i} 0 0 ${value.length} noreply\r\n${value}\r\n`);
  connection.send("mn\r\n");
  await connection.readUntil("MN\r\n");
}

const role = (node: TestNode, wanted: string) =>
  eventually(() => node.replication.role === wanted, { withinMs: 10_000 });

describe("a link", () => {
  test("that is reset is linked again, and only what was missed is sent; no role changes", async () => {
    // The slave takes over when the link is down for this long, and a busy machine may take its time for the writes.
    const [a, b, proxy] = await proxied({ ...quick, peerTimeoutMs: 10_000 });
    await set(a, 0, 2000, "before");
    await inStep(a);
    const roles: string[] = [];
    for (const node of [a, b]) node.replication.events.on("role", ({ to }) => roles.push(to));
    proxy.refuse = true;
    proxy.cut();
    await set(a, 0, 500, "after");
    const sent = proxy.forwarded.down;
    proxy.refuse = false;
    await eventually(() => a.replication.node!.downstreams.size === 1, { withinMs: 5000 });
    await inStep(a);
    expectSame(b, a);
    const missed = 500 * 45;
    expect(proxy.forwarded.down - sent).toBeLessThan(1.1 * missed + 2000);
    const { counters } = a.replication.node!;
    expect([counters.fullCopiesOut, counters.partialOut]).toEqual([1, 1]);
    expect(roles).toEqual(["probing", "slave"]);
  });

  test("cut for longer than the backlog: a full copy while the replica serves, and removed keys are gone", async () => {
    const [a, b, proxy] = await proxied({ ...quick, peerTimeoutMs: 5000, backlogBytes: 64 * 1024 });
    await set(a, 0, 1000, "before");
    await inStep(a);
    proxy.refuse = true;
    proxy.cut();
    await set(a, 500, 5000, "after");
    const onA = await client(opened, a);
    onA.send("delete key3\r\n");
    await onA.readUntil("DELETED\r\n");
    const onB = await client(opened, b);
    onB.send("get key1\r\n");
    expect(await onB.readUntil("END\r\n")).toContain("before");
    proxy.refuse = false;
    await eventually(() => a.replication.node!.downstreams.size === 1, { withinMs: 5000 });
    await inStep(a);
    expectSame(b, a);
    expect(a.replication.node!.counters.fullCopiesOut).toBe(2);
    expect(b.replication.role).toBe("slave");
  });

  test("that carries nothing for the limit counts as dead: the slave takes over, and both merge when it heals", async () => {
    const [a, b, proxy] = await proxied();
    await set(a, 0, 100, "before");
    await inStep(a);
    Object.assign(proxy.up, { stalled: true });
    Object.assign(proxy.down, { stalled: true });
    await role(b, "master");
    await set(a, 0, 60, "on a");
    await new Promise((resolve) => setTimeout(resolve, 5));
    await set(b, 40, 100, "on b");
    await set(a, 200, 210, "only a");
    const merged: unknown[] = [];
    b.replication.events.on("merged", ({ taken, discarded }) => merged.push({ taken, discarded }));
    proxy.heal();
    proxy.cut();
    await role(a, "slave");
    await inStep(b);
    expectSame(a, b);
    const onB = await client(opened, b);
    onB.send("get key0 key50 key99 key205\r\n");
    const text = await onB.readUntil("END\r\n");
    expect(text.match(/on a|on b|only a/g)).toEqual(["on a", "on b", "on b", "only a"]);
    expect(merged).toEqual([{ taken: 50, discarded: 20 }]);
  });
});

/** Timers whose `defer` can be held back: nothing that is done in slices goes on. */
class GatedTimers extends SystemTimers {
  isHeld = false;
  readonly #held: (() => void)[] = [];

  override defer(task: () => void): void {
    if (this.isHeld) this.#held.push(task);
    else super.defer(task);
  }

  open(): void {
    this.isHeld = false;
    for (const task of this.#held.splice(0)) task();
  }
}

test("who is promoted in the middle of a refill serves nothing that may be stale, and forgets it in slices", async () => {
  const [timersA, timersB] = [new GatedTimers(), new GatedTimers()];
  const options = { ...quick, peerTimeoutMs: 5000, backlogBytes: 64 * 1024 };
  const a = startNode(opened, options, { means: { timers: timersA } });
  await a.ready;
  const proxy = opened.add(await startFaultProxy(loopback(a.port())));
  const b = startNode(
    opened,
    { ...options, listen: undefined, peers: [loopback(proxy.port)] },
    { means: { timers: timersB } },
  );
  await b.ready;
  await set(a, 0, 6000, "old");
  await inStep(a);
  proxy.refuse = true;
  proxy.cut();
  await set(a, 0, 6000, "new");
  timersA.isHeld = true;
  proxy.refuse = false;
  await eventually(() => !b.replication.node!.complete, { withinMs: 5000 });
  timersB.isHeld = true;
  await proxy.close();
  await a.close();
  await role(b, "master");
  // The first slice is gone, the others are there still.
  expect(b.replication.node!.complete).toBe(false);
  expect(digest(b).length).toBeGreaterThan(3000);
  const stale = digest(b).map((item) => item.split(" ")[0]!);
  const onB = await client(opened, b);
  onB.send(`get ${stale.slice(0, 50).join(" ")}\r\nmg ${stale[50]!} v\r\nadd ${stale[51]!} 0 0 1\r\nx\r\nmn\r\n`);
  expect(await onB.readUntil("MN\r\n")).toBe("END\r\nEN\r\nSTORED\r\nMN\r\n");
  timersB.open();
  await eventually(() => b.replication.node!.complete, { withinMs: 5000 });
  expect(digest(b).map((item) => item.split(" ")[0])).toEqual([stale[51]]);
});

describe("a handover", () => {
  test("loses nothing and no client hears an error; the old master follows", async () => {
    const [a, b] = await startPair(opened);
    const onA = await client(opened, a);
    for (let i = 0; i < 2000; i++) onA.send(`set key${i} 0 0 1\r\nx\r\n`);
    const handed = a.replication.handover();
    for (let i = 2000; i < 4000; i++) onA.send(`set key${i} 0 0 1\r\nx\r\n`);
    onA.send("mn\r\n");
    expect(await onA.readUntil("MN\r\n")).toBe(`${"STORED\r\n".repeat(4000)}MN\r\n`);
    expect(await handed).toBe(true);
    expect([a.replication.role, b.replication.role]).toEqual(["slave", "master"]);
    await inStep(b);
    expectSame(a, b);
    expect(digest(b)).toHaveLength(4000);
  });

  test("without a replica in step is refused", async () => {
    const a = startNode(opened, {});
    await a.ready;
    expect(await a.replication.handover()).toBe(false);
    expect(a.replication.role).toBe("master");
  });
});

describe("protection", () => {
  test("with syncReplicas an answer waits until a replica has applied the write, or for the limit", async () => {
    const [a, , proxy] = await proxied({ ...quick, syncReplicas: 1 });
    await set(a, 0, 10, "x");
    const onA = await client(opened, a);
    onA.send("set y 0 0 1\r\ny\r\n");
    await onA.readUntil("STORED\r\n");
    expect(a.replication.node!.protection.unprotected).toBe(0);
    Object.assign(proxy.down, { stalled: true });
    onA.send("set z 0 0 1\r\nz\r\n");
    await onA.readUntil("STORED\r\n");
    expect(a.replication.node!.protection.unprotected).toBe(1);
  });

  test("with syncDegrade refuse, writes are refused while too few replicas are in step; reads are served", async () => {
    const a = startNode(opened, { ...quick, syncReplicas: 1, syncDegrade: "refuse" });
    const onA = await client(opened, a);
    onA.send("set x 0 0 1\r\nx\r\nget x\r\nmg x\r\nmn\r\n");
    expect(await onA.readUntil("MN\r\n")).toBe("SERVER_ERROR replication: not enough replicas\r\nEND\r\nEN\r\nMN\r\n");
  });

  test("a replica that takes nothing holds answers for holdMs once, then counts as behind", async () => {
    const [a, b, proxy] = await proxied({ peerTimeoutMs: 60_000 });
    Object.assign(proxy.down, { stalled: true });
    const onA = await client(opened, a);
    const value = "v".repeat(900_000);
    for (let i = 0; i < 30; i++) {
      onA.send(`set big${i} 0 0 ${value.length}\r\n${value}\r\n`);
      await onA.readUntil("STORED\r\n");
    }
    const shown = await status(onA);
    expect(shown.get("replicas_in_step")).toBe("0");
    expect(Number(shown.get("unprotected_acks"))).toBeGreaterThan(0);
    expect(Number(shown.get("backlog_bytes"))).toBeLessThanOrEqual(17 * 1024 * 1024);
    expect(a.replication.role).toBe("master");
    proxy.heal();
    await inStep(a);
    // Values that the small store had to evict may be others on each side; what both hold is the same.
    const onB = new Set(digest(b));
    expect(digest(a).filter((row) => onB.has(row)).length).toBeGreaterThan(5);
  });
});

// Groups of more than two, chains, nodes of one host, and replicas that differ in memory; over real sockets.

import { Cleanup, eventually, startFaultProxy } from "@marugoto/testing";
import { afterEach, describe, expect, test } from "vitest";
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

async function tell(node: TestNode, request: string): Promise<string> {
  const connection = await client(opened, node);
  connection.send(`${request}\r\nmn\r\n`);
  const answer = await connection.readUntil("MN\r\n");
  await connection.close();
  return answer.slice(0, -"MN\r\n".length).trimEnd();
}

const copiesOf = (...nodes: TestNode[]) => nodes.map(({ replication }) => replication.node!.counters.fullCopiesIn);

const becomes = (node: TestNode, role: string) =>
  eventually(() => node.replication.role === role, { withinMs: 10_000 });

/** Nodes that all know the first; those after it also know each other. */
async function startGroup(count: number): Promise<TestNode[]> {
  const nodes: TestNode[] = [];
  for (let i = 0; i < count; i++) {
    const node = startNode(opened, { peers: nodes.map((other) => loopback(other.port())) });
    await node.ready;
    nodes.push(node);
  }
  await inStep(nodes[0]!, count - 1);
  return nodes;
}

describe("many replicas", () => {
  test("four follow one master, from one log", async () => {
    const [master, ...replicas] = await startGroup(5);
    for (const [i, node] of [master!, ...replicas].entries())
      expect(await tell(node, `set k${i} 0 0 1\r\nx`)).toBe("STORED");
    await inStep(master!, 4);
    for (const replica of replicas) expectSame(replica, master!);
    expect(new Set([...master!.replication.node!.downstreams].map(({ rank }) => rank)).size).toBe(4);
    expect((await status(await client(opened, master!))).get("replicas_in_step")).toBe("4");
  });

  test("when the master is gone one takes over, and the others go on from where they were: no copy", async () => {
    const [master, b, c] = (await startGroup(3)) as [TestNode, TestNode, TestNode];
    expect(await tell(master, "set k 0 0 1\r\n1")).toBe("STORED");
    await inStep(master, 2);
    await master.close();
    await eventually(() => [b, c].filter(({ replication }) => replication.role === "master").length === 1, {
      withinMs: 10_000,
    });
    const [next, other] = b.replication.role === "master" ? [b, c] : [c, b];
    await inStep(next);
    expect(await tell(other, "incr k 1")).toBe("2");
    expectSame(other, next);
    expect(copiesOf(b, c)).toEqual([1, 1]);
  });
});

describe("a chain", () => {
  test("passes effects down and requests up; when its head is gone the next is master, without a copy", async () => {
    const a = startNode(opened, {});
    await a.ready;
    const b = startNode(opened, { peers: [loopback(a.port())] });
    await b.ready;
    const c = startNode(opened, { peers: [loopback(b.port())] });
    await c.ready;
    expect(await tell(c, "set n 0 0 1\r\n1\r\nincr n 5")).toBe("STORED\r\n6");
    await inStep(a);
    await inStep(b);
    expectSame(c, a);
    await a.close();
    await becomes(b, "master");
    expect(await tell(c, "incr n 1")).toBe("7");
    expectSame(c, b);
    expect(copiesOf(b, c)).toEqual([1, 1]);
  });
});

describe("two nodes of one host with one replication port", () => {
  test("the later one says that it can't listen, and does when it takes over", async () => {
    const a = startNode(opened, {});
    await a.ready;
    const port = a.port();
    const b = startNode(opened, { listen: loopback(port), peers: [loopback(port)] });
    let refusals = 0;
    b.replication.events.on("listenRefused", () => refusals++);
    await b.ready;
    await inStep(a);
    expect([refusals, b.port(), b.replication.role]).toEqual([1, 0, "slave"]);
    await a.close();
    await becomes(b, "master");
    await eventually(() => b.port() === port, { withinMs: 5000 });
    const again = startNode(opened, { listen: loopback(port), peers: [loopback(port)] });
    await again.ready;
    expect([again.replication.role, b.replication.role]).toEqual(["slave", "master"]);
  });

  test("one that is started twice attaches to the first, whatever its command line says", async () => {
    const a = startNode(opened, {});
    await a.ready;
    const twin = startNode(opened, { listen: loopback(a.port()) });
    await twin.ready;
    expect([a.replication.role, twin.replication.role]).toEqual(["master", "slave"]);
  });
});

test("what a replica evicts stays with the master", async () => {
  const a = startNode(opened, {});
  await a.ready;
  const b = startNode(opened, { peers: [loopback(a.port())] }, { server: { memoryBytes: 2 * 1024 * 1024 } });
  await b.ready;
  const onA = await client(opened, a);
  const value = "v".repeat(5000);
  for (let i = 0; i < 1000; i++) onA.send(`set k${i} 0 0 ${value.length} noreply\r\n${value}\r\n`);
  onA.send("mn\r\n");
  await onA.readUntil("MN\r\n");
  await inStep(a);
  expect(digest(a)).toHaveLength(1000);
  expect(digest(b).length).toBeLessThan(500);
  expect(a.server.store.evictions).toBe(0);
});

test("a request whose outcome can't be known within the limit is told so, and is executed once at most", async () => {
  const a = startNode(opened, {});
  await a.ready;
  const proxy = opened.add(await startFaultProxy(loopback(a.port())));
  const quick = { heartbeatMs: 50, peerTimeoutMs: 500, listen: undefined };
  const b = startNode(opened, { ...quick, peers: [loopback(proxy.port)] });
  await b.ready;
  await inStep(a);
  expect(await tell(b, "set n 0 0 1\r\n1")).toBe("STORED");
  const answer = tell(b, "incr n 1");
  proxy.up.stalled = proxy.down.stalled = true;
  const text = await answer;
  // The link is silent for as long as a request may wait: either b took over and did it, or it says that nobody knows.
  expect(text).toMatch(/^(2|SERVER_ERROR replication: outcome unknown)$/);
  proxy.heal();
  await eventually(() => [a, b].filter(({ replication }) => replication.role === "master").length === 1, {
    withinMs: 10_000,
  });
  await inStep(a.replication.role === "master" ? a : b);
  expectSame(a, b);
});

test("the log keeps what it may, and drops what is older", async () => {
  const [a, b] = await startPair(opened, { backlogBytes: 256 * 1024 });
  const sets = Array.from({ length: 200 }, (_, i) => `set k${i} 0 0 5000 noreply\r\n${"x".repeat(5000)}`);
  await tell(a, sets.join("\r\n"));
  await inStep(a);
  const { log } = a.replication.node!;
  expect(log.end).toBeGreaterThan(1_000_000);
  expect(log.end - log.start).toBeLessThanOrEqual(256 * 1024);
  expectSame(b, a);
});

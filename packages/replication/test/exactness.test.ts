// cas numbers and expiries are the same everywhere: over a takeover, and between clocks that are an hour apart.

import { Cleanup, eventually } from "@marugoto/testing";
import { afterEach, expect, test } from "vitest";
import { SystemTimers } from "../src/net/system-timers.ts";
import { client, contentOf, digest, inStep, loopback, startNode, startPair, type TestNode } from "./support/group.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

/** A wall clock that is wrong by `skewMs`. */
class SkewedTimers extends SystemTimers {
  readonly #skewMs: number;

  constructor(skewMs: number) {
    super();
    this.#skewMs = skewMs;
  }

  override unixMs(): number {
    return super.unixMs() + this.#skewMs;
  }
}

const casOf = async (node: TestNode, key: string): Promise<string> => {
  const connection = await client(opened, node);
  connection.send(`gets ${key}\r\n`);
  return / (\d+)\r\n/.exec(await connection.readUntil("END\r\n"))![1]!;
};

test("a cas number read before a takeover is good while the value stands, and stale once it has changed", async () => {
  const [a, b] = await startPair(opened);
  const onA = await client(opened, a);
  onA.send("set kept 0 0 1\r\n1\r\nset changed 0 0 1\r\n1\r\nmn\r\n");
  await onA.readUntil("MN\r\n");
  const kept = await casOf(a, "kept");
  const changed = await casOf(a, "changed");
  await inStep(a);
  await a.close();
  await eventually(() => b.replication.role === "master", { withinMs: 3000 });
  const onB = await client(opened, b);
  // As many writes as the old master had made: a counter that began again would meet the old number.
  for (let i = 0; i < 10; i++) onB.send("set changed 0 0 1\r\n2\r\n");
  onB.send(`cas changed 0 0 1 ${changed}\r\n3\r\ncas kept 0 0 1 ${kept}\r\n3\r\nmn\r\n`);
  const answers = await onB.readUntil("MN\r\n");
  expect(answers).toBe(`${"STORED\r\n".repeat(10)}EXISTS\r\nSTORED\r\nMN\r\n`);
  expect(BigInt(await casOf(b, "kept"))).toBeGreaterThan(2n ** 40n);
});

test("expiries agree to within a second between clocks an hour apart, and a way there and back changes nothing", async () => {
  const a = startNode(opened, {}, { means: { timers: new SkewedTimers(0) } });
  const onA = await client(opened, a);
  for (let i = 1; i <= 50; i++) onA.send(`set key${i} 0 ${i * 7} 1\r\nx\r\n`);
  onA.send("set never 0 0 1\r\nx\r\nset now 0 1000 1\r\nx\r\ntouch now 77\r\nmn\r\n");
  await onA.readUntil("MN\r\n");
  const b = startNode(opened, { peers: [loopback(a.port())] }, { means: { timers: new SkewedTimers(3_600_000) } });
  await b.ready;
  onA.send("set late 0 333 1\r\nx\r\nmn\r\n");
  await onA.readUntil("MN\r\n");
  await inStep(a);
  const there = ttls(b);
  for (const [key, ttl] of ttls(a)) expect(Math.abs(there.get(key)! - ttl), key).toBeLessThanOrEqual(1);
  expect(there.get("never")).toBe(-1);
  // Back by a handover and a fresh copy from b.
  const before = new Map([...ttls(a)].map(([key, ttl]) => [key, ttl === -1 ? -1 : ttl + a.server.clock.seconds]));
  expect(await a.replication.handover()).toBe(true);
  const onB = await client(opened, b);
  onB.send("touch key1 7\r\n");
  await onB.readUntil("TOUCHED\r\n");
  await inStep(b);
  const after = new Map([...ttls(a)].map(([key, ttl]) => [key, ttl === -1 ? -1 : ttl + a.server.clock.seconds]));
  before.delete("key1");
  for (const [key, at] of before) expect(after.get(key), key).toBe(at);
});

test("a flush with a delay happens on both at the same second", async () => {
  const [a, b] = await startPair(opened);
  const onA = await client(opened, a);
  onA.send("set x 0 0 1\r\nx\r\nflush_all 2\r\nmn\r\n");
  await onA.readUntil("MN\r\n");
  await inStep(a);
  expect(digest(b)).toHaveLength(1);
  await eventually(() => digest(a).length === 0 && digest(b).length === 0, { withinMs: 5000 });
});

test("a flush with a delay reaches a replica that comes before it happens", async () => {
  const a = startNode(opened, {});
  const onA = await client(opened, a);
  onA.send("set x 0 0 1\r\nx\r\nflush_all 3\r\nmn\r\n");
  await onA.readUntil("MN\r\n");
  const b = startNode(opened, { peers: [loopback(a.port())] });
  await b.ready;
  await inStep(a);
  expect(digest(b)).toHaveLength(1);
  await eventually(() => digest(a).length === 0 && digest(b).length === 0, { withinMs: 8000 });
});

function ttls(node: TestNode): Map<string, number> {
  return new Map(contentOf(node).map(({ item, ttl }) => [item.split(" ", 1)[0]!, ttl]));
}

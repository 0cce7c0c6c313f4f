// Who may attach, and what becomes of everybody else.

import { Cleanup, connect, eventually, freshSeed, seededRandom } from "@marugoto/testing";
import { afterEach, expect, test } from "vitest";
import { Way, writePreface } from "../src/net/paired-link.ts";
import { writeHello } from "../src/wire/messages.ts";
import { client, inStep, loopback, startNode } from "./support/group.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

const secret = Buffer.from("sixteen bytes or more");

test("who knows the secret attaches; who knows another is refused by both sides, and counted", async () => {
  const a = startNode(opened, { secret });
  await a.ready;
  const refused: string[] = [];
  a.replication.events.on("refused", ({ reason }) => refused.push(reason));
  const wrong = startNode(opened, {
    secret: Buffer.from("another secret of ours"),
    peers: [loopback(a.port())],
    peerTimeoutMs: 300,
    heartbeatMs: 100,
  });
  await eventually(() => refused.length > 0, { withinMs: 5000 });
  expect(refused[0]).toBe("wrong secret");
  expect(a.replication.node!.counters.refusedPeers).toBeGreaterThan(0);
  expect(a.replication.node!.downstreams.size).toBe(0);
  await wrong.close();
  const right = startNode(opened, { secret, peers: [loopback(a.port())] });
  await right.ready;
  await inStep(a);
  expect(right.replication.role).toBe("slave");
});

test("a node whose peer is itself says so and serves alone", async () => {
  const selves: string[] = [];
  const a = startNode(opened, {});
  await a.ready;
  const port = a.port();
  await a.close();
  const b = startNode(opened, { listen: loopback(port), peers: [loopback(port)] });
  b.replication.events.on("self", ({ peer }) => selves.push(peer));
  await b.ready;
  expect(b.replication.role).toBe("master");
  expect(selves.length).toBeGreaterThan(0);
});

test("a stranger gets no byte beyond the greeting, and garbage changes nothing", async () => {
  const seed = freshSeed();
  const random = seededRandom(seed);
  const a = startNode(opened, { peerTimeoutMs: 300, heartbeatMs: 100 });
  const onA = await client(opened, a);
  onA.send("set secret 0 0 5\r\nvalue\r\n");
  await onA.readUntil("STORED\r\n");
  const errors: unknown[] = [];
  a.replication.events.on("error", (error) => errors.push(error));
  for (let i = 0; i < 60; i++) {
    const token = random.bytes(16);
    const up = opened.add(await connect(loopback(a.port())));
    const down = opened.add(await connect(loopback(a.port())));
    const greets = random.chance(0.5);
    if (random.chance(0.8)) {
      up.send(writePreface(Way.up, token));
      down.send(writePreface(Way.down, token));
    }
    if (greets) {
      const hello = writeHello({
        version: 1,
        oldestVersion: 1,
        features: 0,
        nodeId: random.bytes(16),
        nonce: random.bytes(16),
      });
      up.send(random.chance(0.5) ? hello : hello.subarray(0, random.int(56)));
    }
    up.send(random.bytes(random.int(3000)));
    down.send(random.bytes(random.int(100)));
    await eventually(() => up.ended && down.ended, { withinMs: 8000 });
    expect(down.arrivedBytes, `seed ${seed}`).toBeLessThanOrEqual(56);
    expect(up.arrivedBytes, `seed ${seed}`).toBe(0);
  }
  expect(a.replication.role).toBe("master");
  expect(errors).toEqual([]);
  onA.send("get secret\r\n");
  expect(await onA.readUntil("END\r\n")).toContain("value");
});

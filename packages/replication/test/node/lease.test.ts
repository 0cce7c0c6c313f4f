// A master by a lease: who gets the lease next when it has it no more, and in which epoch it writes, namely that which came
// with the lease, above all that the coordinator and linked nodes know of.

import { TypedEvents } from "@marugoto/core";
import { seededRandom } from "@marugoto/testing";
import { expect, test } from "vitest";
import type { Coordinator, CoordinatorEvents, DrawEpoch } from "../../src/coordinator/coordinator.ts";
import { SimCoordinator } from "../simulation/sim-coordinator.ts";
import { SimNode } from "../simulation/sim-node.ts";
import { VirtualNetwork } from "../simulation/virtual-network.ts";
import { VirtualTime, type VirtualProcess } from "../simulation/virtual-time.ts";

/** A lease that is given when the test says so. */
class HandLease implements Coordinator {
  readonly events = new TypedEvents<CoordinatorEvents>();
  draw: DrawEpoch = () => 0;
  raises = 0;
  isHeld = false;
  #term = 0;

  start(_nodeId: string, draw: DrawEpoch): void {
    this.draw = draw;
  }

  give(epoch: number): void {
    this.isHeld = true;
    this.events.emit("acquired", { term: ++this.#term, epoch });
  }

  take(): void {
    this.isHeld = false;
    this.events.emit("lost", { reason: "the test says so" });
  }

  acquire(): void {
    // It is given by hand.
  }

  raise(): void {
    this.raises++;
  }

  release(): Promise<void> {
    this.isHeld = false;
    return Promise.resolve();
  }

  holds(): boolean {
    return this.isHeld;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

class Group {
  readonly time = new VirtualTime();
  readonly random = seededRandom(3);
  readonly network = new VirtualNetwork(this.time, this.random.fork());

  async start(host: string, peer: string, coordinator: (process: VirtualProcess) => Coordinator): Promise<SimNode> {
    const parts = { name: host, host, peers: [peer], network: this.network, random: this.random.fork(), options: {} };
    const ignore = () => undefined;
    const node = new SimNode({ ...parts, planted: "none", onWrite: ignore, onPromoted: ignore, coordinator });
    // What it does before its first event is in promises.
    await new Promise(setImmediate);
    await this.run(700);
    return node;
  }

  async startByHand(host: string, peer: string): Promise<[SimNode, HandLease]> {
    const lease = new HandLease();
    return [await this.start(host, peer, () => lease), lease];
  }

  kill({ process }: SimNode): void {
    process.kill();
    this.network.died(process);
  }

  run(forMs: number): Promise<void> {
    return this.time.runUntil(this.time.nowMs + forMs);
  }
}

/** A master and its replica, which can be cut off from the coordinator. */
async function startPair() {
  const group = new Group();
  const coordinator = new SimCoordinator(group.time, group.random.fork(), true);
  const start = (host: string, peer: string) => group.start(host, peer, (process) => coordinator.for(process, host));
  const a = await start("n1", "n2");
  await group.run(1000);
  const b = await start("n2", "n1");
  return { group, coordinator, a, b };
}

test("a group of which nobody is left begins again above its last epoch", async () => {
  const group = new Group();
  const coordinator = new SimCoordinator(group.time, group.random.fork(), true);
  const epochs: number[] = [];
  for (let life = 0; life < 3; life++) {
    const node = await group.start("n1", "n1", (process) => coordinator.for(process, "n1"));
    await group.run(1000);
    expect(node.node.role).toBe("master");
    epochs.push(node.node.epoch);
    group.kill(node);
  }
  expect(epochs).toEqual([0, 8, 16]);
});

test("a master that can't reach the coordinator gives way to a replica that can, though the two are linked", async () => {
  const { group, coordinator, a, b } = await startPair();
  expect([a.node.role, b.node.role]).toEqual(["master", "slave"]);
  a.request("set k of-a", () => undefined);
  coordinator.cut("n1", 10_000);
  // A lease of 600 ms, and 400 ms for the master to take it back.
  await group.run(1300);
  expect([a.node.role, a.node.epoch, b.node.role, b.node.epoch]).toEqual(["slave", 9, "master", 9]);
  expect(b.node.counters.lastTakeoverReason).toBe("n1:1 has lost the lease");
  let answer = "";
  a.request("set k of-b", (text) => (answer = text));
  await group.run(100);
  expect([answer.slice(0, 6), b.content.items.get("k")?.value, a.content.digest()]).toEqual([
    "STORED",
    "of-b",
    b.content.digest(),
  ]);
});

test("a master that reaches the coordinator again within a peer timeout takes the lease back, and its replica follows on", async () => {
  const { group, coordinator, a, b } = await startPair();
  coordinator.cut("n1", 750);
  await group.run(720);
  expect([a.node.role, b.node.role]).toEqual(["candidate", "candidate"]);
  await group.run(700);
  expect([a.node.role, a.node.epoch, b.node.role, b.node.epoch]).toEqual(["master", 8, "slave", 8]);
  a.request("set k v", () => undefined);
  await group.run(100);
  expect([b.content.items.get("k")?.value, a.node.counters.promotions, b.node.counters.promotions]).toEqual([
    "v",
    2,
    0,
  ]);
});

test("an epoch that is not above one that was heard of is not enough: another is drawn first", async () => {
  const group = new Group();
  const [a, leaseOfA] = await group.startByHand("n1", "n2");
  leaseOfA.give(16);
  const [b, leaseOfB] = await group.startByHand("n2", "n1");
  expect([a.node.role, a.node.epoch, b.node.role]).toEqual(["master", 16, "slave"]);
  group.kill(a);
  await group.run(2000);
  expect(b.node.role).toBe("candidate");
  expect([leaseOfB.draw(undefined), leaseOfB.draw(8), leaseOfB.draw(40)]).toEqual([25, 25, 49]);
  leaseOfB.give(16);
  expect([b.node.role, leaseOfB.raises]).toEqual(["candidate", 1]);
  leaseOfB.give(25);
  expect([b.node.role, b.node.epoch, b.content.epoch(), leaseOfB.raises]).toEqual(["master", 25, 25, 1]);
});

test("a master that hears of a higher epoch has one above it before it takes what was written there", async () => {
  const group = new Group();
  const [a, leaseOfA] = await group.startByHand("n1", "n2");
  group.network.cut("n1", "n2");
  const [b, leaseOfB] = await group.startByHand("n2", "n1");
  await group.run(5000);
  leaseOfB.give(17);
  b.request("set k of-b", () => undefined);
  leaseOfB.take();
  leaseOfA.give(0);
  a.request("set k of-a", () => undefined);
  group.network.heal();
  await group.run(3000);
  // It wants another epoch; until the coordinator has that, all is as it was.
  expect([a.node.role, a.node.epoch, leaseOfA.raises > 0]).toEqual(["master", 0, true]);
  expect([a.node.counters.mergesDiscarded, b.content.items.get("k")?.value]).toEqual([0, "of-b"]);
  expect(leaseOfA.draw(0)).toBe(24);
  // What it had to be above may have grown meanwhile.
  a.node.states.epochSeen = 30;
  const raises = leaseOfA.raises;
  leaseOfA.give(24);
  expect([a.node.epoch, leaseOfA.raises]).toEqual([24, raises + 1]);
  leaseOfA.give(32);
  await group.run(3000);
  expect([a.node.role, a.node.epoch, b.node.role, b.node.epoch]).toEqual(["master", 32, "slave", 32]);
  expect([a.node.counters.mergesDiscarded, b.content.digest()]).toEqual([1, a.content.digest()]);
  expect(b.content.items.get("k")?.value).toBe("of-a");
});

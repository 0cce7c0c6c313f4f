// Groups of more than eight nodes, and chains: each node has a rank of its own, and the rank makes of writes of one
// millisecond one order.

import { seededRandom } from "@marugoto/testing";
import { expect, test } from "vitest";
import { EffectLog } from "../../src/log/effect-log.ts";
import { writeRemove } from "../../src/log/records.ts";
import { changesSince, merge } from "../../src/node/merge.ts";
import { MapContent } from "../simulation/map-content.ts";
import { SimNode } from "../simulation/sim-node.ts";
import { VirtualNetwork } from "../simulation/virtual-network.ts";
import { VirtualTime } from "../simulation/virtual-time.ts";

/** A group in virtual time. */
class Group {
  readonly time = new VirtualTime();
  readonly #random = seededRandom(1);
  readonly #network = new VirtualNetwork(this.time, this.#random.fork());
  readonly nodes: SimNode[] = [];

  /** Starts a node that has these on its command line, and lets it find them. */
  async start(host: string, peers: readonly string[]): Promise<void> {
    const parts = { name: host, host, peers, network: this.#network, random: this.#random.fork(), options: {} };
    this.nodes.push(new SimNode({ ...parts, planted: "none", onWrite: () => undefined, onPromoted: () => undefined }));
    await this.run(100);
  }

  kill(node: SimNode): void {
    node.process.kill();
    this.#network.died(node.process);
    this.nodes.splice(this.nodes.indexOf(node), 1);
  }

  run(forMs: number): Promise<void> {
    return this.time.runUntil(this.time.nowMs + forMs);
  }

  of(role: string): SimNode[] {
    return this.nodes.filter(({ node }) => node.role === role);
  }
}

test("twenty nodes of a group have twenty ranks, and keep them over a takeover", async () => {
  const group = new Group();
  const hosts = Array.from({ length: 20 }, (_, i) => `n${i}`);
  for (const host of hosts) {
    await group.start(
      host,
      hosts.filter((other) => other !== host),
    );
  }
  await group.run(2000);
  expect([group.of("master").length, group.of("slave").length]).toEqual([1, 19]);
  const ranks = new Map(group.nodes.map(({ name, node }) => [name, node.rank]));
  expect(new Set(ranks.values()).size).toBe(20);
  group.kill(group.of("master")[0]!);
  await group.run(3000);
  expect([group.of("master").length, group.of("slave").length]).toEqual([1, 18]);
  for (const { name, node } of group.nodes) expect([name, node.rank]).toEqual([name, ranks.get(name)]);
});

test("branches of a chain that can't see each other have ranks of their own, and take over in epochs of their own", async () => {
  const group = new Group();
  const branches = ["a", "b", "c"];
  await group.start("top", []);
  for (const branch of branches) await group.start(branch, ["top"]);
  for (const leaf of [1, 2, 3, 4]) for (const branch of branches) await group.start(`${branch}${leaf}`, [branch]);
  await group.run(2000);
  expect([group.of("master").length, group.of("slave").length]).toEqual([1, 15]);
  expect(new Set(group.nodes.map(({ node }) => node.rank)).size).toBe(16);
  const isLeaf = ({ name }: SimNode) => name.length === 2;
  for (const each of group.nodes.filter((node) => !isLeaf(node))) group.kill(each);
  await group.run(3000);
  const masters = group.of("master");
  expect(masters.length).toBeGreaterThanOrEqual(branches.length);
  expect(new Set(masters.map(({ node }) => node.epoch)).size).toBe(masters.length);
});

interface Side {
  readonly content: MapContent;
  readonly log: EffectLog;
}

/** A side of a split, whose master of this rank has written the key. */
function side(rank: number, request = `set key of-${rank}`): Side {
  const content = new MapContent(() => undefined);
  const log = new EffectLog(64 * 1024);
  Object.assign(content, { sink: () => log, timeMs: () => 1000, rank: () => rank });
  for (const each of request.split("; ")) content.execute(Buffer.from(each));
  return { content, log };
}

/** What the first makes of the key when the others are merged into it, one after the other. */
function mergedOf([first, ...others]: readonly Side[]): string | undefined {
  const { content, log } = first!;
  for (const other of others) {
    const theirs = changesSince(other.log, 0, other.content)!;
    merge({
      ...{ log, content, offset: 0, theirs, discardAll: false },
      remove: (key, timeMs, rank) => {
        content.remove(key);
        writeRemove(log, key, 0, key.length, timeMs, rank);
      },
      onDiscarded: () => undefined,
    });
  }
  return content.items.get("key")?.value;
}

/** All orders of three. */
function ordersOf<T>([a, b, c]: readonly [T, T, T]): T[][][] {
  return [[[a, b, c]], [[a, c, b]], [[b, a, c]], [[b, c, a]], [[c, a, b]], [[c, b, a]]];
}

test.each(ordersOf([9, 17, 41]))(
  "of writes of one moment on three sides that of the highest rank stays, merged in the order %j",
  (order) => {
    expect(mergedOf(order.map((rank) => side(rank)))).toBe("of-41");
  },
);

test.each(ordersOf(["set key x", "set key y", "set key z"]))(
  "of writes of one moment by three of the same rank the same stays, merged in the order %j",
  (order) => {
    expect(mergedOf(order.map((request) => side(9, request)))).toBe("z");
  },
);

test.each(ordersOf(["set key x", "set key y; delete key", "set key z"]))(
  "a removal stays before writes of its moment, merged in the order %j",
  (order) => {
    expect(mergedOf(order.map((request) => side(9, request)))).toBeUndefined();
  },
);

test.each([
  ["set key y", "y"],
  ["delete key", undefined],
  ["set key y; delete key", undefined],
])(
  "what %j has made of a key is merged, though its log has a merged write of a time to come before it",
  (last, value) => {
    const ahead = side(1, "");
    const written = side(2, "set other x");
    const merged = side(2, "");
    Object.assign(ahead.content, { timeMs: () => 5_000_000 });
    ahead.content.execute(Buffer.from("set key x"));
    mergedOf([merged, ahead]);
    expect(merged.content.items.get("key")?.value).toBe("x");
    for (const request of last.split("; ")) merged.content.execute(Buffer.from(request));
    // The other side has the key as it was before the split.
    written.content.items.set("key", { value: "before", cas: 1n, expiryMs: 0 });
    expect(mergedOf([written, merged])).toBe(value);
  },
);

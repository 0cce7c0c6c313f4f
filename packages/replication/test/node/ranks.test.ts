// Groups of more than eight nodes: each has a rank of its own, and the rank makes of writes of one millisecond one order.

import { seededRandom } from "@marugoto/testing";
import { expect, test } from "vitest";
import { EffectLog } from "../../src/log/effect-log.ts";
import { changesSince, merge } from "../../src/node/merge.ts";
import { MapContent } from "../simulation/map-content.ts";
import { SimNode } from "../simulation/sim-node.ts";
import { VirtualNetwork } from "../simulation/virtual-network.ts";
import { VirtualTime } from "../simulation/virtual-time.ts";

test("twenty nodes of a group have twenty ranks, and keep them over a takeover", async () => {
  const random = seededRandom(1);
  const time = new VirtualTime();
  const network = new VirtualNetwork(time, random.fork());
  const hosts = Array.from({ length: 20 }, (_, i) => `n${i}`);
  const nodes: SimNode[] = [];
  for (const host of hosts) {
    const peers = hosts.filter((other) => other !== host);
    const parts = { name: host, host, peers, network, random: random.fork(), options: {}, planted: "none" } as const;
    nodes.push(new SimNode({ ...parts, onWrite: () => undefined, onPromoted: () => undefined }));
    await time.runUntil(time.nowMs + 100);
  }
  await time.runUntil(time.nowMs + 2000);
  const rolesOf = (role: string) => nodes.filter(({ node }) => node.role === role);
  expect([rolesOf("master").length, rolesOf("slave").length]).toEqual([1, 19]);
  const ranks = new Map(nodes.map(({ name, node }) => [name, node.rank]));
  expect(new Set(ranks.values()).size).toBe(20);
  const master = rolesOf("master")[0]!;
  master.process.kill();
  network.died(master.process);
  nodes.splice(nodes.indexOf(master), 1);
  await time.runUntil(time.nowMs + 3000);
  expect([rolesOf("master").length, rolesOf("slave").length]).toEqual([1, 18]);
  for (const { name, node } of nodes) expect([name, node.rank]).toEqual([name, ranks.get(name)]);
});

/** A side of a split, whose master of this rank has written the key. */
function side(rank: number): { readonly content: MapContent; readonly log: EffectLog } {
  const content = new MapContent(() => undefined);
  const log = new EffectLog(64 * 1024);
  Object.assign(content, { sink: () => log, timeMs: () => 1000, rank: () => rank });
  content.execute(Buffer.from(`set key of-${rank}`));
  return { content, log };
}

test.each([[[9, 17, 41]], [[9, 41, 17]], [[17, 9, 41]], [[17, 41, 9]], [[41, 9, 17]], [[41, 17, 9]]])(
  "of writes of one moment on three sides that of the highest rank stays, merged in the order %j",
  (order) => {
    const [first, ...others] = order.map(side);
    const { content, log } = first!;
    for (const other of others) {
      const theirs = changesSince(other.log, 0, other.content)!;
      merge({
        ...{ log, content, offset: 0, theirs, discardAll: false },
        remove: (key) => {
          content.remove(key);
        },
        onDiscarded: () => undefined,
      });
    }
    expect(content.items.get("key")?.value).toBe("of-41");
  },
);

// Whom a replica follows that has lost its master: not one that has just begun, with nothing.

import { seededRandom } from "@marugoto/testing";
import { expect, test } from "vitest";
import { SimNode } from "../simulation/sim-node.ts";
import { VirtualNetwork } from "../simulation/virtual-network.ts";
import { VirtualTime } from "../simulation/virtual-time.ts";

test("a process that takes the port of a dead master and begins alone takes nothing from the replica that has the content", async () => {
  const random = seededRandom(7);
  const time = new VirtualTime();
  const network = new VirtualNetwork(time, random.fork());
  const roles: string[] = [];
  const start = async (name: string) => {
    const parts = { name, host: "n1", peers: ["n1"], network, random: random.fork(), options: {} } as const;
    const onPromoted = () => roles.push(name);
    const node = new SimNode({ ...parts, planted: "none", onWrite: () => undefined, onPromoted });
    // What it does before its first event is in promises.
    await new Promise(setImmediate);
    return node;
  };
  const master = await start("master");
  await time.runUntil(100);
  const replica = await start("replica");
  await time.runUntil(1000);
  for (let i = 0; i < 20; i++) master.request(`set k${i} v`, () => undefined);
  await time.runUntil(1500);
  expect([master.node.role, replica.node.role, replica.node.listenPort]).toEqual(["master", "slave", 0]);
  master.process.kill();
  network.died(master.process);
  const third = await start("third");
  await time.runUntil(1510);
  expect(roles).toEqual(["master", "third", "replica"]);
  await time.runUntil(4000);
  expect([third.node.role, replica.node.role]).toEqual(["slave", "master"]);
  expect([replica.content.items.size, third.content.digest()]).toEqual([20, replica.content.digest()]);
});

// A master that dies in the middle of a refill: what its copy has not confirmed goes in slices, and nobody sees it.

import { seededRandom } from "@marugoto/testing";
import { beforeEach, expect, test } from "vitest";
import { SimNode } from "../simulation/sim-node.ts";
import { VirtualNetwork } from "../simulation/virtual-network.ts";
import { VirtualTime } from "../simulation/virtual-time.ts";

/** Of before the cut; the simulated content sweeps five items in a slice. */
const ITEMS = 2000;

let time: VirtualTime;
let network: VirtualNetwork;
let random: ReturnType<typeof seededRandom>;

beforeEach(() => {
  random = seededRandom(3);
  time = new VirtualTime();
  network = new VirtualNetwork(time, random.fork());
});

async function start(host: string, onPromoted: () => void = () => undefined): Promise<SimNode> {
  const peers = ["n1", "n2", "n3"].filter((other) => other !== host);
  const options = { backlogBytes: 64 * 1024, peerTimeoutMs: 2000 };
  const parts = { name: host, host, peers, network, random: random.fork(), options, planted: "none" } as const;
  const node = new SimNode({ ...parts, onWrite: () => undefined, onPromoted });
  // What it does before its first event is in promises.
  await new Promise(setImmediate);
  return node;
}

const pass = (ms: number) => time.runUntil(time.nowMs + ms);

async function until(condition: () => boolean): Promise<void> {
  const endMs = time.nowMs + 10_000;
  while (!condition()) {
    if (time.nowMs > endMs) throw new Error("it does not become true");
    await pass(0.1);
  }
}

async function ask(node: SimNode, request: string): Promise<string> {
  let answer = "";
  node.request(request, (text) => (answer = text));
  for (let i = 0; answer === "" && i < 1000; i++) await pass(1);
  return answer;
}

/**
 * A slave with items of before a cut, whose master dies in the middle of the copy that it needs.
 *
 * @param afterFirstSlice is called when it is master and has swept a slice
 */
async function promotedInRefill(afterFirstSlice: (node: SimNode) => void): Promise<SimNode> {
  const master = await start("n1");
  await pass(50);
  const slave: SimNode = await start("n2", () => {
    // Behind what the promotion does at once.
    time.at(time.nowMs, () => {
      afterFirstSlice(slave);
    });
  });
  await pass(4000);
  expect([master.node.role, slave.node.role]).toEqual(["master", "slave"]);
  for (let i = 0; i < ITEMS; i++) master.request(`set old${i} of-before`, () => undefined);
  await pass(1000);
  expect(slave.content.items.size).toBe(ITEMS);
  // Short enough that nobody takes over, and more than the backlog keeps.
  network.reset("n1");
  network.cut("n1", "n2");
  for (let i = 0; i < ITEMS; i++) master.request(`delete old${i}`, () => undefined);
  for (let i = 0; i < 200; i++) master.request(`set new${i} ${"x".repeat(1000)}`, () => undefined);
  await pass(20);
  network.heal();
  await until(() => !slave.node.complete);
  await pass(0.5);
  expect(slave.node.counters.fullCopiesIn).toBe(1);
  master.process.kill();
  network.died(master.process);
  await until(() => slave.node.role === "master");
  return slave;
}

test("the sweep is done in slices, and what is asked for meanwhile is fresh", async () => {
  let old: string[] = [];
  const node = await promotedInRefill((promoted) => {
    const { node, content } = promoted;
    expect([node.role, node.complete]).toEqual(["master", false]);
    expect(content.items.size).toBeGreaterThan(ITEMS - 50);
    old = [...content.items.keys()].filter((key) => key.startsWith("old")).slice(0, 20);
    for (const [i, key] of old.entries()) {
      promoted.request(i % 2 === 0 ? `add ${key} fresh` : `delete ${key}`, (answer) => {
        expect(answer.split(" ")[0]).toBe(i % 2 === 0 ? "STORED" : "NOT_FOUND");
      });
    }
  });
  await until(() => node.node.complete);
  const left = [...node.content.items].filter(([key]) => key.startsWith("old"));
  expect(left.map(([, { value }]) => value)).toEqual(old.filter((_, i) => i % 2 === 0).map(() => "fresh"));
  expect(await ask(node, "set last x")).toMatch(/^STORED/);
});

test("who follows it meanwhile gets its copy when the sweep is done", async () => {
  const node = await promotedInRefill(() => undefined);
  const third = await start("n3");
  await until(() => node.node.complete);
  await pass(1500);
  expect([third.node.role, third.serves]).toEqual(["slave", true]);
  expect(third.content.digest()).toBe(node.content.digest());
  expect([...third.content.items.keys()].filter((key) => key.startsWith("old"))).toEqual([]);
});

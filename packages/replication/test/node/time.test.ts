// Time that a group shares, and how far one node is behind another, measured over a link with a delay.

import { seededRandom } from "@marugoto/testing";
import { expect, test } from "vitest";
import { addStatus } from "../../src/stats.ts";
import { SimNode } from "../simulation/sim-node.ts";
import { VirtualNetwork } from "../simulation/virtual-network.ts";
import { VirtualTime } from "../simulation/virtual-time.ts";

const options = { peerTimeoutMs: 10_000 };

async function pair() {
  const random = seededRandom(3);
  const time = new VirtualTime();
  const network = new VirtualNetwork(time, random.fork());
  const nodes: SimNode[] = [];
  const ignore = () => undefined;
  for (const [host, ...peers] of [["n1"], ["n2", "n1"]] as const) {
    const parts = { name: host, host, peers, network, random: random.fork(), options, planted: "none" as const };
    time.at(0, () => nodes.push(new SimNode({ ...parts, onWrite: ignore, onPromoted: ignore })));
  }
  await time.runUntil(1000);
  return { a: nodes[0]!, b: nodes[1]!, time, network };
}

function rowsOf({ node }: SimNode): Map<string, string> {
  const rows = new Map<string, string>();
  addStatus(node, node.options, { add: (name, value) => rows.set(name, String(value)) });
  return rows;
}

test("a delay of 500 ms is shown on both sides, to within 20 ms", async () => {
  const { a, b, time, network } = await pair();
  expect(Number(rowsOf(a).get("replica_0_lag_ms"))).toBeLessThan(5);
  network.slow("n1", "n2", 500);
  await time.runUntil(5000);
  for (const lag of [rowsOf(a).get("replica_0_lag_ms"), rowsOf(b).get("lag_ms")]) {
    expect(Math.abs(Number(lag) - 500)).toBeLessThan(20);
  }
});

test("silence is lag", async () => {
  const { b, time, network } = await pair();
  network.cut("n1", "n2");
  await time.runUntil(time.nowMs + 2000);
  expect(Number(rowsOf(b).get("lag_ms"))).toBeGreaterThan(1850);
});

test("clocks an hour apart show the same time, also when one runs faster than the other", async () => {
  const { a, b, time } = await pair();
  const apart = () => Math.abs(a.node.time.nowMs() - b.node.time.nowMs());
  expect(Math.abs(a.process.skewMs - b.process.skewMs)).toBeGreaterThan(60_000);
  expect(apart()).toBeLessThan(5);
  for (const drift of [400, -700]) {
    b.process.skewMs += drift;
    await time.runUntil(time.nowMs + 300);
    expect(apart()).toBeLessThan(5);
  }
});

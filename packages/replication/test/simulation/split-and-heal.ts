// One split and its healing: a plan of writes on both (or all three) sides, the content that must come of it, and runs of
// the plan whose networks, clocks and order of healing differ.

import { seededRandom, type Random } from "@marugoto/testing";
import { SimNode } from "./sim-node.ts";
import { VirtualNetwork } from "./virtual-network.ts";
import { VirtualTime } from "./virtual-time.ts";

/** The group has formed by then, and is cut; milliseconds. */
const CUT_MS = 1500;
/** Each side has a master by then. */
const WRITES_MS = CUT_MS + 1200;
/** Between two writes of a plan: more than clocks that were set by each other over a link differ. */
const APART_MS = 20;
/** All is the same after the last link has healed. */
const SETTLED_MS = 2000;

interface Write {
  readonly host: string;
  readonly text: string;
}

export interface Plan {
  /** Hosts by side. */
  readonly sides: readonly (readonly string[])[];
  /** Made while the group is whole. */
  readonly before: readonly string[];
  /** Made while it is split, one after the other. */
  readonly during: readonly Write[];
}

export function drawPlan(seed: number): Plan {
  const random = seededRandom(seed);
  const sides = random.pick([
    [["n1"], ["n2"]],
    [["n1"], ["n2", "n3"]],
    [["n1", "n2"], ["n3"]],
    [["n1"], ["n2"], ["n3"]],
  ]);
  const hosts = sides.flat();
  let value = 0;
  const write = (withFlush: boolean): string => {
    const key = `k${random.int(8)}`;
    const choice = random.int(withFlush ? 20 : 19);
    if (choice < 8) return `set ${key} v${value++}`;
    if (choice < 12) return `delete ${key}`;
    if (choice < 15) return `touch ${key} ${random.between(1, 1_000_000)}`;
    return choice < 19 ? `incr n${random.int(2)}` : "flush";
  };
  const before = Array.from({ length: random.int(10) }, () => write(false));
  const during = Array.from({ length: random.between(1, 20) }, () => ({ host: random.pick(hosts), text: write(true) }));
  return { sides, before, during };
}

/** An item as it should be: value and expiry. */
type Items = Map<string, string>;

/** What must be there in the end: of each key the side that changed it last, as that side has it. */
export function outcomeOf({ sides, before, during }: Plan): string {
  const base: Items = new Map();
  for (const text of before) change(base, text);
  const states = sides.map((hosts) => ({ hosts, items: new Map(base), changedAt: new Map<string, number>() }));
  for (const [at, { host, text }] of during.entries()) {
    const { items, changedAt } = states.find(({ hosts }) => hosts.includes(host))!;
    // A flush takes what the other side has as well.
    const everything = text === "flush" ? [...base.keys(), ...during.map((each) => each.text.split(" ")[1] ?? "")] : [];
    for (const key of [...change(items, text), ...everything]) changedAt.set(key, at);
  }
  const rows: string[] = [];
  for (const key of new Set([...base.keys(), ...states.flatMap(({ items }) => [...items.keys()])])) {
    let newest = states[0]!;
    for (const state of states) {
      if ((state.changedAt.get(key) ?? -1) > (newest.changedAt.get(key) ?? -1)) newest = state;
    }
    const item = newest.items.get(key);
    if (item !== undefined) rows.push(`${key}=${item}`);
  }
  return rows.sort().join(" ");
}

/** @returns the keys that were changed */
function change(items: Items, text: string): string[] {
  const [word, key = "", argument = ""] = text.split(" ");
  const [value, expiry] = (items.get(key) ?? "").split("@");
  switch (word) {
    case "set":
      items.set(key, `${argument}@0`);
      return [key];
    case "incr":
      items.set(key, `${Number(value === "" ? "0" : value) + 1}@0`);
      return [key];
    case "delete":
      return items.delete(key) ? [key] : [];
    case "touch":
      if (expiry === undefined) return [];
      items.set(key, `${value}@${argument}`);
      return [key];
    default:
      items.clear();
      return [];
  }
}

/** @returns the content of each node at the end, all alike if all is well */
export async function runPlan(plan: Plan, seed: number): Promise<string[]> {
  const random = seededRandom(seed);
  const time = new VirtualTime();
  const network = new VirtualNetwork(time, random.fork());
  const hosts = plan.sides.flat();
  const nodes = new Map<string, SimNode>();
  for (const host of hosts) time.at(random.int(50), () => nodes.set(host, startNode(host, hosts, network, random)));
  // Asked of any node, executed by the master, one after the other.
  for (const [i, text] of plan.before.entries()) {
    time.at(CUT_MS - 20 * APART_MS + i * APART_MS, () => {
      nodes.get(random.pick(hosts))!.request(text, ignore);
    });
  }
  await time.runUntil(CUT_MS);
  const pairs = cutPairs(plan);
  for (const [a, b] of pairs) network.cut(a, b);
  for (const [i, { host, text }] of plan.during.entries()) {
    time.at(WRITES_MS + i * APART_MS, () => {
      nodes.get(host)!.request(text, ignore);
    });
  }
  let healedMs = WRITES_MS + (plan.during.length + 1) * APART_MS;
  while (pairs.length > 0) {
    const [pair] = pairs.splice(random.int(pairs.length), 1);
    healedMs += random.int(400);
    time.at(healedMs, () => {
      network.heal(...pair!);
    });
  }
  await time.runUntil(healedMs + SETTLED_MS);
  return [...nodes.values()].map(({ content }) =>
    [...content.items]
      .map(([key, { value, expiryMs }]) => `${key}=${value}@${expiryMs}`)
      .sort()
      .join(" "),
  );
}

function startNode(host: string, hosts: readonly string[], network: VirtualNetwork, random: Random): SimNode {
  return new SimNode({
    name: host,
    host,
    peers: hosts.filter((other) => other !== host),
    network,
    random: random.fork(),
    options: {},
    planted: "none",
    onWrite: ignore,
    onPromoted: ignore,
  });
}

/** All pairs of hosts that are not on one side. */
function cutPairs({ sides }: Plan): [string, string][] {
  const pairs: [string, string][] = [];
  for (const [i, side] of sides.entries()) {
    for (const other of sides.slice(i + 1).flat()) for (const host of side) pairs.push([host, other]);
  }
  return pairs;
}

function ignore(): void {
  // What is asked is seen in the content.
}

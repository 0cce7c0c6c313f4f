// One run of the simulator: a group of nodes, clients that write, faults at random moments, then calm; and the claims
// that must hold whatever happened. Everything follows from the seed.

import { seededRandom, type Random } from "@marugoto/testing";
import type { Downstream } from "../../src/node/downstream.ts";
import { Clients } from "./clients.ts";
import { drawSettings, type Kind, type Place, type Settings } from "./settings.ts";
import { SimCoordinator } from "./sim-coordinator.ts";
import { SimNode, type Planted } from "./sim-node.ts";
import { VirtualNetwork } from "./virtual-network.ts";
import { VirtualTime } from "./virtual-time.ts";

export type { Kind } from "./settings.ts";

/** When nothing is wrong any more, all nodes hold the same after this, in milliseconds. */
const CALM_MS: Readonly<Record<Kind, number>> = { deaths: 1000, splits: 2000, consistent: 2000 };

/** Kinds of faults: a coordinator can be away as well, for all or for one host. */
const FAULTS: Readonly<Record<Kind, number>> = { deaths: 11, splits: 17, consistent: 20 };

/** Before that moment each node is asked for a write, to be answered by then. */
const LAST_WRITES_MS = 300;

export interface ScheduleOptions {
  readonly kind: Kind;
  readonly planted?: Planted;
  readonly trace?: (line: string) => void;
}

/** Runs one schedule. @returns what was violated; empty = all claims held */
export async function runSchedule(seed: number, options: ScheduleOptions): Promise<string[]> {
  return new Schedule(seed, options).run();
}

class Schedule {
  readonly #random: Random;
  readonly #time = new VirtualTime();
  readonly #network: VirtualNetwork;
  readonly #options: ScheduleOptions;
  readonly #settings: Settings;
  readonly #nodes = new Map<string, SimNode>();
  readonly #clients: Clients;
  readonly #coordinator: SimCoordinator | undefined;
  readonly #violations: string[] = [];
  /** Key and cas number → the value that it stands for. */
  readonly #values = new Map<string, string>();
  /** When the last fault is over. */
  #calmMs = 0;
  #hasSplit = false;
  /** A node was started twice. */
  #hasTwins = false;
  /** A process died while others were not linked with each other: they may all take over, which is a split. */
  #hasStrangers = false;
  #kills = 0;
  /** Those of them that took somebody from the rest who was master, or might have been. */
  #losses = 0;
  #handovers = 0;
  /** Nodes that became master, those that died since included. */
  #promotions = 0;
  /** The last node that wrote, and in which epoch. */
  #lastWrite = { name: "", epoch: -1 };
  /** The last term in which somebody was master by the coordinator's lease, and the epoch. */
  #lastTerm = { term: 0, epoch: -1 };

  constructor(seed: number, options: ScheduleOptions) {
    this.#random = seededRandom(seed);
    this.#options = options;
    this.#settings = drawSettings(this.#random, options.kind);
    this.#network = new VirtualNetwork(this.#time, this.#random.fork());
    this.#clients = new Clients(this.#random.fork(), () => this.#time.nowMs, this.#settings.largeBytes);
    if (options.kind !== "consistent") return;
    const tellsLast = options.planted !== "draw without the last epoch";
    this.#coordinator = new SimCoordinator(this.#time, this.#random.fork(), tellsLast);
  }

  async run(): Promise<string[]> {
    const random = this.#random;
    this.#trace(JSON.stringify(this.#settings));
    for (const place of this.#settings.places) {
      this.#time.at(random.int(50), () => {
        this.#start(place);
      });
    }
    await this.#pass(random.between(300, 1500));
    // Nodes that start together may both begin alone, and find each other a moment later.
    this.#promotions = 0;
    const faults = random.between(1, 5);
    for (let i = 0; i < faults; i++) {
      this.#fault();
      await this.#pass(random.between(5, 1200));
    }
    await this.#calm();
    this.#check();
    return this.#violations;
  }

  #start({ name, host, peers }: Place): void {
    const { trace, planted = "none" } = this.#options;
    const node = new SimNode({
      name,
      host,
      peers,
      network: this.#network,
      random: this.#random.fork(),
      options: this.#settings.options,
      planted,
      onWrite: (writer, key, _before, after) => {
        this.#onWrite(writer, key, after);
      },
      onPromoted: (promoted, epoch) => {
        this.#onPromoted(promoted, epoch);
      },
      ...(this.#coordinator === undefined ? {} : { coordinator: (process) => this.#coordinator!.for(process, host) }),
      ...(trace === undefined ? {} : { trace }),
    });
    this.#nodes.set(name, node);
  }

  // ---- clients ----

  /** Time passes, and clients write at random moments. */
  async #pass(spanMs: number): Promise<void> {
    const random = this.#random;
    const writes = random.int(12);
    for (let i = 0; i < writes; i++) {
      this.#time.at(this.#time.nowMs + random.int(spanMs), () => {
        const nodes = [...this.#nodes.values()].filter((node) => node.usable);
        if (nodes.length > 0) this.#clients.writeTo(random.pick(nodes));
      });
    }
    await this.#time.runUntil(this.#time.nowMs + spanMs);
  }

  #onWrite(node: SimNode, key: string, after: string | undefined): void {
    const item = node.content.items.get(key);
    if (after !== undefined && item !== undefined) {
      const name = `${key}#${item.cas}`;
      const known = this.#values.get(name);
      if (known !== undefined && known !== after && this.#settings.isMesh)
        this.#violate(`cas ${name} stands for two values`);
      this.#values.set(name, after);
    }
    if (this.#coordinator === undefined) return;
    if (!this.#coordinator.isHolder(node.node.nodeId)) {
      this.#violate(`${node.name} wrote ${key} while it did not hold the lease`);
    }
    // In the order of the leases, which is that of time.
    const { name, epoch } = this.#lastWrite;
    const now = node.content.epoch();
    if (now < epoch || (now === epoch && name !== node.node.nodeId)) {
      this.#violate(`${node.name} wrote ${key} in epoch ${now}, after ${epoch}`);
    }
    this.#lastWrite = { name: node.node.nodeId, epoch: now };
  }

  #onPromoted({ name, node }: SimNode, epoch: number): void {
    this.#promotions++;
    if (this.#coordinator?.isHolder(node.nodeId) !== true) return;
    const { term } = this.#coordinator;
    if (term < this.#lastTerm.term || epoch <= this.#lastTerm.epoch) {
      this.#violate(`${name} is master of epoch ${epoch}, after ${this.#lastTerm.epoch}`);
    }
    this.#lastTerm = { term, epoch };
  }

  // ---- faults ----

  #fault(): void {
    const random = this.#random;
    const { kind } = this.#options;
    const place = random.pick(this.#settings.places);
    const node = this.#nodes.get(place.name);
    const choice = random.int(FAULTS[kind]);
    if (node === undefined || choice === 0) {
      this.#trace(`reset ${place.host}`);
      this.#network.reset(place.host);
      this.#calmBy(this.#time.nowMs);
    } else if (choice <= 6) {
      this.#kill(place, node);
    } else if (choice === 7) {
      this.#startAgain(place);
    } else if (choice === 8) {
      this.#stop(node, random.between(20, 200));
    } else if (choice === 9) {
      this.#betweenHosts("slow", place.host, random.between(20, 1000), (other) => {
        this.#network.slow(place.host, other, random.between(5, 40));
      });
    } else if (choice === 10) {
      this.#handOver();
    } else if (choice <= 14) {
      this.#betweenHosts("cut", place.host, random.between(20, 2000), (other) => {
        this.#hasSplit = true;
        this.#network.cut(place.host, other);
      });
    } else if (choice === 15 || this.#coordinator === undefined) {
      this.#hasSplit = true;
      this.#stop(node, random.between(20, 1500));
    } else if (choice > 16) {
      const spanMs = random.between(50, 2000);
      if (choice > 17) this.#isolate(place.host, choice > 18 ? 2 * spanMs : spanMs);
      this.#cutOff(place.host, spanMs);
      if (choice > 18) this.#cutOffOthers(place.host, spanMs);
    } else {
      this.#trace("coordinator away");
      const spanMs = random.between(50, 2000);
      this.#coordinator.away(spanMs);
      this.#calmBy(this.#time.nowMs + spanMs);
    }
  }

  #betweenHosts(what: string, host: string, spanMs: number, begin: (other: string) => void): void {
    const others = this.#hostsBut(host);
    if (others.length === 0) return;
    const other = this.#random.pick(others);
    this.#trace(`${what} ${host} ${other}`);
    begin(other);
    this.#later(spanMs, "heal", () => {
      this.#network.heal();
    });
  }

  /** A host can't reach any other. */
  #isolate(host: string, spanMs: number): void {
    this.#trace(`cut ${host} off from all others`);
    this.#hasSplit = true;
    for (const other of this.#hostsBut(host)) this.#network.cut(host, other);
    this.#later(spanMs, "heal", () => {
      this.#network.heal();
    });
  }

  /** A host can't reach the coordinator. */
  #cutOff(host: string, spanMs: number): void {
    this.#trace(`cut ${host} off from the coordinator`);
    this.#coordinator?.cut(host, spanMs);
    this.#calmBy(this.#time.nowMs + spanMs);
  }

  /** A while from now, it is the others that can't, for as long: those who have the lease in turn don't see each other. */
  #cutOffOthers(host: string, spanMs: number): void {
    this.#later(spanMs, `the coordinator is back for ${host}`, () => {
      for (const other of this.#hostsBut(host)) this.#cutOff(other, spanMs);
    });
  }

  #hostsBut(host: string): string[] {
    return this.#settings.places.map((place) => place.host).filter((other) => other !== host);
  }

  #stop({ name, process }: SimNode, spanMs: number): void {
    this.#trace(`stop ${name}`);
    process.stop();
    this.#later(spanMs, `continue ${name}`, () => {
      process.continue();
    });
  }

  /** Kills a process, if somebody is left who has everything; it comes back after a while. */
  #kill(place: Place, node: SimNode): void {
    const others = [...this.#nodes.values()].filter((each) => each !== node && each.process.alive);
    const isSafe =
      node.node.role === "master"
        ? [...node.node.downstreams].some((each) => this.#hasEverything(each))
        : others.some((each) => each.node.role === "master" && !each.process.stopped);
    if (!isSafe || !node.process.alive) return;
    // It dies in the middle of its work.
    if (this.#random.chance(0.5)) for (let i = 0; i < 5; i++) this.#clients.writeTo(node);
    this.#trace(`kill ${node.name}`);
    this.#kills++;
    if (!["slave", "copying", "starting"].includes(node.node.role)) this.#losses++;
    if (!areLinked(others)) this.#hasStrangers = true;
    node.process.kill();
    this.#network.died(node.process);
    // Where others have its port, too, they have heard of the death and taken it before a process is there again.
    const leastMs = others.some(({ host }) => host === node.host) ? 10 : 1;
    this.#later(this.#random.between(leastMs, 1500), `start ${node.name}`, () => {
      this.#start(place);
    });
  }

  /** The master, if there is one, is asked to give its role away. */
  #handOver(): void {
    const master = [...this.#nodes.values()].find(({ node, process }) => process.alive && node.role === "master");
    if (master === undefined) return;
    this.#trace(`hand over ${master.name}`);
    this.#handovers++;
    const withinMs = 500;
    this.#calmBy(this.#time.nowMs + withinMs);
    master.process.run(() => void master.node.handover(withinMs));
  }

  /** Somebody starts a node's command line a second time: the port is taken, it attaches as one more, and stays. */
  #startAgain(place: Place): void {
    const name = `${place.name}'`;
    if (this.#nodes.has(name)) return;
    this.#trace(`start ${name}`);
    this.#hasTwins = true;
    this.#start({ ...place, name });
    this.#calmBy(this.#time.nowMs);
  }

  /** What the kernels have arrives, but for a cut; there, a replica that has its first copy must have said so. */
  #hasEverything({ inStep, acked, peer }: Downstream): boolean {
    return inStep && this.#isAlive(peer.nodeId) && (!this.#hasSplit || acked > 0);
  }

  #isAlive(nodeId: string): boolean {
    return [...this.#nodes.values()].some(
      (each) => each.node.nodeId === nodeId && each.process.alive && !each.process.stopped,
    );
  }

  #later(spanMs: number, what: string, end: () => void): void {
    this.#calmBy(this.#time.nowMs + spanMs);
    this.#time.at(this.#time.nowMs + spanMs, () => {
      this.#trace(what);
      end();
    });
  }

  #calmBy(atMs: number): void {
    this.#calmMs = Math.max(this.#calmMs, atMs);
  }

  #trace(line: string): void {
    this.#options.trace?.(`${this.#time.nowMs.toFixed(1)} -- ${line}`);
  }

  async #calm(): Promise<void> {
    const endMs = Math.max(this.#calmMs + CALM_MS[this.#options.kind], this.#time.nowMs + LAST_WRITES_MS);
    await this.#time.runUntil(endMs - LAST_WRITES_MS);
    // By now every node serves, and has the master execute what it is asked.
    const silent = new Set(this.#nodes.keys());
    for (const node of this.#nodes.values()) {
      node.request(`set last-${node.name} x`, (answer) => {
        if (answer.startsWith("STORED")) silent.delete(node.name);
      });
    }
    await this.#time.runUntil(endMs);
    for (const name of silent) this.#violate(`${name} does not answer a write`);
  }

  // ---- claims ----

  #check(): void {
    const nodes = [...this.#nodes.values()];
    const masters = nodes.filter((node) => node.node.role === "master");
    if (masters.length !== 1) {
      this.#violate(`${masters.length} masters: ${nodes.map((node) => `${node.name} ${node.node.role}`).join(", ")}`);
      return;
    }
    const master = masters[0]!;
    const expected = master.content.digest();
    for (const node of nodes) {
      if (node === master) continue;
      if (node.node.role !== "slave" || !node.serves) this.#violate(`${node.name} is ${node.node.role}`);
      else if (node.content.digest() !== expected) {
        this.#violate(`${node.name} differs from ${master.name}: ${difference(node.content.digest(), expected)}`);
      }
    }
    if (this.#isKept) this.#checkKept(master);
    if (this.#options.kind !== "deaths") return;
    // Of the counters of two that have both taken over one wins.
    if (!this.#hasMergedStrangers) this.#checkCounter(master);
    const { unknown, requests } = this.#clients;
    // A copy in place of the stream brings no answers; a long one, that a reset took, dies with the master who gave it.
    const isAnswerGone = this.#network.hasLostBytes && this.#losses > 0;
    const isWhole = !this.#hasTwins && !isAnswerGone && this.#settings.options.backlogBytes === undefined;
    if (isWhole && unknown > 0) this.#violate(`of ${requests} requests ${unknown} have no known outcome`);
    // One that comes back may begin alone when links fail just then, and is set right a moment later.
    if (!this.#hasStrangers && this.#promotions > this.#kills + this.#handovers) {
      this.#violate(`${this.#promotions} takeovers with ${this.#kills} deaths and ${this.#handovers} handovers`);
    }
  }

  get #hasMergedStrangers(): boolean {
    return this.#hasStrangers && this.#promotions > this.#losses + this.#handovers;
  }

  /** Does the promise that nothing acknowledged is lost cover what has happened? */
  get #isKept(): boolean {
    // The ends of a line that start or go on without its middle are a split as well, and may have nothing in common.
    if (!this.#settings.isMesh) return false;
    if (this.#network.hasLostLastWords || this.#hasMergedStrangers) return false;
    if (!this.#hasSplit) return true;
    const { kind } = this.#options;
    // Where a backlog no longer reaches the split, the higher epoch's copy wins whole.
    if (this.#settings.options.backlogBytes !== undefined) return false;
    const isSync = this.#settings.options.syncReplicas === 1;
    // After a split the newer of two writes stays, and a key that is written once survives; but not a death besides,
    // unless another node had said that it has the write, nor a node that is new, whose log begins with its copy.
    const bearsDeath = isSync && this.#settings.places.length === 2 && !this.#hasTwins;
    // What a master wrote that lost its lease is given up, unless another had it.
    return bearsDeath || (kind === "splits" && this.#kills === 0 && !this.#hasTwins);
  }

  /** Nothing that was acknowledged under the promise is lost. */
  #checkKept(master: SimNode): void {
    for (const [key, { value, name, atMs }] of this.#clients.kept) {
      if (master.content.items.get(key)?.value !== value) {
        this.#violate(`${key}, acknowledged by ${name} at ${atMs.toFixed(1)}, is lost`);
      }
    }
  }

  /** Each increment is executed once at most; each that was acknowledged under protection, once. */
  #checkCounter(master: SimNode): void {
    const { counted, attempted } = this.#clients;
    const value = Number(master.content.items.get("counter")?.value ?? "0");
    if (value < counted || value > attempted) {
      this.#violate(`the counter is ${value}, ${counted} to ${attempted} expected`);
    }
  }

  #violate(what: string): void {
    this.#violations.push(what);
  }
}

/** Whether each of the nodes has a link to each other one. */
function areLinked(nodes: readonly SimNode[]): boolean {
  return nodes.every(({ node }) =>
    nodes.every((other) => other.node === node || node.links.find(other.node.nodeId) !== undefined),
  );
}

/** The items that only one of two digests has. */
function difference(a: string, b: string): string {
  const [left, right] = [a.split(" "), b.split(" ")];
  const only = (from: string[], other: string[]) =>
    from.filter((item) => !other.includes(item)).map((item) => item.slice(0, 60));
  return `${only(left, right).join(" ")} <> ${only(right, left).join(" ")}`;
}

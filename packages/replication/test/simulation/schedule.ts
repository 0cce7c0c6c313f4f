// One run of the simulator: a group of nodes, clients that write, faults at random moments, then peace; and the claims
// that must hold whatever happened. Everything follows from the seed.

import { seededRandom, type Random } from "@marugoto/testing";
import { SimCoordinator } from "./sim-coordinator.ts";
import { SimNode, type Planted } from "./sim-node.ts";
import { VirtualNetwork } from "./virtual-network.ts";
import { VirtualTime } from "./virtual-time.ts";

/**
 * What goes wrong in a run. `deaths`: processes are killed, and links are reset. `splits`: links are cut and processes stand
 * still too. `consistent`: as splits, with a coordinator that can be away as well.
 */
export type Kind = "deaths" | "splits" | "consistent";

export interface ScheduleOptions {
  readonly kind: Kind;
  readonly planted?: Planted;
  readonly trace?: (line: string) => void;
}

interface Acked {
  readonly value: string;
  readonly host: string;
  readonly atMs: number;
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
  readonly #hosts: readonly string[];
  readonly #nodes = new Map<string, SimNode>();
  readonly #coordinator: SimCoordinator | undefined;
  readonly #violations: string[] = [];
  /** Key that is written once → its acknowledged value, where the acknowledgement was protected. */
  readonly #protected = new Map<string, Acked>();
  /** Key and cas number → the value that it stands for. */
  readonly #values = new Map<string, string>();
  /** The counter: acknowledged increments, and those whose outcome nobody knows. */
  #counted = 0;
  #attempted = 0;
  #nextKey = 0;
  #hasSplit = false;
  #hasKilled = false;
  /** Requests made, and those that were told that nobody knows. */
  #requests = 0;
  #unknown = 0;

  constructor(seed: number, options: ScheduleOptions) {
    this.#random = seededRandom(seed);
    this.#options = options;
    this.#network = new VirtualNetwork(this.#time, this.#random.fork());
    this.#hosts = ["n1", "n2", "n3"].slice(0, this.#random.chance(0.7) ? 2 : 3);
    if (options.kind === "consistent") this.#coordinator = new SimCoordinator(this.#time, this.#random.fork());
  }

  async run(): Promise<string[]> {
    const random = this.#random;
    for (const host of this.#hosts) {
      this.#time.at(random.int(50), () => {
        this.#start(host);
      });
    }
    await this.#pass(random.between(300, 1500));
    const faults = random.between(1, 5);
    for (let i = 0; i < faults; i++) {
      this.#fault();
      await this.#pass(random.between(5, 1200));
    }
    await this.#peace();
    this.#check();
    return this.#violations;
  }

  #start(host: string): void {
    const { trace, planted = "none" } = this.#options;
    this.#nodes.set(
      host,
      new SimNode({
        host,
        peers: this.#hosts.filter((other) => other !== host),
        network: this.#network,
        random: this.#random.fork(),
        options: {},
        planted,
        onWrite: (node, key, _before, after) => {
          this.#onWrite(node, key, after);
        },
        ...(this.#coordinator === undefined ? {} : { coordinator: (process) => this.#coordinator!.for(process) }),
        ...(trace === undefined ? {} : { trace }),
      }),
    );
  }

  // ---- clients ----

  /** Time passes, and clients write at random moments. */
  async #pass(spanMs: number): Promise<void> {
    const random = this.#random;
    const writes = random.int(12);
    for (let i = 0; i < writes; i++) {
      this.#time.at(this.#time.nowMs + random.int(spanMs), () => {
        this.#write();
      });
    }
    await this.#time.runUntil(this.#time.nowMs + spanMs);
  }

  #write(): void {
    const random = this.#random;
    const nodes = [...this.#nodes.values()].filter((node) => node.usable);
    if (nodes.length === 0) return;
    const node = random.pick(nodes);
    const burst = random.chance(0.1) ? 20 : 1;
    for (let i = 0; i < burst; i++) this.#writeTo(node);
  }

  #writeTo(node: SimNode): void {
    const random = this.#random;
    this.#requests++;
    const choice = random.int(10);
    const shared = `s${random.int(6)}`;
    if (choice < 4) {
      const key = `k${this.#nextKey++}`;
      const size = random.chance(0.05) ? 5000 : 3;
      const value = `${key}${"x".repeat(size)}`;
      node.request(`set ${key} ${value}`, (answer, isProtected) => {
        this.#onAnswer(answer);
        if (answer.startsWith("STORED") && isProtected) {
          this.#protected.set(key, { value, host: node.host, atMs: this.#time.nowMs });
        }
      });
    } else if (choice < 6) {
      this.#attempted++;
      node.request("incr counter", (answer, isProtected) => {
        this.#onAnswer(answer);
        if (answer.startsWith("STORED") && isProtected) this.#counted++;
      });
    } else if (choice < 7) {
      node.request(`delete ${shared}`, this.#onAnswer);
    } else if (choice < 8) {
      node.request(`touch ${shared} ${random.int(1_000_000)}`, this.#onAnswer);
    } else {
      node.request(`set ${shared} v${this.#nextKey++}`, this.#onAnswer);
    }
  }

  readonly #onAnswer = (answer: string): void => {
    if (answer.includes("outcome unknown")) this.#unknown++;
  };

  #onWrite(node: SimNode, key: string, after: string | undefined): void {
    const item = node.content.items.get(key);
    if (after !== undefined && item !== undefined) {
      const name = `${key}#${item.cas}`;
      const known = this.#values.get(name);
      if (known !== undefined && known !== after && !this.#hasSplit) this.#violate(`cas ${name} stands for two values`);
      this.#values.set(name, after);
    }
    if (this.#coordinator !== undefined && !this.#coordinator.isHolder(node.node.nodeId)) {
      this.#violate(`${node.host} wrote ${key} while it did not hold the lease`);
    }
  }

  // ---- faults ----

  #fault(): void {
    const random = this.#random;
    const { kind } = this.#options;
    const host = random.pick(this.#hosts);
    const node = this.#nodes.get(host);
    const choice = random.int(kind === "deaths" ? 4 : 8);
    if (node === undefined || choice === 0) {
      this.#trace(`reset ${host}`);
      this.#network.reset(host);
    } else if (choice <= 3) {
      this.#kill(host, node);
    } else if (choice <= 5) {
      const other = random.pick(this.#hosts.filter((each) => each !== host));
      this.#hasSplit = true;
      this.#trace(`cut ${host} ${other}`);
      this.#network.cut(host, other);
      this.#time.at(this.#time.nowMs + random.between(20, 2000), () => {
        this.#trace("heal");
        this.#network.heal();
      });
    } else if (choice === 6 || this.#coordinator === undefined) {
      this.#hasSplit = true;
      this.#trace(`stop ${host}`);
      node.process.stop();
      this.#time.at(this.#time.nowMs + random.between(20, 1500), () => {
        this.#trace(`continue ${host}`);
        node.process.continue();
      });
    } else {
      this.#trace("coordinator away");
      this.#coordinator.away(random.between(50, 2000));
    }
  }

  /** Kills a process, if somebody is left who has everything; it comes back after a while. */
  #kill(host: string, node: SimNode): void {
    const others = [...this.#nodes.values()].filter((each) => each !== node && each.process.alive);
    const isSafe =
      node.node.role === "master"
        ? [...node.node.downstreams].some((each) => each.inStep && this.#isAlive(each.peer.nodeId))
        : others.some((each) => each.node.role === "master" && !each.process.stopped);
    if (!isSafe || !node.process.alive) return;
    // It dies in the middle of its work.
    if (this.#random.chance(0.5)) for (let i = 0; i < 5; i++) this.#writeTo(node);
    this.#trace(`kill ${host}`);
    this.#hasKilled = true;
    node.process.kill();
    this.#network.died(node.process);
    this.#time.at(this.#time.nowMs + this.#random.between(1, 1500), () => {
      this.#trace(`start ${host}`);
      this.#start(host);
    });
  }

  #isAlive(nodeId: string): boolean {
    return [...this.#nodes.values()].some(
      (each) => each.node.nodeId === nodeId && each.process.alive && !each.process.stopped,
    );
  }

  #trace(line: string): void {
    this.#options.trace?.(`${this.#time.nowMs.toFixed(1)} -- ${line}`);
  }

  async #peace(): Promise<void> {
    await this.#time.runUntil(this.#time.nowMs + 2100);
    this.#network.heal();
    await this.#time.runUntil(this.#time.nowMs + 2500);
    // By now every node serves, and has the master execute what it is asked.
    let answered = 0;
    for (const node of this.#nodes.values())
      node.request(`set last-${node.host} x`, (answer) => {
        if (answer.startsWith("STORED")) answered++;
      });
    await this.#time.runUntil(this.#time.nowMs + 500);
    if (answered !== this.#nodes.size) this.#violate(`${answered} of ${this.#nodes.size} nodes answer a write`);
  }

  // ---- claims ----

  #check(): void {
    const nodes = [...this.#nodes.values()];
    const masters = nodes.filter((node) => node.node.role === "master");
    if (masters.length !== 1) {
      this.#violate(`${masters.length} masters: ${nodes.map((node) => `${node.host} ${node.node.role}`).join(", ")}`);
      return;
    }
    const master = masters[0]!;
    const expected = master.content.digest();
    for (const node of nodes) {
      if (node === master) continue;
      if (node.node.role !== "slave" || !node.serves) this.#violate(`${node.host} is ${node.node.role}`);
      else if (node.content.digest() !== expected) {
        this.#violate(`${node.host} differs from ${master.host}: ${difference(node.content.digest(), expected)}`);
      }
    }
    // After a split the newer of two writes stays. A key that is written once survives that, but not a death besides.
    if (!this.#hasSplit || (this.#options.kind === "splits" && !this.#hasKilled)) this.#checkProtected(master);
    if (this.#options.kind === "deaths") {
      this.#checkCounter(master);
      if (this.#unknown > 0) this.#violate(`of ${this.#requests} requests ${this.#unknown} have no known outcome`);
    }
  }

  /** With one process dying at a time, nothing that was acknowledged under protection is lost. */
  #checkProtected(master: SimNode): void {
    for (const [key, { value, host, atMs }] of this.#protected) {
      if (master.content.items.get(key)?.value !== value) {
        this.#violate(`${key}, acknowledged by ${host} at ${atMs.toFixed(1)}, is lost`);
      }
    }
  }

  /** Each increment is executed once at most; each that was acknowledged under protection, once. */
  #checkCounter(master: SimNode): void {
    const value = Number(master.content.items.get("counter")?.value ?? "0");
    if (value < this.#counted || value > this.#attempted) {
      this.#violate(`the counter is ${value}, ${this.#counted} to ${this.#attempted} expected`);
    }
  }

  #violate(what: string): void {
    this.#violations.push(what);
  }
}

/** The items that only one of two digests has. */
function difference(a: string, b: string): string {
  const [left, right] = [a.split(" "), b.split(" ")];
  const only = (from: string[], other: string[]) =>
    from.filter((item) => !other.includes(item)).map((item) => item.slice(0, 60));
  return `${only(left, right).join(" ")} <> ${only(right, left).join(" ")}`;
}

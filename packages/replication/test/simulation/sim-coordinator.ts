// A coordinator in memory, as strict as a real one may be slow: a lease with an end, which its holder prolongs and counts
// from before it asked, while the coordinator counts from when it answered; and beside it the last epoch, which who takes
// the lease has seen. Calls, and the answers to calls that took effect, are lost while it is away.

import { TypedEvents } from "@marugoto/core";
import type { Random } from "@marugoto/testing";
import type { Coordinator, CoordinatorEvents, DrawEpoch } from "../../src/coordinator/coordinator.ts";
import type { VirtualProcess, VirtualTime } from "./virtual-time.ts";

const LEASE_MS = 600;
const RENEW_MS = 150;
/** The longest way to the coordinator, or back. */
const WAY_MS = 5;

interface Look {
  /** The term of the one who looks; undefined = the lease is not its own. */
  readonly term: number | undefined;
  /** How long nobody has had it, as far as the one who looks can know; below 0 = somebody has. */
  readonly freeMs: number;
  readonly last: number | undefined;
  readonly revision: number;
}

export class SimCoordinator {
  readonly #time: VirtualTime;
  readonly #random: Random;
  /** False = a planted bug: who draws an epoch is not told the last one. */
  readonly tellsLast: boolean;
  #holder: string | undefined;
  /** When the lease ends, or has ended. */
  #endMs = 0;
  #term = 0;
  #last: number | undefined;
  /** How often the last epoch was put. */
  #revision = 0;
  #awayUntilMs = 0;
  readonly #cutUntilMs = new Map<string, number>();

  constructor(time: VirtualTime, random: Random, tellsLast: boolean) {
    this.#time = time;
    this.#random = random;
    this.tellsLast = tellsLast;
  }

  /** The coordinator as one process sees it. */
  for(process: VirtualProcess, host: string): Coordinator {
    return new SimLease(this, process, host);
  }

  /** Answers nobody for a while. */
  away(spanMs: number): void {
    this.#awayUntilMs = this.#time.nowMs + spanMs;
  }

  /** Answers nobody on this host for a while. */
  cut(host: string, spanMs: number): void {
    this.#cutUntilMs.set(host, this.#time.nowMs + spanMs);
  }

  /** The truth: the lease is this node's, and nobody else can have it yet. */
  isHolder(nodeId: string): boolean {
    return this.#holder === nodeId && this.#time.nowMs < this.#endMs;
  }

  /** Grows with each time that somebody takes the lease. */
  get term(): number {
    return this.#term;
  }

  // ---- what a process calls ----

  /** `serve` happens a moment later, and `answered` is told of it another moment later; or one of both never. */
  call<T>(process: VirtualProcess, host: string, serve: () => T, answered: (answer: T) => void): void {
    const later = () => this.#time.nowMs + this.#random.next() * WAY_MS;
    this.#time.at(later(), () => {
      if (!this.isReachable(host)) return;
      const answer = serve();
      this.#time.at(later(), () => {
        if (!this.isReachable(host)) return;
        process.run(() => {
          answered(answer);
        });
      });
    });
  }

  isReachable(host: string): boolean {
    return this.#time.nowMs >= this.#reachableMs(host);
  }

  /** When it is, or was, there again for a host. */
  #reachableMs(host: string): number {
    return Math.max(this.#awayUntilMs, this.#cutUntilMs.get(host) ?? 0);
  }

  /** Prolongs the lease if it is the node's own. */
  look(nodeId: string, host: string): Look {
    const now = this.#time.nowMs;
    const isOurs = this.isHolder(nodeId);
    if (isOurs) this.#endMs = now + LEASE_MS;
    const freeMs = now - Math.max(this.#endMs, this.#reachableMs(host));
    return { term: isOurs ? this.#term : undefined, freeMs, last: this.#last, revision: this.#revision };
  }

  /** @returns the term; undefined = somebody has the lease, or has put another epoch since `revision` */
  take(nodeId: string, epoch: number, revision: number): number | undefined {
    if (this.#time.nowMs < this.#endMs || revision !== this.#revision) return undefined;
    this.#holder = nodeId;
    this.#endMs = this.#time.nowMs + LEASE_MS;
    this.#put(epoch);
    return ++this.#term;
  }

  /** @returns false = the lease is not the node's, or another epoch was put since `revision` */
  raise(nodeId: string, epoch: number, revision: number): boolean {
    if (!this.isHolder(nodeId) || revision !== this.#revision) return false;
    this.#put(epoch);
    return true;
  }

  #put(epoch: number): void {
    this.#last = epoch;
    this.#revision++;
  }

  release(nodeId: string): void {
    if (this.isHolder(nodeId)) this.#endMs = this.#time.nowMs;
  }
}

/** What a process knows of the lease. */
class SimLease implements Coordinator {
  readonly events = new TypedEvents<CoordinatorEvents>();
  readonly #coordinator: SimCoordinator;
  readonly #process: VirtualProcess;
  readonly #host: string;
  #nodeId = "";
  #draw: DrawEpoch = () => 0;
  #patienceMs = 0;
  /** Counts how often the lease was wanted, and not any more: answers of before are of no use. Odd = it is wanted. */
  #wish = 0;
  #untilMs = 0;
  /** The epoch that was told; undefined = the lease is not ours. */
  #epoch: number | undefined;
  #wantsHigher = false;

  constructor(coordinator: SimCoordinator, process: VirtualProcess, host: string) {
    this.#coordinator = coordinator;
    this.#process = process;
    this.#host = host;
  }

  start(nodeId: string, draw: DrawEpoch): void {
    this.#nodeId = nodeId;
    this.#draw = (last) => draw(this.#coordinator.tellsLast ? last : undefined);
    this.#watch();
  }

  acquire(patienceMs = 0): void {
    this.#patienceMs = patienceMs;
    if (this.#wish % 2 === 1) return;
    this.#wish++;
    this.#round(this.#wish);
  }

  raise(): void {
    if (this.#epoch !== undefined) this.#wantsHigher = true;
  }

  release(): Promise<void> {
    if (this.#wish % 2 === 1) this.#wish++;
    this.#untilMs = 0;
    this.#forget();
    if (this.#coordinator.isReachable(this.#host)) this.#coordinator.release(this.#nodeId);
    return Promise.resolve();
  }

  holds(nowMs: number): boolean {
    return nowMs < this.#untilMs;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #watch(): void {
    if (this.#epoch !== undefined && !this.holds(this.#process.nowMs())) {
      this.#forget();
      this.events.emit("lost", { reason: "the lease has ended" });
    }
    this.#process.after(20, () => {
      this.#watch();
    });
  }

  #forget(): void {
    this.#epoch = undefined;
    this.#wantsHigher = false;
  }

  #round(wish: number): void {
    if (wish !== this.#wish) return;
    const askedMs = this.#process.nowMs();
    this.#call(
      () => this.#coordinator.look(this.#nodeId, this.#host),
      (look) => {
        if (wish !== this.#wish) return;
        if (look.term !== undefined) this.#keep(look.term, look, askedMs);
        else if (look.freeMs >= this.#patienceMs) this.#take(look);
      },
    );
    this.#process.after(RENEW_MS, () => {
      this.#round(wish);
    });
  }

  #keep(term: number, { last, revision }: Look, askedMs: number): void {
    this.#untilMs = askedMs + LEASE_MS;
    if (last !== undefined && last > (this.#epoch ?? -1)) {
      this.#acquired(term, last);
    } else if (this.#epoch === undefined || this.#wantsHigher) {
      const wish = this.#wish;
      const epoch = this.#draw(last);
      this.#call(
        () => this.#coordinator.raise(this.#nodeId, epoch, revision),
        (isPut) => {
          if (isPut && wish === this.#wish) this.#acquired(term, epoch);
        },
      );
    }
  }

  #take({ last, revision }: Look): void {
    const wish = this.#wish;
    const askedMs = this.#process.nowMs();
    const epoch = this.#draw(last);
    this.#call(
      () => this.#coordinator.take(this.#nodeId, epoch, revision),
      (term) => {
        if (term === undefined) return;
        if (wish !== this.#wish) {
          this.#coordinator.release(this.#nodeId);
          return;
        }
        this.#untilMs = askedMs + LEASE_MS;
        this.#acquired(term, epoch);
      },
    );
  }

  #acquired(term: number, epoch: number): void {
    if (!this.holds(this.#process.nowMs())) return;
    this.#epoch = epoch;
    this.#wantsHigher = false;
    this.events.emit("acquired", { term, epoch });
  }

  #call<T>(serve: () => T, answered: (answer: T) => void): void {
    this.#coordinator.call(this.#process, this.#host, serve, answered);
  }
}

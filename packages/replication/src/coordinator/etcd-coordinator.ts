// One etcd lease per group: whoever has put the group's key under its lease is master, nobody else can until that lease
// has ended. Beside it lies the epoch of the last master, put in the transaction that takes the key: no two masters have the
// same, and each has a higher one than all before it. The consensus is etcd's; here is only the care to stop believing in
// the lease before etcd does.

import { TypedEvents } from "@marugoto/core";
import { parseCoordinatorAddress, type CoordinatorAddress } from "./address.ts";
import type { Coordinator, CoordinatorEvents, DrawEpoch } from "./coordinator.ts";
import { EtcdGateway, type Claim, type Holder, type Look } from "./etcd-gateway.ts";

/**
 * The holder gives the lease up this share of its length early. Two masters at once would need clocks that run apart by
 * more than that within one lease: 300 ms in 3 s. A quartz errs by 0.3 ms.
 */
const CLOCK_BOUND_SHARE = 0.1;

/** The lease is renewed this often in its length, and a call may take that long. */
const ROUNDS_PER_LEASE = 4;

/** Pause after a round that failed with every member. */
const RETRY_MS = 100;

export interface EtcdCoordinatorOptions extends CoordinatorAddress {
  /** Milliseconds of a clock that never goes back; by default `performance.now()`. */
  readonly nowMs?: () => number;
}

/** A coordinator for `etcd://host:port,…/group?ttl=3`. @throws CacheError `invalid_option` */
export function createCoordinator(address: string): Coordinator {
  return new EtcdCoordinator(parseCoordinatorAddress(address));
}

export class EtcdCoordinator implements Coordinator {
  readonly events = new TypedEvents<CoordinatorEvents>();
  readonly #gateway: EtcdGateway;
  readonly #askedTtlSec: number;
  readonly #pauseMs: number;
  readonly #nowMs: () => number;
  #nodeId = "";
  #draw: DrawEpoch = () => 0;
  #isWanted = false;
  #patienceMs = 0;
  /** Since when nobody has held the lease, as far as we have seen; undefined = somebody does. */
  #freeSinceMs: number | undefined;
  #isClosed = false;
  /** The lease under which we have put the key, or may have; undefined = none. */
  #lease: string | undefined;
  #term = 0;
  /** The group's last epoch, told as ours; undefined = the lease is not. */
  #epoch: number | undefined;
  /** That one does not do. */
  #wantsHigher = false;
  /** Until when the lease is certainly ours; -Infinity = it is not. */
  #untilMs = -Infinity;
  #endTimer: NodeJS.Timeout | undefined;
  #isReachable: boolean | undefined;
  #holder: Holder | undefined;
  #endWatch: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  /** Something may have changed since the present round began. */
  #isWoken = false;

  constructor(options: EtcdCoordinatorOptions) {
    this.#pauseMs = (options.ttlSec * 1000) / ROUNDS_PER_LEASE;
    this.#gateway = new EtcdGateway(options.group, options.endpoints, this.#pauseMs);
    this.#askedTtlSec = options.ttlSec;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  start(nodeId: string, draw: DrawEpoch): void {
    if (this.#running !== undefined) throw new TypeError("a coordinator is started once");
    this.#nodeId = nodeId;
    this.#draw = draw;
    this.#running = this.#run();
  }

  acquire(patienceMs = 0): void {
    if (this.#isWanted && patienceMs === this.#patienceMs) return;
    this.#isWanted = true;
    this.#patienceMs = patienceMs;
    this.#wakeUp();
  }

  raise(): void {
    if (this.#epoch === undefined || this.#wantsHigher) return;
    this.#wantsHigher = true;
    this.#wakeUp();
  }

  async release(): Promise<void> {
    this.#isWanted = false;
    const lease = this.#lease;
    this.#lease = undefined;
    this.#stopHolding();
    if (lease === undefined) return;
    try {
      await this.#gateway.revoke(lease);
    } catch (error) {
      // It ends by itself: others wait for that, and nothing is lost but their time.
      this.#tellReachable(false, messageOf(error));
    }
  }

  holds(nowMs: number): boolean {
    return nowMs < this.#untilMs;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    await this.release();
    this.#isClosed = true;
    this.#wakeUp();
    this.#gateway.close();
    await this.#running;
  }

  // ---- one round after the other ----

  async #run(): Promise<void> {
    while (!this.#closed()) {
      this.#isWoken = false;
      this.#watch();
      const isDone = await this.#tryRound();
      if (!this.#woken() && !this.#closed()) await this.#pause(isDone ? this.#pauseMs : RETRY_MS);
    }
  }

  // Fields that change while a round waits: a call, so that the compiler does not take them for what they were before.
  #closed(): boolean {
    return this.#isClosed;
  }

  #woken(): boolean {
    return this.#isWoken;
  }

  #wanted(): boolean {
    return this.#isWanted;
  }

  /** A round with the first member that answers. */
  async #tryRound(): Promise<boolean> {
    for (;;) {
      try {
        await this.#round();
        this.#tellReachable(true, "");
        return true;
      } catch (error) {
        // What we can't see may have changed; and who has no etcd either could not take the lease meanwhile.
        this.#freeSinceMs = undefined;
        // A member that does not answer would not tell of changes either.
        this.#endWatch?.();
        if (this.#closed()) return false;
        if (this.#gateway.next()) continue;
        this.#tellReachable(false, messageOf(error));
        return false;
      }
    }
  }

  async #round(): Promise<void> {
    if (this.#lease === undefined) await this.#seek();
    else await this.#keep(this.#lease);
  }

  /** Renews the lease, and sees that the key is still there under it. */
  async #keep(lease: string): Promise<void> {
    const askedMs = this.#nowMs();
    const { ttlSec, raftTerm } = await this.#gateway.keepAlive(lease);
    const look = await this.#gateway.look();
    if (this.#lease !== lease) return;
    this.#tellHolder(look.holder);
    if (ttlSec <= 0 || look.holder?.lease !== lease) {
      this.#lease = undefined;
      this.#lost(ttlSec <= 0 ? "the lease has ended" : "the key is gone or another's");
      this.#isWoken = true;
      // A key that was asked for and has not come yet must not come any more.
      if (ttlSec > 0) await this.#gateway.revoke(lease);
      return;
    }
    // A leader that has been voted out and does not know it yet would renew as well. The look, later and agreed to by a
    // quorum, has seen the same term: there was no other leader at the time.
    if (raftTerm !== look.raftTerm) {
      this.#isWoken = true;
      return;
    }
    this.#prolong(askedMs, ttlSec);
    const epoch = await this.#keepEpoch(lease, look);
    if (this.#lease === lease && epoch !== undefined) this.#acquired(look.holder.term, epoch);
  }

  /** The epoch beside the key; a higher one if that is wanted, or if the one that we know is not there any more. */
  async #keepEpoch(lease: string, { last }: Look): Promise<number | undefined> {
    // We have put it, and the answer was lost: nobody else puts one while the lease is ours.
    if (last !== undefined && last.epoch > (this.#epoch ?? -1)) return last.epoch;
    if (this.#epoch !== undefined && last?.epoch === this.#epoch && !this.#wantsHigher) return this.#epoch;
    const epoch = this.#draw(last?.epoch);
    if (await this.#gateway.raise({ lease, epoch, above: last })) return epoch;
    // Something has changed since the look.
    this.#isWoken = true;
    return undefined;
  }

  /** Takes the key if it is wanted and nobody has it. */
  async #seek(): Promise<void> {
    const { holder, last } = await this.#gateway.look();
    this.#tellHolder(holder);
    this.#freeSinceMs = holder === undefined ? (this.#freeSinceMs ?? this.#nowMs()) : undefined;
    if (this.#freeSinceMs === undefined || !this.#wanted()) return;
    if (this.#nowMs() - this.#freeSinceMs < this.#patienceMs) return;
    const askedMs = this.#nowMs();
    const { lease, ttlSec } = await this.#gateway.grant(this.#askedTtlSec);
    // From here on the key may be ours even if the answer never comes: the next round finds out.
    this.#lease = lease;
    const epoch = this.#draw(last?.epoch);
    const term = await this.#take({ lease, epoch, above: last });
    if (this.#lease === lease && this.#wanted() && term !== undefined) {
      this.#tellHolder({ nodeId: this.#nodeId, lease, term });
      this.#prolong(askedMs, ttlSec);
      this.#acquired(term, epoch);
      return;
    }
    // Another was faster, has left another epoch since the look, or it is not wanted any more.
    if (this.#lease === lease) this.#lease = undefined;
    await this.#gateway.revoke(lease);
  }

  /** @returns the term, or undefined when nothing was put or the lease was given back meanwhile */
  async #take(claim: Claim): Promise<number | undefined> {
    try {
      return await this.#gateway.take(this.#nodeId, claim);
    } catch (error) {
      if (this.#lease === claim.lease) throw error;
      return undefined;
    }
  }

  #prolong(askedMs: number, ttlSec: number): void {
    this.#untilMs = askedMs + ttlSec * 1000 * (1 - CLOCK_BOUND_SHARE);
    clearTimeout(this.#endTimer);
    this.#endTimer = setTimeout(() => {
      this.#lost(`the lease could not be renewed within ${ttlSec} s`);
    }, this.#untilMs - this.#nowMs());
  }

  #acquired(term: number, epoch: number): void {
    // It may have ended while the epoch was put; or nothing is new.
    if (!this.holds(this.#nowMs()) || epoch === this.#epoch) return;
    this.#term = term;
    this.#epoch = epoch;
    this.#wantsHigher = false;
    this.events.emit("acquired", { term, epoch });
  }

  #lost(reason: string): void {
    const wasHeld = this.#untilMs !== -Infinity;
    this.#stopHolding();
    if (wasHeld) this.events.emit("lost", { reason });
  }

  #stopHolding(): void {
    clearTimeout(this.#endTimer);
    this.#untilMs = -Infinity;
    this.#epoch = undefined;
    this.#wantsHigher = false;
  }

  // ---- being told of changes ----

  /** A change of the key ends the pause: the next round looks. Without a watch the pause is short enough. */
  #watch(): void {
    const ended = () => {
      this.#endWatch = undefined;
    };
    this.#endWatch ??= this.#gateway.watch(this.#wakeUp, ended);
  }

  readonly #wakeUp = (): void => {
    this.#isWoken = true;
    this.#wake?.();
  };

  #pause(pauseMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, pauseMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  // ---- telling ----

  #tellHolder(holder: Holder | undefined): void {
    const isSame = holder?.nodeId === this.#holder?.nodeId && holder?.term === this.#holder?.term;
    const isFirst = this.#isReachable === undefined && this.#holder === undefined;
    this.#holder = holder;
    if (!isSame || isFirst) this.events.emit("holder", { nodeId: holder?.nodeId, term: holder?.term ?? this.#term });
  }

  #tellReachable(reachable: boolean, reason: string): void {
    if (reachable === this.#isReachable) return;
    this.#isReachable = reachable;
    this.events.emit("reachable", { reachable, reason });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

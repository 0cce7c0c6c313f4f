// Which answers wait, and for what: a replica's socket that takes no more or a replica that has much still to apply, as
// long as it gets on; or replicas that have to say that they have applied a write. Counts those that leave without.

import type { Timers } from "../environment.ts";
import { Patience } from "./patience.ts";

/** How often a replica says how far it is while it applies what counts as near. */
export const ACKS_WHILE_NEAR = 8;

/**
 * Bytes of the stream that a replica may have before it without anybody waiting for it. The kernels of both hosts take
 * more, 4 MB or so, but one that is full says that it has room again only when a third of it is free: what can be
 * 20 000 sets and more, to be applied by a process that doesn't run at the moment.
 *
 * @param backlogBytes what the log keeps
 */
export function nearBytes(backlogBytes: number): number {
  return Math.min(1024 * 1024, backlogBytes / 4);
}

/** An answer waits for so many times `holdMs` at most, however well a replica gets on. */
const MAX_HOLDS = 10;

/** Timers are not finer. */
const LEAST_WAIT_MS = 1;

/** A replica for which all patience was spent is not waited for until it is in step, or for so long; then for longer. */
const FIRST_REST_MS = 200;
const LONGEST_REST_MS = 60_000;

/** A replica, as far as somebody may wait for it. */
export interface Receiver {
  /** It gets the stream alone, no copy. */
  readonly isLive: boolean;
  /** End of what reaches it even if this process dies. */
  readonly taken: number;
  /** End of what it has applied, as far as we know. */
  readonly applied: number;
  /** End of what it said it has applied. */
  readonly acked: number;
  /** It has taken all that is logged. */
  readonly hasAll: boolean;
  /** It had taken all that was logged, and nobody has given up waiting for it since. */
  inStep: boolean;
  /** It was too slow, and nobody waits for it before then; `nowMs`. */
  restsUntilMs: number;
  /** The last such rest, in milliseconds; 0 = none since it was in step. */
  restMs: number;
  /** When it last took or applied something, or was given much to apply; `nowMs`. */
  progressMs: number;
}

interface Waiter {
  readonly offset: number;
  readonly effects: number;
  readonly sinceMs: number;
  readonly resolve: () => void;
}

export interface ProtectionParts<T extends Receiver> {
  readonly timers: Timers;
  readonly holdMs: number;
  readonly syncReplicas: number;
  /** After how long without enough replicas answers leave all the same; Infinity = never. */
  readonly degradeMs: number;
  /** See the function. */
  readonly nearBytes: number;
  /** All that follow us. */
  readonly receivers: ReadonlySet<T>;
  readonly onBehind: (receiver: T) => void;
}

export class Protection<T extends Receiver> {
  /** Effects that were acknowledged while no replica was sure to have them. */
  unprotected = 0;
  /** Answers that had to wait, and effects that they were for. */
  holds = 0;
  readonly #parts: ProtectionParts<T>;
  readonly #patience: Patience;
  #waiters: Waiter[] = [];
  #cancelTimer: (() => void) | undefined;
  /** When answers last left without waiting, all replicas in step being near, the clock was not looked at. */
  #wasNear = true;

  constructor(parts: ProtectionParts<T>) {
    this.#parts = parts;
    this.#patience = new Patience(parts.holdMs);
  }

  /** True while there are as many replicas in step as `syncReplicas` asks for. */
  get hasEnough(): boolean {
    let inStep = 0;
    for (const receiver of this.#parts.receivers) if (receiver.inStep) inStep++;
    return inStep >= this.#parts.syncReplicas;
  }

  /**
   * The stream has been offered to all: may the answers to `effects` writes, the last ending at `offset`, leave?
   *
   * @returns undefined: at once; else they wait
   */
  admit(offset: number, effects: number): undefined | Promise<void> {
    return this.#parts.syncReplicas > 0 ? this.#admitSync(offset, effects) : this.#admit(offset, effects);
  }

  #admitSync(offset: number, effects: number): undefined | Promise<void> {
    if (this.#isApplied(offset)) return undefined;
    const waits = this.#wait(offset, effects, this.#parts.timers.nowMs());
    this.#arm(this.#parts.degradeMs);
    return waits;
  }

  #admit(offset: number, effects: number): undefined | Promise<void> {
    const isTaken = this.#isTaken(offset);
    if (isTaken && this.#isNear(offset, this.#parts.nearBytes)) {
      this.#wasNear = true;
      return undefined;
    }
    const now = this.#parts.timers.nowMs();
    if (this.#wasNear) {
      // From here on they have something to get on with.
      this.#wasNear = false;
      for (const receiver of this.#parts.receivers) if (receiver.inStep) receiver.progressMs = now;
    }
    const waitMs = this.#waitMs(isTaken, now, now);
    if (waitMs >= LEAST_WAIT_MS) {
      this.#patience.waits(true, now);
      const waits = this.#wait(offset, effects, now);
      this.#arm(waitMs);
      return waits;
    }
    if (!isTaken) {
      this.#fallBehind(now);
      this.unprotected += effects;
    }
    return undefined;
  }

  /** A replica has taken or applied something. */
  progressed(receiver: T): void {
    if (!this.#wasNear) receiver.progressMs = this.#parts.timers.nowMs();
    this.review();
  }

  /** A replica has come or gone, or is in step: whoever may, leaves. */
  review(): void {
    const { syncReplicas, receivers } = this.#parts;
    const waiters = this.#waiters;
    if (waiters.length === 0) return;
    let count = 0;
    while (count < waiters.length && this.#mayLeave(waiters[count]!.offset)) count++;
    for (const { resolve } of waiters.splice(0, count)) resolve();
    if (waiters.length === 0) {
      this.#ended();
    } else if (syncReplicas === 0) {
      for (const { isLive } of receivers) if (isLive) return;
      this.#release();
    }
  }

  /** We order writes no longer, or the wait has been long enough: all leave, and are counted. */
  giveUp(): void {
    this.#release();
  }

  #mayLeave(offset: number): boolean {
    if (this.#parts.syncReplicas > 0) return this.#isApplied(offset);
    // Half as near as where waiting began: few waits of some milliseconds cost less than many short ones.
    return this.#isTaken(offset) && this.#isNear(offset, this.#parts.nearBytes / 2);
  }

  /** As many replicas as are asked for have said that they have it. */
  #isApplied(offset: number): boolean {
    let applied = 0;
    for (const { isLive, acked } of this.#parts.receivers) if (isLive && acked >= offset) applied++;
    return applied >= this.#parts.syncReplicas;
  }

  /** It reaches a replica even if this process dies. */
  #isTaken(offset: number): boolean {
    for (const { isLive, taken } of this.#parts.receivers) if (isLive && taken >= offset) return true;
    return false;
  }

  /** A replica has not much before it. */
  #isNear(offset: number, bytes: number): boolean {
    const least = offset - bytes;
    for (const { isLive, applied } of this.#parts.receivers) if (isLive && applied >= least) return true;
    return false;
  }

  /** How long answers may still wait that have waited since `sinceMs`: until `holdMs` after anything happened. */
  #waitMs(isTaken: boolean, sinceMs: number, now: number): number {
    let lastMs = -Infinity;
    for (const { isLive, restsUntilMs, inStep, progressMs } of this.#parts.receivers) {
      if (!isLive || restsUntilMs > now) continue;
      // What is with the kernel is safe: one that does nothing is waited for once, not by each answer anew.
      lastMs = Math.max(lastMs, progressMs, inStep && !isTaken ? sinceMs : -Infinity);
    }
    const { holdMs } = this.#parts;
    return Math.min(lastMs + holdMs - now, sinceMs + MAX_HOLDS * holdMs - now, this.#patience.leftMs(now));
  }

  #wait(offset: number, effects: number, now: number): Promise<void> {
    this.holds++;
    return new Promise((resolve) => {
      this.#waiters.push({ offset, effects, sinceMs: now, resolve });
    });
  }

  #arm(afterMs: number): void {
    if (this.#cancelTimer !== undefined || afterMs === Infinity) return;
    this.#cancelTimer = this.#parts.timers.after(afterMs, () => {
      this.#cancelTimer = undefined;
      this.#onTimer();
    });
  }

  #onTimer(): void {
    const now = this.#parts.timers.nowMs();
    for (let first = this.#waiters[0]; first !== undefined; first = this.#waiters[0]) {
      if (this.#parts.syncReplicas > 0) break;
      const isTaken = this.#isTaken(first.offset);
      const waitMs = this.#waitMs(isTaken, first.sinceMs, now);
      if (waitMs >= LEAST_WAIT_MS) {
        this.#arm(waitMs);
        return;
      }
      if (!isTaken) break;
      this.#waiters.shift()!.resolve();
    }
    this.#fallBehind(now);
    this.#release();
  }

  /** Whoever holds the oldest up is behind; the others, if any, have just said that they aren't. */
  #fallBehind(now: number): void {
    const isSpent = this.#patience.leftMs(now) < LEAST_WAIT_MS;
    for (const receiver of this.#parts.receivers) {
      if (receiver.hasAll) continue;
      if (isSpent && receiver.restsUntilMs <= now) {
        receiver.restMs = Math.min(LONGEST_REST_MS, Math.max(FIRST_REST_MS, 2 * receiver.restMs));
        receiver.restsUntilMs = now + receiver.restMs;
      }
      if (!receiver.inStep) continue;
      receiver.inStep = false;
      this.#parts.onBehind(receiver);
    }
  }

  #release(): void {
    for (const { offset, effects, resolve } of this.#waiters.splice(0)) {
      if (this.#parts.syncReplicas > 0 || !this.#isTaken(offset)) this.unprotected += effects;
      resolve();
    }
    this.#ended();
  }

  #ended(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#patience.waits(false, this.#parts.timers.nowMs());
  }
}

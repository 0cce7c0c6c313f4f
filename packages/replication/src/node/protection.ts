// Which answers wait, and for what: a replica's socket that takes no more, or replicas that have to say that they have
// applied a write. Counts those that leave without.

import type { Timers } from "../environment.ts";
import type { Downstream } from "./downstream.ts";

interface Waiter {
  readonly offset: number;
  readonly effects: number;
  readonly resolve: () => void;
}

export interface ProtectionParts {
  readonly timers: Timers;
  readonly holdMs: number;
  readonly syncReplicas: number;
  /** After how long without enough replicas answers leave all the same; Infinity = never. */
  readonly degradeMs: number;
  /** All that follow us. */
  readonly downstreams: ReadonlySet<Downstream>;
  readonly onBehind: (downstream: Downstream) => void;
}

export class Protection {
  /** Effects that were acknowledged while no replica was sure to have them. */
  unprotected = 0;
  /** Answers that had to wait, and effects that they were for. */
  holds = 0;
  readonly #parts: ProtectionParts;
  #waiters: Waiter[] = [];
  #cancelTimer: (() => void) | undefined;

  constructor(parts: ProtectionParts) {
    this.#parts = parts;
  }

  /** True while there are as many replicas in step as `syncReplicas` asks for. */
  get hasEnough(): boolean {
    let inStep = 0;
    for (const downstream of this.#parts.downstreams) if (downstream.inStep) inStep++;
    return inStep >= this.#parts.syncReplicas;
  }

  /**
   * The stream has been offered to all: may the answers to `effects` writes, the last ending at `offset`, leave?
   *
   * @returns undefined: at once; else they wait
   */
  admit(offset: number, effects: number): undefined | Promise<void> {
    const { syncReplicas, downstreams } = this.#parts;
    if (this.#isSafe(offset)) return undefined;
    if (syncReplicas === 0) {
      let someone = false;
      for (const { inStep } of downstreams) someone ||= inStep;
      if (!someone) {
        this.unprotected += effects;
        return undefined;
      }
    }
    this.holds++;
    return new Promise((resolve) => {
      this.#waiters.push({ offset, effects, resolve });
      this.#arm(syncReplicas > 0 ? this.#parts.degradeMs : this.#parts.holdMs);
    });
  }

  /** A replica has taken or acknowledged something, or has gone: whoever may, leaves. */
  review(): void {
    const { syncReplicas, downstreams } = this.#parts;
    while (this.#waiters.length > 0 && this.#isSafe(this.#waiters[0]!.offset)) this.#waiters.shift()!.resolve();
    if (this.#waiters.length === 0) {
      this.#disarm();
    } else if (syncReplicas === 0) {
      for (const { inStep } of downstreams) if (inStep) return;
      this.#release();
    }
  }

  /** We order writes no longer, or the wait has been long enough: all leave, and are counted. */
  giveUp(): void {
    this.#release();
  }

  #isSafe(offset: number): boolean {
    const { syncReplicas, downstreams } = this.#parts;
    if (syncReplicas === 0) {
      for (const { streaming, copy, taken } of downstreams) {
        if (streaming && copy === undefined && taken >= offset) return true;
      }
      return false;
    }
    let acked = 0;
    for (const downstream of downstreams) if (downstream.acked >= offset && downstream.copy === undefined) acked++;
    return acked >= syncReplicas;
  }

  #arm(afterMs: number): void {
    if (this.#cancelTimer !== undefined || afterMs === Infinity) return;
    this.#cancelTimer = this.#parts.timers.after(afterMs, () => {
      this.#cancelTimer = undefined;
      // Whoever holds the oldest up is behind; the others, if any, have just said that they aren't.
      for (const downstream of this.#parts.downstreams) {
        if (downstream.inStep && !downstream.hasAll) {
          downstream.inStep = false;
          this.#parts.onBehind(downstream);
        }
      }
      this.#release();
    });
  }

  #disarm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #release(): void {
    this.#disarm();
    for (const { effects, resolve } of this.#waiters.splice(0)) {
      this.unprotected += effects;
      resolve();
    }
  }
}

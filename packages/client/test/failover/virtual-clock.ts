// The clock that failover rules count seconds with, moved by hand.

import type { PoolClock } from "../../src/failover/failover.ts";

/** A clock that moves when it is told to; it begins at a whole second of the year 2001. */
export class VirtualClock implements PoolClock {
  #nowMs = 1_000_000_000_000;

  nowMs(): number {
    return this.#nowMs;
  }

  advance(ms: number): void {
    this.#nowMs += ms;
  }

  /** Moves on to shortly after the beginning of the next second. */
  align(): void {
    this.#nowMs = (Math.floor(this.#nowMs / 1000) + 1) * 1000 + 20;
  }
}

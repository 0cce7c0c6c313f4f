// How long clients wait for slow replicas, all waits together: a store of milliseconds that waiting empties and time
// fills again. So one replica may hold a burst back for a moment, and none can slow the service down for good.

/** Of the time, replicas get at most this part: one that needs more does not keep up with its master. */
const SHARE = 0.5;

/** Times `holdMs` that the full store lasts for. */
const FULL_HOLDS = 50;

export class Patience {
  readonly #fullMs: number;
  /** What there was at `#atMs`. */
  #leftMs: number;
  #atMs = 0;
  #isWaiting = false;

  constructor(holdMs: number) {
    this.#fullMs = FULL_HOLDS * holdMs;
    this.#leftMs = this.#fullMs;
  }

  /** Milliseconds that may be waited from now on; 0 or less, after a wait that took too long = none. */
  leftMs(nowMs: number): number {
    const spanMs = nowMs - this.#atMs;
    if (this.#isWaiting) return this.#leftMs - spanMs;
    return Math.min(this.#fullMs, this.#leftMs + (spanMs * SHARE) / (1 - SHARE));
  }

  /** A wait begins, or ends. */
  waits(isWaiting: boolean, nowMs: number): void {
    if (isWaiting === this.#isWaiting) return;
    this.#leftMs = this.leftMs(nowMs);
    this.#atMs = nowMs;
    this.#isWaiting = isWaiting;
  }
}

// The time that all nodes of a group share: our clock, and how far the master's is ahead of it.

import type { ReplicationNode } from "./node.ts";

export class GroupTime {
  readonly #node: ReplicationNode;
  /** How far the group's clock is ahead of ours, in milliseconds. */
  skewMs = 0;
  #effectMs = 0;
  /** The time of the present batch is read already. */
  isFresh = false;

  constructor(node: ReplicationNode) {
    this.#node = node;
  }

  /** The group's time in whole milliseconds. */
  nowMs(): number {
    return Math.max(0, Math.floor(this.#node.timers.unixMs() + this.skewMs));
  }

  /** The group's time, read once per batch of effects. */
  effectMs(): number {
    if (!this.isFresh) {
      this.#effectMs = this.nowMs();
      this.isFresh = true;
    }
    return this.#effectMs;
  }

  /**
   * The master's time came within half of `roundTripMs` ago, or so much later: our idea of it moves as far as that proves it
   * wrong. Clocks that drift apart are followed, and a slow link moves nothing.
   */
  sample(groupMs: number, roundTripMs: number): void {
    const middle = groupMs + 0.5 + roundTripMs / 2 - this.#node.timers.unixMs();
    const error = roundTripMs / 2 + 0.5;
    const skewMs = Math.min(Math.max(this.skewMs, middle - error), middle + error);
    if (skewMs !== this.skewMs) this.setSkew(skewMs);
  }

  setSkew(skewMs: number): void {
    this.skewMs = skewMs;
    this.#node.content.setSkew(skewMs);
    this.isFresh = false;
  }
}

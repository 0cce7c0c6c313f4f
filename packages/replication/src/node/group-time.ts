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

  setSkew(skewMs: number): void {
    this.skewMs = skewMs;
    this.#node.content.setSkew(skewMs);
    this.isFresh = false;
  }
}

// Whether anybody but this proxy writes to a server: its own counts of writes beside what this proxy has written. Only when
// nobody else has, what was written elsewhere during an outage is sure to be the last that was written.

import type { ServerState } from "./identity.ts";
import { NodeCount, type Node } from "../routing/node.ts";

/** Others are believed to write to a server for so long after they were seen to, in ms. */
const REMEMBERED_MS = 300_000;

export class WritesOfOthers {
  /** The process that was looked at last. */
  #identity: string | undefined;
  /** Its writes that were not this proxy's, before the first look. */
  #before = 0;
  /** By `performance.now()`. */
  #seenAtMs = -Infinity;
  readonly #node: Node;

  constructor(node: Node) {
    this.#node = node;
  }

  /** Whether others have been seen writing to it lately. */
  get wereSeen(): boolean {
    return performance.now() - this.#seenAtMs < REMEMBERED_MS;
  }

  /**
   * @param state as the server tells it now
   * @param underWay requests of this proxy that it may have done and not answered before
   * @returns whether others have written to it since the last look; true when that cannot be told
   */
  look({ identity, writes, ownWrites }: ServerState, underWay: number): boolean {
    const { counts } = this.#node;
    const isKnown = identity !== undefined && identity === this.#identity;
    const excess = writes - ownWrites - this.#before;
    // What was sent and never answered may have been done. A server that does not tell its counts has NaN of them.
    const isOwn = isKnown && excess <= counts[NodeCount.lostWrites]! + underWay;
    const isOthers = !isOwn;
    if (isKnown && isOthers) this.#seenAtMs = performance.now();
    this.#identity = identity;
    this.#before = writes - ownWrites;
    counts[NodeCount.lostWrites] = 0;
    return isOthers;
  }
}

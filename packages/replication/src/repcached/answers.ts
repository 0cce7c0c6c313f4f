// Answers that wait until the kernel has the effects of what they answer, so that the death of this process does not take
// those along.

import type { Feed } from "./feed.ts";
import type { RepcachedReplication } from "./repcached-replication.ts";

export class Answers {
  readonly #node: RepcachedReplication;
  /** Mutations of the present feed that were asked about. */
  #answered = 0;
  /** The peer's socket has not taken what it was given within the hold: answers no longer wait for it. */
  isLate = false;

  constructor(node: RepcachedReplication) {
    this.#node = node;
  }

  /** Answers are about to leave: see the server's hook `beforeAnswers`. */
  before(): undefined | Promise<void> {
    const feed = this.#node.feed;
    if (feed === undefined || feed.mutations === this.#answered) return undefined;
    const unanswered = feed.mutations - this.#answered;
    this.#answered = feed.mutations;
    if (feed.send()) return undefined;
    if (this.#node.state === "feeding") return undefined;
    if (!this.isLate && feed.isInStep && this.#node.options.holdMs > 0) return this.#hold(feed, unanswered);
    this.#node.counts.unprotected += unanswered;
    return undefined;
  }

  /** Waits until the kernel has the effects, so that the death of this process does not take them along. */
  async #hold(feed: Feed, mutations: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, this.#node.options.holdMs, true);
    });
    const isLate = await Promise.race([late, feed.drained().then(() => false)]);
    clearTimeout(timer);
    if (!isLate) return;
    this.#node.counts.unprotected += mutations;
    if (this.isLate || feed !== this.#node.feed) return;
    this.isLate = true;
    this.#node.events.emit("behind", { peer: this.#node.remote });
    void feed.settled().then(() => {
      if (feed !== this.#node.feed) return;
      this.isLate = false;
      this.#node.events.emit("inStep", { peer: this.#node.remote });
    });
  }

  /** A new link: nothing was sent over it yet. */
  reset(): void {
    this.#answered = 0;
    this.isLate = false;
  }
}

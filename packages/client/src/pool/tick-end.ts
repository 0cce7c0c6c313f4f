// When what the calls of one tick have written leaves: all of it in one write, when no more is to be expected. The very end
// of a tick, `process.nextTick`, costs Node a third of what JavaScript does in a round trip, so a program that makes one
// call after another doesn't wait for it. Where calls are seen to come behind each other, they do.

/** Turns of the microtask queue without anything new, after which nothing more is expected in this tick. */
const QUIET_TURNS = 2;

/** Its `then` is the shortest way onto the microtask queue. */
const settled = Promise.resolve();

/** Calls a flush once per tick. */
export class TickEnd {
  readonly #flush: () => void;
  readonly #written: () => number;
  #turns = 0;
  /** What was written at the turn before. */
  #before = 0;

  /**
   * @param flush must not throw
   * @param written a number that changes with everything that is written for `flush`
   */
  constructor(flush: () => void, written: () => number) {
    this.#flush = flush;
    this.#written = written;
  }

  /** Sees to one call of `flush`; call it again only after that. */
  readonly schedule = (): void => {
    this.#turns = 0;
    void settled.then(this.#turn);
  };

  readonly #turn = (): void => {
    const written = this.#written();
    // Up to the first turn: the code that runs, and everything that the answers of one read have set going.
    if (this.#turns > 0 && written !== this.#before) {
      process.nextTick(this.#flush);
      return;
    }
    this.#before = written;
    if (this.#turns++ < QUIET_TURNS) void settled.then(this.#turn);
    else this.#flush();
  };
}

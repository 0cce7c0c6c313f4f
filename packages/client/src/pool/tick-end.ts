// When what the calls of one tick have written leaves: all of it in one write, when no more is to be expected. The very end
// of a tick, `process.nextTick`, costs Node a third of what JavaScript does in a round trip, so a program that makes one
// call after another doesn't wait for it. Where calls are seen to come behind each other, they do.

/** Turns of the microtask queue without anything new, after which nothing more is expected in this tick. */
const QUIET_TURNS = 2;

/** After so many requests in a row that had nobody beside them, the next is not expected to have somebody, either. */
const LONE_REQUESTS = 32;

/** Its `then` is the shortest way onto the microtask queue. */
const settled = Promise.resolve();

/** Calls a flush once per tick. */
export class TickEnd {
  readonly #flush: () => void;
  readonly #waiting: () => number;
  #turns = 0;
  /** How many requests waited at the turn before. */
  #before = 0;
  /** Requests in a row that were alone: nothing else written or unanswered. */
  #lone = 0;

  /**
   * @param flush must not throw
   * @param waiting how many requests wait, for `flush` or for their answers, where something waits for `flush`
   */
  constructor(flush: () => void, waiting: () => number) {
    this.#flush = flush;
    this.#waiting = waiting;
  }

  /** Sees to one call of `flush`; call it again only after that. */
  readonly schedule = (): void => {
    this.#turns = 0;
    void settled.then(this.#turn);
  };

  readonly #turn = (): void => {
    const waiting = this.#waiting();
    if (this.#turns === 0) {
      // What is there by now comes from the code that runs, or from all that the answers of one read have set going.
      this.#lone = waiting === 1 ? this.#lone + 1 : 0;
      if (this.#lone > LONE_REQUESTS) {
        this.#flush();
        return;
      }
    } else if (waiting !== this.#before) {
      this.#lone = 0;
      process.nextTick(this.#flush);
      return;
    }
    this.#before = waiting;
    if (this.#turns++ < QUIET_TURNS) void settled.then(this.#turn);
    else this.#flush();
  };
}

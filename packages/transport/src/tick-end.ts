// When what the calls of one tick have written leaves: all of it in one write, when the tick is over. A tick is what Node
// runs before it turns to the next event: a callback, then whatever that puts on the queues of `process.nextTick` and of
// microtasks, until both are empty. Why Node's own function for that is called here: decision 0010.

type Callback = () => void;

/** Runs both queues until they are empty. Not every runtime has it. */
const ownEmptyQueues = (process as { _tickCallback?: unknown })._tickCallback as Callback | undefined;

/** Its `then` is the shortest way onto the queue of microtasks. */
const settled = Promise.resolve();

/** While the queues are being emptied, whoever has something to flush need only leave it here. For all pools together. */
let isEmptying = false;
const due: Callback[] = [];

/** Calls a flush once per tick. */
export class TickEnd {
  readonly #flush: Callback;
  readonly #emptyQueues: Callback | null;

  /**
   * @param flush must not throw
   * @param emptyQueues null: the runtime can't be asked to
   */
  constructor(flush: Callback, emptyQueues = ownEmptyQueues ?? null) {
    this.#flush = flush;
    this.#emptyQueues = emptyQueues;
  }

  /** Sees to one call of `flush` at the end of this tick. Call it again only after that. */
  readonly schedule = (): void => {
    if (isEmptying) due.push(this.#flush);
    else if (this.#emptyQueues !== null) process.nextTick(this.#finishAndFlush);
    // Behind all microtasks that come before the next `process.nextTick`; what that puts there is too late.
    else void settled.then(this.#flushNext);
  };

  /**
   * To be called at the end of a callback of the event loop: runs what is left of its tick, as Node would do next, and
   * flushes. Nothing else that comes back at that moment costs as little.
   *
   * @throws what a callback of `process.nextTick` throws
   */
  finish(): void {
    const emptyQueues = this.#emptyQueues;
    if (isEmptying || emptyQueues === null) return;
    isEmptying = true;
    try {
      emptyQueues();
    } finally {
      isEmptying = false;
      for (let flush = due.pop(); flush !== undefined; flush = due.pop()) flush();
    }
  }

  readonly #finishAndFlush = (): void => {
    due.push(this.#flush);
    this.finish();
  };

  readonly #flushNext = (): void => {
    process.nextTick(this.#flush);
  };
}

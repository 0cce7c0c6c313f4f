// One listener per AbortSignal, however many calls it can end: a signal looks through all its listeners for each one
// that is added, and Node warns of a leak at the eleventh.

/** What a signal can end. */
export interface Abortable {
  /** The signal is aborted. */
  abort(): void;
}

/** The calls under way that one signal can end. */
export class AbortWatch {
  readonly #signal: AbortSignal;
  readonly #onEmpty: (signal: AbortSignal) => void;
  readonly #calls = new Set<Abortable>();

  constructor(signal: AbortSignal, onEmpty: (signal: AbortSignal) => void) {
    this.#signal = signal;
    this.#onEmpty = onEmpty;
    signal.addEventListener("abort", this);
  }

  add(call: Abortable): void {
    this.#calls.add(call);
  }

  /** The call has ended. */
  remove(call: Abortable): void {
    this.#calls.delete(call);
    if (this.#calls.size > 0) return;
    this.#signal.removeEventListener("abort", this);
    this.#onEmpty(this.#signal);
  }

  handleEvent(): void {
    // Each takes itself out.
    for (const call of this.#calls) call.abort();
  }
}

/** The watches of one pool. */
export class Aborts {
  readonly #watches = new WeakMap<AbortSignal, AbortWatch>();
  readonly #forget = (signal: AbortSignal) => {
    this.#watches.delete(signal);
  };

  /** Calls `call.abort()` when `signal` is aborted, until `remove(call)` of what is returned. */
  watch(signal: AbortSignal, call: Abortable): AbortWatch {
    let watch = this.#watches.get(signal);
    if (watch === undefined) this.#watches.set(signal, (watch = new AbortWatch(signal, this.#forget)));
    watch.add(call);
    return watch;
  }
}

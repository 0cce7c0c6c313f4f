// Typed events. Packages tell what happened with values; apps decide how that reads in a log.

type Listener<T> = (event: T) => void;

/**
 * An emitter whose names and payloads are the fields of `Events`.
 *
 * What a listener throws is its own defect: it becomes an uncaught exception on the next tick and disturbs neither the
 * other listeners nor what was being done when the event happened.
 */
export class TypedEvents<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>();

  /** Calls `listener` at each `name`; returns the function that ends that. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    let set = this.#listeners.get(name);
    if (!set) this.#listeners.set(name, (set = new Set()));
    set.add(listener);
    return () => set.delete(listener);
  }

  /** True when anyone listens, so that a caller can spare itself the making of the event. */
  has(name: keyof Events): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0;
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    const set = this.#listeners.get(name) as Set<Listener<Events[Name]>> | undefined;
    if (!set) return;
    for (const listener of set) {
      try {
        listener(event);
      } catch (error) {
        process.nextTick(() => {
          throw error;
        });
      }
    }
  }
}

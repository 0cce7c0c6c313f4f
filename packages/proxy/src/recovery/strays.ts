// Keys of one server that this proxy may have left on other servers of the pool, outage after outage, and on which. It
// remembers; who removes them, and when nobody looks for them there any more, is decided in absence.ts.

export class Strays {
  /** There were more of them than are remembered: any key may be one. */
  hasUnknown = false;
  /** Key → labels of all servers that may have it. */
  readonly #labels = new Map<string, readonly string[]>();

  /** A key is about to be written to the server with this label. @param limit keys that are remembered at most */
  add(key: string, label: string, limit: number): void {
    const labels = this.#labels.get(key);
    if (labels === undefined) {
      if (this.#labels.size < limit) this.#labels.set(key, [label]);
      else this.hasUnknown = true;
    } else if (!labels.includes(label)) {
      // Another outage has sent it elsewhere, and what the one before has left may still be there.
      this.#labels.set(key, [...labels, label]);
    }
  }

  mayHave(key: string): boolean {
    return this.hasUnknown || this.#labels.has(key);
  }

  /**
   * Hands them out to be removed, so many keys at a time, and forgets those. One that is added again meanwhile is left for
   * the next time.
   *
   * @param stays is true of keys that are in use where they are
   */
  *take(
    batchKeys: number,
    stays: (key: string) => boolean,
  ): Generator<readonly (readonly [key: string, label: string])[]> {
    const known = [...this.#labels].filter(([key]) => !stays(key));
    for (let at = 0; at < known.length; at += batchKeys) {
      const batch = known.slice(at, at + batchKeys).filter(([key, labels]) => this.#labels.get(key) === labels);
      for (const [key] of batch) this.#labels.delete(key);
      yield batch.flatMap(([key, labels]) => labels.map((label) => [key, label] as const));
    }
  }
}

// What a test has opened and must close. `const opened = new Cleanup(); afterEach(() => opened.run());`, then
// `opened.add(await spawnMemcached())`.

/** Anything with an end. */
export interface Closeable {
  close(): unknown;
}

/** A list of things to close, last opened first. */
export class Cleanup {
  readonly #open: (() => unknown)[] = [];

  /** Takes something to close and gives it back. */
  add<T extends Closeable>(thing: T): T {
    this.#open.push(() => thing.close());
    return thing;
  }

  /** Takes a function to call at the end. */
  defer(end: () => unknown): void {
    this.#open.push(end);
  }

  /** Closes everything, then throws the first failure there was. */
  async run(): Promise<void> {
    const failures: unknown[] = [];
    for (const end of this.#open.splice(0).reverse()) {
      try {
        await end();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}

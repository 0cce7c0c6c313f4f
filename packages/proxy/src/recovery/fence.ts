// The keys of one server that were written or deleted elsewhere, or may have been: what the server has under them is not
// to be read. A bounded set; when it is full, nothing of the server is to be read until it is flushed.

export class Fence {
  /** Most keys it remembers. */
  limit: number;
  /** There were more keys than it remembers; it remembers none then. */
  isFull = false;
  readonly #keys = new Set<string>();

  constructor(limit: number) {
    this.limit = limit;
  }

  get size(): number {
    return this.#keys.size;
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  /** @returns false when the key was one too many, the first time */
  add(key: string): boolean {
    if (this.isFull) return true;
    if (this.#keys.size < this.limit || this.#keys.has(key)) {
      this.#keys.add(key);
      return true;
    }
    this.fill();
    return false;
  }

  /** There are more keys than it remembers. */
  fill(): void {
    this.isFull = true;
    this.#keys.clear();
  }

  delete(key: string): void {
    this.#keys.delete(key);
  }

  /** All keys, oldest first; they may be deleted, and others added, meanwhile. */
  keys(): IterableIterator<string> {
    return this.#keys.keys();
  }

  clear(): void {
    this.isFull = false;
    this.#keys.clear();
  }
}

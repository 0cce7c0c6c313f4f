// The rules of the store once more, over a plain Map: what a reader of memcached's protocol would expect, without
// memory limits. Evictions are told to it, because it can't foresee them.

/** An item as the model sees it. */
export interface ModelItem {
  readonly key: string;
  value: Buffer;
  flags: number;
  expiry: number;
  cas: bigint;
  stale: boolean;
  win: boolean;
  fetched: boolean;
  lastAccess: number;
  /** Stored in the second in which a delayed flush fired: there, but not to be found. */
  hidden: boolean;
}

/** The rules. `now` is the second of the clock and must not go back. */
export class Model {
  readonly items = new Map<string, ModelItem>();
  now: number;
  cas = 0n;
  totalItems = 0;
  #flushAt: number | undefined;
  #isDark = false;
  readonly #step: bigint;

  constructor(now: number, hasCas = true) {
    this.now = now;
    this.#step = hasCas ? 1n : 0n;
  }

  /** Lets time pass and a delayed flush fire. */
  advance(now: number): void {
    this.now = now;
    this.#settle();
  }

  flush(at: number): void {
    this.#settle();
    if (this.#isDark) this.items.clear();
    this.#isDark = false;
    this.#flushAt = undefined;
    if (at <= this.now) this.items.clear();
    else this.#flushAt = at - 1;
    this.#settle();
  }

  #nextCas(): bigint {
    return (this.cas += this.#step);
  }

  #settle(): void {
    if (this.#flushAt === undefined || this.now < this.#flushAt) return;
    if (!this.#isDark || this.now > this.#flushAt) this.items.clear();
    this.#isDark = this.now === this.#flushAt;
    if (!this.#isDark) this.#flushAt = undefined;
  }

  find(key: string): ModelItem | undefined {
    const item = this.items.get(key);
    if (!item || item.hidden || this.isExpired(item)) return undefined;
    return item;
  }

  isExpired(item: ModelItem): boolean {
    return item.expiry !== 0 && item.expiry <= this.now;
  }

  put(key: string, value: Buffer, flags: number, expiry: number, cas: bigint): ModelItem {
    const item: ModelItem = {
      ...{
        key,
        value,
        flags,
        expiry,
        cas: cas === 0n ? this.#nextCas() : cas,
        stale: false,
        win: false,
        fetched: false,
      },
      ...{ lastAccess: this.now, hidden: this.#isDark },
    };
    this.items.set(key, item);
    this.totalItems++;
    return item;
  }

  /** memcached's rules: undefined = not a number. */
  increment(item: ModelItem, delta: bigint, decrement: boolean): bigint | undefined {
    const match = /^[ \t\n\v\f\r]*([+-]?)(\d+)(?:[ \t\n\v\f\r\0]|$)/.exec(item.value.toString("latin1"));
    if (!match || item.value.length === 0) return undefined;
    let old = BigInt(match[2] ?? "");
    if (old >= 1n << 64n) return undefined;
    if (match[1] === "-") {
      old = BigInt.asUintN(64, -old);
      if (old >= 1n << 63n) return undefined;
    }
    const sum = decrement ? (delta > old ? 0n : old - delta) : BigInt.asUintN(64, old + delta);
    const text = sum.toString();
    if (text.length <= item.value.length) {
      item.value = Buffer.from(text.padEnd(item.value.length, " "));
      item.cas = this.#nextCas();
    } else {
      this.put(item.key, Buffer.from(text), item.flags, item.expiry, 0n);
    }
    return sum;
  }
}

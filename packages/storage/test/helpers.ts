// A store with a clock that tests turn by hand, driven with strings.

import { createStore, type Store, type StoreOptions } from "../src/index.ts";

export const MiB = 1024 * 1024;

/** A store, its clock, and the few calls that tests are written in. */
export class Bench {
  readonly clock = { seconds: 10, startedAtUnix: 1_700_000_000 };
  readonly store: Store;

  constructor(options: Partial<StoreOptions> = {}) {
    this.store = createStore({ maxBytes: MiB, seed: 1, clock: this.clock, ...options });
  }

  /** Stores a value under a key; returns the handle. */
  set(key: string, value: string | Buffer = "v", expiry = 0, flags = 0): number {
    const k = Buffer.from(key);
    const v = Buffer.from(value as string);
    return this.store.put(k, 0, k.length, flags, expiry, v, 0, v.length, 0, 0);
  }

  find(key: string): number {
    const k = Buffer.from(key);
    return this.store.find(k, 0, k.length);
  }

  /** The value of a key, or undefined. */
  get(key: string): string | undefined {
    const item = this.find(key);
    return item === 0 ? undefined : this.valueOf(item);
  }

  valueOf(item: number): string {
    const out = Buffer.alloc(this.store.valueBytes(item));
    this.store.copyValue(item, out, 0);
    return out.toString("latin1");
  }

  cas(item: number): bigint {
    return (BigInt(this.store.casHigh(item)) << 32n) | BigInt(this.store.casLow(item));
  }

  /** The keys that a walk visits, in its order. */
  walked(maxItems = 10): string[] {
    const keys: string[] = [];
    for (let cursor = 0; cursor !== -1;) {
      cursor = this.store.walk(cursor, maxItems, (item) => keys.push(this.keyOf(item)));
    }
    return keys;
  }

  keyOf(item: number): string {
    const out = Buffer.alloc(250);
    return out.toString("latin1", 0, this.store.copyKey(item, out, 0));
  }
}

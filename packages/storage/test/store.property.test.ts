// Random operations against the model, on two instances over the same buffers in turn. Every eviction is checked at the
// moment it happens; index, segments and counters are taken apart every so often. A run is named by its seed.

import { afterEach, describe, expect, test, vi } from "vitest";
import { stateInts } from "../src/buffers.ts";
import { Items } from "../src/items.ts";
import {
  createStore,
  INCREMENT_NON_NUMERIC,
  INCREMENT_OK,
  ItemFields,
  openStore,
  type Store,
  type StoreOptions,
} from "../src/index.ts";
import { ARENA_SHIFT, UNIT_SHIFT } from "../src/state.ts";
import { checkInvariants } from "./check-invariants.ts";
import { Model, type ModelItem } from "./model.ts";

const OPERATIONS = Number(process.env.STORAGE_OPERATIONS ?? 100_000);
const SEED = Number(process.env.STORAGE_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** What a run is made of. */
interface Mix {
  readonly name: string;
  readonly options: Omit<StoreOptions, "clock">;
  readonly keys: number;
  /** The largest value in bytes, and how the sizes lie below it: 1 = even, higher = mostly small. */
  readonly maxValue: number;
  readonly skew: number;
  /** Of 100 items, how many have a ttl. */
  readonly ttlPercent: number;
  /** How many items are set before the operations begin. */
  readonly fillFirst: number;
  /** Cuts the store up as a far larger one would be. */
  readonly cut?: { readonly unitShift: number; readonly arenaShift: number };
  /** Sizes that `maxBytes` changes between, now and then. */
  readonly resizes?: readonly number[];
}

const MiB = 1024 * 1024;
const mixes: Mix[] = [
  {
    name: "few small keys",
    options: { maxBytes: MiB },
    keys: 300,
    maxValue: 200,
    skew: 1,
    ttlPercent: 30,
    fillFirst: 0,
  },
  {
    name: "many small keys",
    options: { maxBytes: MiB },
    keys: 30_000,
    maxValue: 300,
    skew: 1,
    ttlPercent: 40,
    fillFirst: 6000,
  },
  {
    name: "all sizes",
    options: { maxBytes: 2 * MiB },
    keys: 3000,
    maxValue: 300_000,
    skew: 6,
    ttlPercent: 30,
    fillFirst: 500,
  },
  {
    name: "large values",
    options: { maxBytes: 4 * MiB },
    keys: 30,
    maxValue: 900_000,
    skew: 1,
    ttlPercent: 20,
    fillFirst: 10,
  },
  {
    name: "no eviction",
    options: { maxBytes: MiB, evict: false },
    keys: 2000,
    maxValue: 4000,
    skew: 4,
    ttlPercent: 30,
    fillFirst: 3000,
  },
  {
    ...{ name: "shared memory", options: { maxBytes: 8 * MiB, shared: true } },
    ...{ keys: 20_000, maxValue: 60_000, skew: 5, ttlPercent: 50, fillFirst: 3000 },
  },
  {
    ...{ name: "many arenas", options: { maxBytes: 4 * MiB, cas: false }, cut: { unitShift: 4, arenaShift: 18 } },
    ...{ keys: 10_000, maxValue: 100_000, skew: 8, ttlPercent: 30, fillFirst: 3000 },
  },
  {
    ...{ name: "changing limit", options: { maxBytes: 2 * MiB }, resizes: [1, 1.5, 2, 3, 6, 9].map((n) => n * MiB) },
    ...{ keys: 30_000, maxValue: 40_000, skew: 7, ttlPercent: 30, fillFirst: 3000 },
  },
];

/** A small generator of its own, so that a seed names a run on any machine. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b_79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) % below;
  };
}

class Run {
  readonly clock = { seconds: 10, startedAtUnix: 1_700_000_000 };
  readonly model: Model;
  readonly store: Store;
  readonly twin: Store;
  readonly random: (below: number) => number;
  readonly mix: Mix;
  reservations: { id: number; value: Buffer; filled: number }[] = [];
  pins: { id: number; value: Buffer }[] = [];
  readonly fields = new ItemFields();
  readonly readBuffer: Buffer;
  readonly writeBuffer: Buffer;
  outOfMemory = 0;
  large = 0;
  /** Bytes of unexpired items as the model counts them; kept up as they come and go. */
  readonly sizes = new Map<string, number>();
  unexpired = 0;

  constructor(mix: Mix, seed: number) {
    this.mix = mix;
    this.model = new Model(this.clock.seconds, mix.options.cas !== false);
    this.random = randomFrom(seed);
    this.readBuffer = Buffer.alloc(mix.maxValue + 300);
    this.writeBuffer = Buffer.alloc(mix.maxValue * 4 + 300);
    const { buffers } = createStore({ ...mix.options, clock: this.clock, seed });
    const ints = stateInts(buffers);
    if (mix.cut) [ints[UNIT_SHIFT], ints[ARENA_SHIFT]] = [mix.cut.unitShift, mix.cut.arenaShift];
    this.store = openStore(buffers, { clock: this.clock });
    this.twin = openStore(this.store.buffers, { clock: this.clock });
  }

  get either(): Store {
    return this.random(2) === 0 ? this.store : this.twin;
  }

  key(): string {
    const n = this.random(this.mix.keys);
    return n % 7 === 0 ? `a-rather-long-key-${"x".repeat(n % 200)}-${n}` : `k${n}`;
  }

  value(): Buffer {
    if (this.random(10) === 0)
      return Buffer.from(["5", " 7", "007 x", "-1", "99", "18446744073709551615", "", "1.5"][this.random(8)] ?? "");
    const length = Math.floor(this.mix.maxValue * (this.random(1_000_000) / 1_000_000) ** this.mix.skew);
    return Buffer.alloc(length, String(this.random(1e9)));
  }

  expiry(): number {
    if (this.random(100) >= this.mix.ttlPercent) return 0;
    const kind = this.random(20);
    if (kind === 0) return 1;
    return this.clock.seconds + 1 + this.random([3, 10, 60, 400, 10_000][kind % 5] ?? 1);
  }

  // ---- the model's bytes ----

  /** What the store can need at most for an item: chunks are at least 1 KiB but for the last. */
  bytesOf(item: ModelItem): number {
    const bytes = 21 + item.key.length + (item.flags === 0 ? 0 : 4) + item.value.length;
    const extra = bytes > 500 ? Math.ceil(item.value.length / 1024) * 28 + 128 : 0;
    return Math.max(64, (bytes + 3) & ~3) + extra;
  }

  count(key: string): void {
    const before = this.sizes.get(key);
    if (before !== undefined) this.unexpired -= before;
    const item = this.model.items.get(key);
    if (!item || this.model.isExpired(item)) {
      this.sizes.delete(key);
      return;
    }
    const bytes = this.bytesOf(item);
    this.sizes.set(key, bytes);
    this.unexpired += bytes;
  }

  recount(): void {
    this.sizes.clear();
    this.unexpired = 0;
    for (const key of this.model.items.keys()) this.count(key);
  }

  // ---- steps ----

  step(): void {
    const dice = this.random(100);
    if (dice < 34) this.set();
    else if (dice < 60) this.get();
    else if (dice < 66) this.remove();
    else if (dice < 72) this.increment();
    else if (dice < 77) this.concat();
    else if (dice < 81) this.touch();
    else if (dice < 84) this.marks();
    else if (dice < 88) this.reserve();
    else if (dice < 93) this.arrive();
    else if (dice < 95) this.pin();
    else if (dice < 97) this.unpin();
    else if (dice < 99) this.time();
    else if (this.random(60) === 0) this.flush();
  }

  /** Bytes that come in, as two clients hand them over: each time another buffer, or one that is read into again. */
  input(bytes: Buffer): { readonly buffer: Buffer; readonly at: number } {
    if (this.random(2) === 0) return { buffer: Buffer.concat([Buffer.from("<"), bytes, Buffer.from("!")]), at: 1 };
    const at = this.random(9);
    this.readBuffer.fill("?", 0, at);
    this.readBuffer.fill("!", at + bytes.copy(this.readBuffer, at), at + bytes.length + 9);
    return { buffer: this.readBuffer, at };
  }

  find(store: Store, key: string): number {
    const { buffer, at } = this.input(Buffer.from(key, "latin1"));
    const handle = store.find(buffer, at, at + key.length);
    const item = this.model.find(key);
    if (handle === 0) {
      const there = this.model.items.get(key);
      expect(item, `${key} is gone, reason ${store.lastMiss}`).toBe(undefined);
      if (there) expect(store.lastMiss).not.toBe(undefined);
      if (there && !there.hidden) this.forget(key);
      return 0;
    }
    expect(item, `${key} should be gone`).not.toBe(undefined);
    return handle;
  }

  forget(key: string): void {
    this.model.items.delete(key);
    this.count(key);
  }

  check(store: Store, handle: number, item: ModelItem): void {
    const length = store.valueBytes(handle);
    expect(length).toBe(item.value.length);
    const out = this.random(2) === 0 ? Buffer.alloc(length + 2) : this.writeBuffer;
    out.fill("#", 0, length + 2);
    expect(store.copyValue(handle, out, 1)).toBe(length + 1);
    if (!out.subarray(1, length + 1).equals(item.value)) throw new Error(`value of ${item.key} differs`);
    expect(out[0] === 0x23 && out[length + 1] === 0x23).toBe(true);
    const key = Buffer.alloc(item.key.length);
    expect(store.copyKey(handle, key, 0)).toBe(item.key.length);
    const seen = {
      ...{ key: key.toString("latin1"), flags: store.flags(handle), expiry: store.expiry(handle) },
      ...{
        cas: (BigInt(store.casHigh(handle)) << 32n) | BigInt(store.casLow(handle)),
        keyBytes: store.keyBytes(handle),
      },
      ...{ stale: store.isStale(handle), win: store.isWinSent(handle), fetched: store.wasFetched(handle) },
      ...{ lastAccess: store.lastAccess(handle) },
    };
    const { flags, expiry, cas, stale, win, fetched, lastAccess } = item;
    store.readFields(handle, this.fields);
    expect(this.fields).toEqual({
      ...{ expiry, flags: flags | 0, casHigh: Number(cas >> 32n) | 0, casLow: Number(cas & 0xffff_ffffn) | 0 },
      ...{ keyBytes: item.key.length, valueBytes: length, isStale: stale, isWinSent: win },
    });
    // Key and value as a record elsewhere has them, with something before and behind.
    const both = Buffer.alloc(item.key.length + length + 2, "#");
    expect(store.copyKeyAndValue(handle, both, 1)).toBe(both.length - 1);
    if (!both.equals(Buffer.concat([Buffer.from(`#${item.key}`, "latin1"), item.value, Buffer.from("#")])))
      throw new Error(`key and value of ${item.key} differ`);
    expect(seen).toEqual({
      key: item.key,
      keyBytes: item.key.length,
      flags,
      expiry,
      cas,
      stale,
      win,
      fetched,
      lastAccess,
    });
  }

  get(): void {
    const store = this.either;
    const key = this.key();
    const handle = this.find(store, key);
    const item = this.model.find(key);
    if (handle === 0 || !item) return;
    this.check(store, handle, item);
    if (this.random(2) === 0) return;
    store.markFetched(handle);
    item.fetched = true;
    item.lastAccess = this.model.now;
  }

  /** Tells the model what the store has stored, or that it had no memory. */
  stored(store: Store, handle: number, key: string, put: () => ModelItem, hasArrived = false): void {
    if (handle === 0) {
      this.outOfMemory++;
      // A cas number may have been drawn for nothing; the next comparison starts from the store's.
      this.model.cas = this.counter(store);
      // A value that arrived in pieces may have found no memory long ago.
      if (this.mix.options.evict === false && !hasArrived) this.checkFull(store);
      // What is pinned can't go; all else can.
      if (this.mix.options.evict !== false && !hasArrived)
        expect(this.pins.length, "refused without a pin").toBeGreaterThan(0);
      return;
    }
    const item = put();
    this.count(key);
    if (store.isLarge(handle)) this.large++;
    this.check(store, handle, item);
  }

  counter(store: Store): bigint {
    store.nextCas();
    return (BigInt(store.nextCasHigh) << 32n) | BigInt(store.nextCasLow);
  }

  set(): void {
    const store = this.either;
    const key = this.key();
    const value = this.value();
    const flags = this.random(3) === 0 ? this.random(2 ** 32) : 0;
    const expiry = this.expiry();
    const cas = this.random(20) === 0 ? BigInt(this.random(2 ** 32)) * 77_777n + 1n : 0n;
    const { buffer, at } = this.input(Buffer.concat([Buffer.from(`${key}>`, "latin1"), value]));
    const start = at + key.length + 1;
    const handle = store.put(
      ...([buffer, at, at + key.length, flags, expiry] as const),
      ...([buffer, start, start + value.length, Number(cas >> 32n), Number(cas & 0xffff_ffffn)] as const),
    );
    this.stored(store, handle, key, () => this.model.put(key, value, flags, expiry, cas));
  }

  remove(): void {
    const store = this.either;
    const key = this.key();
    const handle = this.find(store, key);
    if (handle === 0) return;
    store.remove(handle);
    this.forget(key);
  }

  increment(): void {
    const store = this.either;
    const key = this.key();
    const handle = this.find(store, key);
    const item = this.model.find(key);
    if (handle === 0 || !item || item.value.length > 400) return;
    const delta = [1n, 0n, 9n, 1n << 32n, (1n << 64n) - 1n, 12_345_678_901n][this.random(6)] ?? 1n;
    const decrement = this.random(2) === 0;
    const answer = store.increment(handle, Number(delta >> 32n), Number(delta & 0xffff_ffffn), decrement);
    if (answer === INCREMENT_NON_NUMERIC) {
      expect(this.model.increment(item, delta, decrement)).toBe(undefined);
    } else if (answer === INCREMENT_OK) {
      const result = (BigInt(store.resultHigh) << 32n) | BigInt(store.resultLow);
      expect(result).toBe(this.model.increment(item, delta, decrement));
      const after = this.model.items.get(key);
      if (after) this.check(store, store.incremented, after);
      this.count(key);
    } else {
      this.outOfMemory++;
    }
  }

  concat(): void {
    const store = this.either;
    const key = this.key();
    const item = this.model.find(key);
    const added = this.value().subarray(0, 5000);
    if (!item || item.value.length + added.length > this.mix.maxValue) return;
    const bytes = Buffer.from(key, "latin1");
    const before = this.random(2) === 0;
    const value = Buffer.concat(before ? [added, item.value] : [item.value, added]);
    if (this.random(2) === 0) {
      const handle = this.find(store, key);
      const joined = store.concat(handle, bytes, 0, bytes.length, added, 0, added.length, before);
      this.stored(store, joined, key, () => this.model.put(key, value, item.flags, item.expiry, 0n));
      return;
    }
    const id = store.reserve(added.length, item.expiry);
    if (id === -1) return;
    store.fill(id, added, 0, added.length);
    // Filling may have made room at the item's expense.
    const handle = store.find(bytes, 0, bytes.length);
    if (handle === 0) {
      expect(this.model.find(key)).toBe(undefined);
      store.release(id);
      return;
    }
    const joined = store.commitConcat(id, handle, bytes, 0, bytes.length, before);
    this.stored(store, joined, key, () => this.model.put(key, value, item.flags, item.expiry, 0n), true);
  }

  touch(): void {
    const store = this.either;
    const key = this.key();
    const handle = this.find(store, key);
    const item = this.model.find(key);
    if (handle === 0 || !item) return;
    item.expiry = this.expiry();
    store.setExpiry(handle, item.expiry);
    this.count(key);
  }

  marks(): void {
    const store = this.either;
    const key = this.key();
    const handle = this.find(store, key);
    const item = this.model.find(key);
    if (handle === 0 || !item) return;
    item.stale = this.random(2) === 0;
    item.win = this.random(2) === 0;
    store.setStale(handle, item.stale);
    store.setWinSent(handle, item.win);
    if (this.random(2) === 0) return;
    item.cas = BigInt(this.random(2 ** 32)) + (5n << 40n);
    store.setCas(handle, Number(item.cas >> 32n), Number(item.cas & 0xffff_ffffn));
  }

  // ---- values that arrive ----

  reserve(): void {
    if (this.reservations.length > 20) return;
    const value = this.value();
    const id = this.either.reserve(value.length, this.random(3) === 0 ? this.clock.seconds + 20 : 0);
    if (id === -1) expect(this.store.promisedBytes + value.length).toBeGreaterThan(this.store.maxBytes / 4 - 32);
    else this.reservations.push({ id, value, filled: 0 });
  }

  arrive(): void {
    const store = this.either;
    const at = this.random(Math.max(this.reservations.length, 1));
    const reservation = this.reservations[at];
    if (!reservation) return;
    const { id, value, filled } = reservation;
    expect(store.filledBytes(id)).toBe(filled);
    if (this.random(12) === 0) {
      store.release(id);
      this.reservations.splice(at, 1);
      return;
    }
    if (filled < value.length) {
      const end = Math.min(value.length, filled + 1 + this.random(Math.ceil(value.length / 2)));
      store.fill(id, value, filled, end);
      reservation.filled = end;
      return;
    }
    const key = this.key();
    const bytes = Buffer.from(key, "latin1");
    const flags = this.random(2);
    const expiry = this.expiry();
    const handle = store.commit(id, bytes, 0, bytes.length, flags, expiry, 0, 0);
    this.reservations.splice(at, 1);
    this.stored(store, handle, key, () => this.model.put(key, value, flags, expiry, 0n), true);
  }

  pin(): void {
    if (this.pins.length > 5) return;
    const store = this.either;
    const key = this.key();
    const handle = this.find(store, key);
    const item = this.model.find(key);
    if (handle === 0 || !item) return;
    const id = store.pin(handle);
    expect(id > 0).toBe(store.isLarge(handle));
    if (id > 0) this.pins.push({ id, value: item.value });
  }

  unpin(): void {
    const at = this.random(Math.max(this.pins.length, 1));
    const pin = this.pins[at];
    if (!pin) return;
    const store = this.either;
    const seen = Buffer.concat(store.pinnedPieces(pin.id));
    if (!seen.equals(pin.value)) throw new Error("a pinned value has changed");
    store.unpin(pin.id);
    this.pins.splice(at, 1);
  }

  // ---- time ----

  time(): void {
    this.clock.seconds += this.random(10) === 0 ? this.random(100) : this.random(2);
    this.model.advance(this.clock.seconds);
    this.recount();
    this.either.tick();
    const { resizes } = this.mix;
    if (resizes && this.random(10) === 0) {
      expect(this.either.setMaxBytes(resizes[this.random(resizes.length)]!)).toBe(true);
    }
  }

  flush(): void {
    const at = this.clock.seconds + [0, -5, 1, 2, 3][this.random(5)]!;
    this.either.flush(at);
    this.model.flush(at);
    this.recount();
  }

  // ---- what is asked of evictions and of refusals ----

  evicted(key: string): void {
    const item = this.model.items.get(key);
    expect(item, `evicted ${key}, which is not there`).not.toBe(undefined);
    if (item) expect(this.model.isExpired(item), `evicted ${key}, which had expired`).toBe(false);
    const used = this.unexpired + this.store.promisedBytes + this.store.lingeringBytes;
    expect(used, `evicted ${key} at ${used} bytes`).toBeGreaterThan(this.store.maxBytes * 0.75);
    this.forget(key);
  }

  reclaimed(key: string): void {
    const item = this.model.items.get(key);
    if (item) expect(this.model.isExpired(item), `reclaimed ${key}, which lives`).toBe(true);
    this.forget(key);
  }

  checkFull(store: Store): void {
    const used = this.unexpired + store.promisedBytes + store.lingeringBytes;
    expect(used + this.mix.maxValue * 2, "refused while there was room").toBeGreaterThan(store.maxBytes * 0.75);
  }
}

function spyOn(run: Run): void {
  const keyOf = (item: number): string => {
    const key = Buffer.alloc(250);
    return key.toString("latin1", 0, run.store.copyKey(item, key, 0));
  };
  const evict = Items.prototype.evict;
  vi.spyOn(Items.prototype, "evict").mockImplementation(function (this: Items, item, now) {
    run.evicted(keyOf(item));
    evict.call(this, item, now);
  });
  const reclaim = Items.prototype.reclaim;
  vi.spyOn(Items.prototype, "reclaim").mockImplementation(function (this: Items, item) {
    if (!this.isFlushed(item)) run.reclaimed(keyOf(item));
    reclaim.call(this, item);
  });
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe(`seed ${SEED}`, () => {
  test.each(mixes)("$name: the store does what the model does", { timeout: 300_000 }, (mix) => {
    const run = new Run(mix, SEED);
    spyOn(run);
    for (let i = 0; i < mix.fillFirst; i++) run.set();
    const operations = Math.floor(OPERATIONS / mixes.length);
    for (let i = 0; i < operations; i++) {
      try {
        run.step();
        if (i % 1000 === 999) checkInvariants(run.store, run.clock.seconds);
      } catch (error) {
        throw new Error(`seed ${SEED}, ${mix.name}, operation ${i}: ${(error as Error).message}`, { cause: error });
      }
    }
    expect(run.store.totalItems).toBe(run.model.totalItems);
    for (const key of run.model.items.keys()) run.find(run.either, key);
    for (const { id } of run.pins) run.store.unpin(id);
    for (const { id } of run.reservations) run.store.release(id);
    checkInvariants(run.store, run.clock.seconds);
    expect(run.store.promisedBytes).toBe(0);
    expect(run.store.lingeringBytes).toBe(0);
    if (process.env.STORAGE_VERBOSE)
      console.log(mix.name, {
        items: run.store.currItems,
        live: run.store.liveBytes / run.store.maxBytes,
        evictions: run.store.evictions,
        outOfMemory: run.outOfMemory,
        large: run.large,
        reclaimed: run.store.reclaimed,
      });
    if (mix.name === "many small keys" || mix.name === "large values") expect(run.store.evictions).toBeGreaterThan(0);
    if (mix.name === "no eviction") expect(run.outOfMemory).toBeGreaterThan(0);
  });
});

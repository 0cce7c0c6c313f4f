import { describe, expect, test } from "vitest";
import { INCREMENT_NON_NUMERIC, INCREMENT_OK, MISS_EXPIRED, MISS_FLUSHED, MISS_NONE, openStore } from "../src/index.ts";
import { checkInvariants } from "./check-invariants.ts";
import { Bench, MiB } from "./helpers.ts";

describe("expiry", () => {
  test("an item is gone from its second on, not before", () => {
    const b = new Bench();
    b.set("k", "v", 12);
    b.clock.seconds = 11;
    expect(b.get("k")).toBe("v");
    b.clock.seconds = 12;
    expect(b.find("k")).toBe(0);
    expect(b.store.lastMiss).toBe(MISS_EXPIRED);
    expect(b.find("k")).toBe(0);
    expect(b.store.lastMiss).toBe(MISS_NONE);
    expect(b.store.currItems).toBe(0);
  });

  test("a touch moves the end both ways and keeps cas and handle", () => {
    const b = new Bench();
    const item = b.set("k", "v", 12);
    const cas = b.cas(item);
    b.store.setExpiry(item, 20);
    b.clock.seconds = 19;
    expect(b.find("k")).toBe(item);
    expect(b.cas(item)).toBe(cas);
    b.store.setExpiry(item, 19);
    expect(b.find("k")).toBe(0);
  });

  test("tick takes expired items out of the counters without anyone asking for them", () => {
    const b = new Bench();
    for (let i = 0; i < 2000; i++) b.set(`k${i}`, "v".repeat(100), i % 2 === 0 ? 15 : 0);
    b.store.markFetched(b.find("k0"));
    b.clock.seconds = 15;
    for (let i = 0; i < 5; i++) b.store.tick();
    // The segments that are still being filled are not looked at.
    expect(b.store.reclaimed).toBeGreaterThan(800);
    expect(b.store.currItems).toBe(2000 - b.store.reclaimed);
    expect(b.store.expiredUnfetched).toBeGreaterThanOrEqual(b.store.reclaimed - 1);
    checkInvariants(b.store, 15);
  });
});

describe("flush", () => {
  test("takes all that was stored before at once, and nothing stored after in the same second", () => {
    const b = new Bench();
    b.set("a");
    b.set("large", "x".repeat(100_000));
    b.store.flush();
    expect([b.store.currItems, b.store.liveBytes, b.store.requestedBytes]).toEqual([0, 0, 0]);
    b.set("b");
    expect(b.get("b")).toBe("v");
    expect(b.get("a")).toBe(undefined);
    expect(b.store.lastMiss).toBe(MISS_FLUSHED);
    expect(b.walked()).toEqual(["b"]);
    checkInvariants(b.store, 10);
  });

  test("with a delay of 3 it fires in second now + 2, for that whole second", () => {
    const b = new Bench();
    b.set("a");
    b.store.flush(13);
    b.clock.seconds = 11;
    b.set("b");
    expect([b.get("a"), b.get("b")]).toEqual(["v", "v"]);
    b.clock.seconds = 12;
    expect(b.get("a")).toBe(undefined);
    b.set("c");
    expect(b.find("c")).toBe(0);
    expect(b.store.lastMiss).toBe(MISS_FLUSHED);
    expect(b.walked()).toEqual([]);
    b.clock.seconds = 13;
    b.set("d");
    expect([b.get("b"), b.get("c"), b.get("d")]).toEqual([undefined, undefined, "v"]);
  });

  test("a later flush takes the place of a pending one", () => {
    const b = new Bench();
    b.set("a");
    b.store.flush(12);
    b.store.flush(20);
    b.clock.seconds = 15;
    expect(b.get("a")).toBe("v");
    b.clock.seconds = 19;
    expect(b.get("a")).toBe(undefined);
  });

  test("a delay of 1 hides everything for the rest of the second", () => {
    const b = new Bench();
    b.set("a");
    b.store.flush(11);
    b.set("b");
    expect([b.get("a"), b.get("b")]).toEqual([undefined, undefined]);
    b.clock.seconds = 11;
    b.set("c");
    expect([b.get("b"), b.get("c")]).toEqual([undefined, "v"]);
  });

  test("a value that is arriving meanwhile is stored after it", () => {
    const b = new Bench();
    const value = Buffer.alloc(50_000, "x");
    const r = b.store.reserve(50_000);
    b.store.fill(r, value, 0, 30_000);
    b.store.flush();
    b.store.fill(r, value, 30_000, 50_000);
    expect(b.store.commit(r, Buffer.from("k"), 0, 1, 0, 0, 0, 0)).not.toBe(0);
    expect(b.get("k")).toBe(value.toString());
    checkInvariants(b.store, 10);
  });
});

describe("cas numbers", () => {
  test("count 1, 2, 3 in epoch 0; touches and reads draw none", () => {
    const b = new Bench();
    const first = b.set("a");
    expect(b.cas(first)).toBe(1n);
    b.store.setExpiry(first, 99);
    b.store.markFetched(first);
    expect(b.cas(b.set("b"))).toBe(2n);
    expect(b.cas(b.set("a"))).toBe(3n);
  });

  test("go on at epoch x 2^40 + 1 after setEpoch, and never back", () => {
    const b = new Bench();
    b.set("a");
    b.store.setEpoch(1, 2);
    expect(b.store.epoch()).toBe(10);
    expect(b.cas(b.set("a"))).toBe((10n << 40n) + 1n);
    b.store.setEpoch(1, 2);
    expect(b.cas(b.set("a"))).toBe((10n << 40n) + 2n);
    expect(() => {
      b.store.setEpoch(1, 1);
    }).toThrow(RangeError);
  });

  test("a full counter takes the next round", () => {
    const b = new Bench();
    b.store.setEpoch(2, 7);
    const ints = new Int32Array(b.store.buffers.state);
    // The counter's low half and its upper eight bits, as state.ts lays them out behind sixteen float64.
    ints[32 + 28] = -2;
    ints[32 + 29] = 255;
    b.store.nextCas();
    expect([b.store.nextCasHigh, b.store.nextCasLow]).toEqual([(23 << 8) | 255, 0xffff_ffff]);
    b.store.nextCas();
    expect([b.store.nextCasHigh, b.store.nextCasLow]).toEqual([31 << 8, 0]);
    expect(b.store.epoch()).toBe(31);
  });

  test("are 0 in a store without cas", () => {
    const b = new Bench({ cas: false });
    expect(b.cas(b.set("a"))).toBe(0n);
  });
});

describe("increment", () => {
  test.each([
    ["10", 1n, true, "9 "],
    ["99", 1n, false, "100"],
    ["5", 10n, true, "0"],
    ["18446744073709551615", 1n, false, "0                   "],
    ["007", 1n, false, "8  "],
    [" 12", 3n, false, "15 "],
    ["+5", 1n, false, "6 "],
    ["1 2", 1n, false, "2  "],
    ["1\r\n", 1n, false, "2  "],
    ["-18446744073709551615", 1n, false, "2".padEnd(21)],
  ])("%j by %d (down: %s) gives %j", (before, delta, down, after) => {
    const b = new Bench();
    const item = b.set("n", before, 0, 7);
    expect(b.store.increment(item, Number(delta >> 32n), Number(delta & 0xffff_ffffn), down)).toBe(INCREMENT_OK);
    expect(b.valueOf(b.store.incremented)).toBe(after);
    expect(b.find("n")).toBe(b.store.incremented);
    expect([b.store.flags(b.store.incremented), b.cas(b.store.incremented)]).toEqual([7, 2n]);
  });

  test.each(["", "x", "-1", "1.5", "18446744073709551616", "1x", "+", " ", "--1"])("%j is no number", (value) => {
    const b = new Bench();
    expect(b.store.increment(b.set("n", value), 0, 1, false)).toBe(INCREMENT_NON_NUMERIC);
    expect(b.get("n")).toBe(value);
  });
});

describe("append and prepend", () => {
  test.each([
    [10, 20],
    [10, 3000],
    [3000, 10],
    [100_000, 50_000],
    [0, 5],
  ])("%i bytes and %i more", (old, more) => {
    const b = new Bench({ maxBytes: 4 * MiB });
    const key = Buffer.from("k");
    const added = Buffer.alloc(more, "+");
    let item = b.set("k", "o".repeat(old), 99, 5);
    item = b.store.concat(item, key, 0, 1, added, 0, more, false);
    expect(b.valueOf(item)).toBe("o".repeat(old) + "+".repeat(more));
    item = b.store.concat(item, key, 0, 1, added, 0, more, true);
    expect(b.valueOf(item)).toBe("+".repeat(more) + "o".repeat(old) + "+".repeat(more));
    const r = b.store.reserve(more);
    b.store.fill(r, added, 0, more);
    item = b.store.commitConcat(r, b.find("k"), key, 0, 1, false);
    expect(b.get("k")).toBe("+".repeat(more) + "o".repeat(old) + "+".repeat(2 * more));
    expect([b.store.flags(item), b.store.expiry(item), b.cas(item)]).toEqual([5, 99, 4n]);
    expect(b.store.promisedBytes).toBe(0);
    checkInvariants(b.store, 10);
  });
});

describe("values that arrive in pieces", () => {
  test("at most a quarter of maxBytes is promised, and given back", () => {
    const b = new Bench({ maxBytes: 8 * MiB });
    const first = b.store.reserve(1.5 * MiB);
    expect(first).toBeGreaterThan(0);
    expect(b.store.reserve(0.6 * MiB)).toBe(-1);
    b.store.release(first);
    expect(b.store.promisedBytes).toBe(0);
    expect(b.store.reserve(0.6 * MiB)).toBeGreaterThan(0);
  });

  test("committing half a value, filling too much and releasing twice are TypeErrors", () => {
    const b = new Bench();
    const r = b.store.reserve(10);
    const bytes = Buffer.from("0123456789ab");
    b.store.fill(r, bytes, 0, 5);
    expect(b.store.filledBytes(r)).toBe(5);
    expect(() => b.store.commit(r, bytes, 0, 1, 0, 0, 0, 0)).toThrow(TypeError);
    expect(() => {
      b.store.fill(r, bytes, 0, 6);
    }).toThrow(TypeError);
    b.store.release(r);
    expect(() => {
      b.store.release(r);
    }).toThrow(TypeError);
  });

  test("1 MiB in pieces of 1 KiB arrives whole", () => {
    const b = new Bench({ maxBytes: 8 * MiB });
    const value = Buffer.alloc(MiB, "0123456789abc");
    const r = b.store.reserve(MiB);
    for (let at = 0; at < MiB; at += 1024) b.store.fill(r, value, at, at + 1024);
    b.store.commit(r, Buffer.from("k"), 0, 1, 0, 0, 0, 0);
    expect(b.get("k") === value.toString()).toBe(true);
  });

  test("an item of 100 MiB is stored in 512 MiB", () => {
    const b = new Bench({ maxBytes: 512 * MiB, maxItemBytes: 128 * MiB });
    const value = Buffer.alloc(100 * MiB, "0123456789abc");
    expect(b.store.fits(1, value.length, 0)).toBe(true);
    const item = b.set("k", value);
    const out = Buffer.alloc(value.length);
    b.store.copyValue(item, out, 0);
    expect(out.equals(value)).toBe(true);
  });
});

describe("pins", () => {
  test("a pinned value stays readable while its item is overwritten, flushed and the store filled", () => {
    const b = new Bench({ maxBytes: 4 * MiB });
    const value = Buffer.alloc(300_000, "pinned!");
    const pin = b.store.pin(b.set("k", value));
    expect(b.store.pin(b.set("small"))).toBe(0);
    b.set("k", "other");
    expect(b.store.lingeringBytes).toBeGreaterThan(300_000);
    b.store.flush();
    for (let i = 0; i < 20_000; i++) b.set(`filler${i}`, "f".repeat(500));
    expect(b.store.evictions).toBeGreaterThan(0);
    expect(Buffer.concat(b.store.pinnedPieces(pin)).equals(value)).toBe(true);
    b.store.unpin(pin);
    expect(b.store.lingeringBytes).toBe(0);
    expect(() => b.store.pinnedPieces(pin)).toThrow(TypeError);
    checkInvariants(b.store, 10);
  });

  test("two pins of one value end apart", () => {
    const b = new Bench({ maxBytes: 4 * MiB });
    const item = b.set("k", "x".repeat(100_000));
    const one = b.store.pin(item);
    const two = b.store.pin(item);
    b.store.remove(item);
    b.store.unpin(one);
    expect(b.store.pinnedPieces(two).reduce((sum, piece) => sum + piece.length, 0)).toBe(100_000);
    b.store.unpin(two);
    expect(b.store.lingeringBytes).toBe(0);
  });
});

describe("a walk", () => {
  test("visits what lives all the time exactly once, whatever else comes and goes", () => {
    const b = new Bench({ maxBytes: 2 * MiB });
    for (let i = 0; i < 3000; i++) b.set(`stay${i}`);
    const seen = new Map<string, number>();
    let n = 0;
    for (let cursor = 0; cursor !== -1;) {
      cursor = b.store.walk(cursor, 20, (item) => seen.set(b.keyOf(item), (seen.get(b.keyOf(item)) ?? 0) + 1));
      for (let i = 0; i < 30; i++) b.set(`come${n++}`);
      b.set(`stay${n % 3000}`, "overwritten");
      if (n > 100) b.store.remove(b.find(`come${n - 100}`));
      // A larger limit brings a larger index, which takes over during the walk.
      if (n === 600) b.store.setMaxBytes(8 * MiB);
    }
    expect(b.store.evictions).toBe(0);
    for (let i = 0; i < 3000; i++) expect(seen.get(`stay${i}`)).toBe(1);
    expect(Math.max(...seen.values())).toBe(1);
  });

  test("may remove what it visits", () => {
    const b = new Bench();
    for (let i = 0; i < 500; i++) b.set(`k${i}`);
    for (let cursor = 0; cursor !== -1;) {
      cursor = b.store.walk(cursor, 7, (item) => {
        b.store.remove(item);
      });
    }
    expect(b.store.currItems).toBe(0);
    checkInvariants(b.store, 10);
  });
});

describe("the limits", () => {
  test("an item fits as memcached counts: 60 bytes beside a key of 1", () => {
    const b = new Bench();
    expect(b.store.fits(1, MiB - 60, 0)).toBe(true);
    expect(b.store.fits(1, MiB - 59, 0)).toBe(false);
    expect(b.store.fits(1, MiB - 60, 1)).toBe(false);
    expect(new Bench({ cas: false }).store.fits(1, MiB - 52, 0)).toBe(true);
  });

  test("a store shrinks and grows while it serves", () => {
    const b = new Bench({ maxBytes: 8 * MiB });
    for (let i = 0; i < 20_000; i++) b.set(`k${i}`, "v".repeat(300));
    expect(b.store.evictions).toBe(0);
    expect(b.store.setMaxBytes(2 * MiB)).toBe(true);
    for (let i = 0; i < 4000; i++) b.set(`n${i}`, "v".repeat(300));
    expect(b.store.liveBytes).toBeLessThan(2 * MiB);
    expect(b.store.setMaxBytes(16 * MiB)).toBe(true);
    const { evictions } = b.store;
    for (let i = 0; i < 20_000; i++) b.set(`m${i}`, "v".repeat(300));
    expect(b.store.evictions).toBe(evictions);
    checkInvariants(b.store, 10);
    expect(b.store.setMaxBytes(1000)).toBe(false);
  });

  test("two instances over the same buffers see the same items", () => {
    const b = new Bench({ shared: true });
    const other = openStore(b.store.buffers, { clock: b.clock });
    b.set("k", "v", 0, 9);
    const item = other.find(Buffer.from("k"), 0, 1);
    expect(other.flags(item)).toBe(9);
    other.remove(item);
    expect(b.get("k")).toBe(undefined);
    expect(b.store.currItems).toBe(0);
  });

  test("counters of events can be set back", () => {
    const b = new Bench();
    for (let i = 0; i < 10_000; i++) b.set(`k${i}`, "v".repeat(200));
    expect([b.store.evictions, b.store.evictedUnfetched].map((n) => n > 0)).toEqual([true, true]);
    const id = b.store.classOf(b.find("k9999"));
    expect(b.store.classes.read(id, "evicted")).toBe(b.store.evictions);
    b.store.resetCounters();
    expect([b.store.evictions, b.store.totalItems, b.store.classes.read(id, "evicted")]).toEqual([0, 0, 0]);
    expect(b.store.currItems).toBe(b.store.classes.read(id, "items"));
  });
});

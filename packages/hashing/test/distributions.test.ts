// The distributions by themselves: rings, remainders, buckets, lots and jumps against plain definitions of them.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ketamaPointCount } from "../src/distributions/ketama-points.ts";
import { WeightedSlots } from "../src/distributions/modula.ts";
import { peclBuckets } from "../src/distributions/pecl-consistent.ts";
import { PointName } from "../src/distributions/point-name.ts";
import { negativeLog } from "../src/distributions/rendezvous.ts";
import { crc32 } from "../src/hashes/crc32.ts";
import { jumpHash, Ring, RingPoints, toUint32, twemproxy } from "../src/index.ts";

const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });

describe("a ring", () => {
  /** By definition: the first point at or after the hash, of equal points the lowest owner; else the first of all. */
  function plainFind(points: [number, number][], hash: number): number {
    const sorted = points.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]);
    return (sorted.find(([value]) => value >= hash) ?? sorted[0]!)[1];
  }

  const anyPoint = fc.oneof(
    uint32,
    fc.integer({ min: 0, max: 50 }),
    fc.constantFrom(0, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff),
  );

  test("finds what its definition says", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(anyPoint, fc.integer({ min: 0, max: 2 ** 21 - 1 })), { minLength: 1, maxLength: 200 }),
        fc.array(anyPoint, { minLength: 1, maxLength: 20 }),
        (points, hashes) => {
          const collected = new RingPoints(4);
          for (const [value, owner] of points) collected.add(value, owner);
          const ring = new Ring(collected);
          for (const hash of [...hashes, ...points.map(([value]) => value)]) {
            expect(ring.find(hash)).toBe(plainFind(points, hash));
            expect(ring.find(hash | 0)).toBe(plainFind(points, hash));
          }
        },
      ),
    );
  });

  test("without points, or with more than memory should hold, is refused", () => {
    expect(() => new Ring(new RingPoints(0))).toThrow(/no points/);
    expect(() => new RingPoints(2 ** 30)).toThrow(/at most 33554432/);
  });
});

test("weighted slots are the list written out", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 }), uint32, (weights, hash) => {
      const servers = weights.map((_, i) => i * 3);
      const list = weights.flatMap((weight, i) => new Array<number>(weight).fill(i * 3));
      const slots = new WeightedSlots(weights, servers);
      expect(slots.total).toBe(list.length);
      expect(slots.find(hash)).toBe(list[hash % list.length]);
      expect(slots.find(hash | 0)).toBe(list[hash % list.length]);
    }),
  );
  expect(() => new WeightedSlots([2 ** 31 - 1, 1], [0, 1])).toThrow(/sum to 2147483648/);
});

test("pecl's buckets are its sorted continuum sampled 1024 times", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 5 }), (names) => {
      const weights = names.map((_, i) => 1 + (i % 3));
      const points = names.flatMap((name, server) =>
        Array.from({ length: 160 * weights[server]! }, (_, i) => {
          const text = Buffer.from(`${name}-${i}`);
          return [toUint32(crc32(text, 0, text.length)), server] as const;
        }),
      );
      points.sort((a, b) => a[0] - b[0]);
      const expected = Array.from(
        { length: 1024 },
        (_, i) => (points.find(([value]) => value >= i * 4194303) ?? points[0]!)[1],
      );
      expect(Array.from(peclBuckets(names, weights, crc32))).toEqual(expected);
    }),
    { numRuns: 20 },
  );
});

test.each([0, 9, 10, 99, 100, 12_345, 4_294_967_295])("a point's name ends in its number: %i", (index) => {
  const name = new PointName("ключ:1-");
  expect(Buffer.from(name.bytes.subarray(0, name.write(index))).toString()).toBe(`ключ:1-${index}`);
});

describe("points of a weighted ring, in C's float", () => {
  test.each([
    [1, 3, 3, 160],
    [1, 25, 25, 156],
    [1, 100, 100, 156],
    [100_000, 100_001, 2, 316],
    [1, 100_001, 2, 0],
    [3, 6, 3, 240],
  ])("weight %i of %i over %i servers has %i", (weight, total, servers, points) => {
    expect(ketamaPointCount(weight, total, servers)).toBe(points);
  });

  test("a server without points gets no key, and the pool works", () => {
    const servers = ["a:1:100000", "b:1:1"];
    const placement = twemproxy({ servers });
    const owners = new Set(Array.from({ length: 2000 }, (_, i) => placement.serverIndexOf(`key${i}`)));
    expect(owners).toEqual(new Set([0]));
  });
});

describe("jump", () => {
  test.each([
    [0, 1, 1, 0],
    [0, 42, 57, 43],
    [0, 0xdead10cc, 1, 0],
    [0, 0xdead10cc, 666, 361],
    [0, 256, 1024, 520],
  ])("key %i·2³² + %i over %i buckets is bucket %i", (high, low, buckets, bucket) => {
    expect(jumpHash(high, low, buckets)).toBe(bucket);
  });

  test("is the paper's loop in 64-bit integers", () => {
    const plain = (start: bigint, buckets: number): number => {
      let key = start;
      let bucket = -1;
      let next = 0;
      while (next < buckets) {
        bucket = next;
        key = BigInt.asUintN(64, key * 2862933555777941757n + 1n);
        next = Math.floor((bucket + 1) * (2 ** 31 / (Number(key >> 33n) + 1)));
      }
      return bucket;
    };
    fc.assert(
      fc.property(uint32, uint32, fc.integer({ min: 1, max: 100_000 }), (high, low, buckets) => {
        const expected = plain((BigInt(high) << 32n) | BigInt(low), buckets);
        expect(jumpHash(high, low, buckets)).toBe(expected);
        expect(jumpHash(high | 0, low | 0, buckets)).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });
});

test("the logarithm of a lot is right to 14 digits and never rises", () => {
  fc.assert(
    fc.property(fc.oneof(uint32, fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 2)), (lot) => {
      const exact = -Math.log((lot + 0.5) / 2 ** 32);
      expect(Math.abs(negativeLog(lot) - exact)).toBeLessThanOrEqual(1e-14 * exact + 1e-17);
      if (lot < 0xffff_ffff) expect(negativeLog(lot + 1)).toBeLessThan(negativeLog(lot));
    }),
    { numRuns: 5000 },
  );
});

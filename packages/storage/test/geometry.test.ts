import { expect, test } from "vitest";
import {
  addressableBytes,
  BUCKET_SLOTS,
  bucketsFor,
  firstBuckets,
  geometryFor,
  growsAt,
  nextBuckets,
} from "../src/geometry.ts";

const MiB = 2 ** 20;
const GiB = 2 ** 30;

test.each([
  [MiB, 8192, 4],
  [64 * MiB, 256 * 1024, 4],
  [1024 * MiB, 512 * 1024, 4],
  [16 * GiB, MiB, 4],
  [17 * GiB, MiB, 8],
  [64 * GiB, MiB, 16],
])("%i bytes are cut into segments of %i, addressed in steps of %i", (maxBytes, segmentBytes, unitBytes) => {
  const { segmentShift, unitShift, arenaShift } = geometryFor(maxBytes);
  expect([2 ** segmentShift, 2 ** unitShift]).toEqual([segmentBytes, unitBytes]);
  expect(addressableBytes(unitShift)).toBeGreaterThanOrEqual(maxBytes);
  expect(2 ** arenaShift).toBeLessThanOrEqual(GiB);
});

test("the index has a place for every record and takes less than 11 % of the store", () => {
  for (const maxBytes of [MiB, 64 * MiB, 64 * GiB]) {
    const buckets = bucketsFor(maxBytes);
    expect((buckets * BUCKET_SLOTS * 0.85) / (maxBytes / 64)).toBeGreaterThanOrEqual(1);
    expect((buckets * 64) / maxBytes).toBeLessThan(0.11);
  }
});

test("an index begins small and gets as large as it has to be in few steps", () => {
  for (const maxBytes of [2 ** 20, 64 * 2 ** 20, 2 ** 30, 2 ** 36]) {
    const most = bucketsFor(maxBytes);
    let buckets = firstBuckets(most);
    expect(buckets).toBeLessThan(8 * 2048 + 8);
    let steps = 0;
    while (buckets < most) {
      expect(growsAt(buckets)).toBeLessThan(buckets * BUCKET_SLOTS);
      buckets = nextBuckets(buckets, most);
      steps++;
    }
    expect(buckets).toBe(most);
    expect(steps).toBeLessThan(7);
  }
});

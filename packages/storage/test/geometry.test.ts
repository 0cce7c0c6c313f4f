import { expect, test } from "vitest";
import { addressableBytes, BUCKET_SLOTS, bucketsFor, geometryFor } from "../src/geometry.ts";

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

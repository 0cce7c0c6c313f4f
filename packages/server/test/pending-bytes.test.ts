import { describe, expect, test } from "vitest";
import { PendingBytes, PendingPool } from "../src/pending-bytes.ts";

const KiB = 1024;

describe("PendingPool", () => {
  test.each([
    [1, 2 * KiB],
    [2 * KiB, 2 * KiB],
    [2 * KiB + 1, 32 * KiB],
    [46 * KiB, 64 * KiB],
    [65 * KiB, 128 * KiB],
    [128 * KiB + 1, 256 * KiB],
    [3000 * KiB, 4096 * KiB],
  ])("%i bytes are kept in a buffer of %i", (bytes, size) => {
    expect(new PendingPool().take(bytes).length).toBe(size);
  });

  test.each([2, 32, 64, 128])("a buffer of %i KiB that was given back is taken again", (size) => {
    const pool = new PendingPool();
    const buffer = pool.take(size * KiB);
    pool.give(buffer);
    expect(pool.spareBytes).toBe(size * KiB);
    expect(pool.take(size * KiB)).toBe(buffer);
    expect(pool.spareBytes).toBe(0);
  });

  test("what lies spare is bounded in bytes, and larger buffers are not kept", () => {
    const pool = new PendingPool();
    const taken = Array.from({ length: 1000 }, (_, i) => pool.take([1, 20, 60, 100, 500][i % 5]! * KiB));
    for (const buffer of taken) pool.give(buffer);
    expect(pool.spareBytes).toBeGreaterThan(900 * KiB);
    expect(pool.spareBytes).toBeLessThanOrEqual(1024 * KiB);
  });
});

describe("PendingBytes", () => {
  test("keeps what is appended in pieces, in order, while its start moves on", () => {
    const pending = new PendingBytes(new PendingPool(), 10);
    const source = Buffer.from(Array.from({ length: 5000 }, (_, i) => i & 0xff));
    let taken = 0;
    for (let at = 0; at < source.length; at += 7) {
      pending.append(source, at, Math.min(at + 7, source.length));
      if (at % 3 === 0) {
        expect(pending.buffer[pending.start]).toBe(source[taken]);
        pending.start += 2;
        taken += 2;
      }
    }
    expect(pending.length).toBe(source.length - taken);
    expect(pending.buffer.subarray(pending.start, pending.end).equals(source.subarray(taken))).toBe(true);
  });
});

import { expect, test } from "vitest";
import { hashKey, hashKeyIn, hashSecrets } from "../src/hash.ts";

test("the same bytes give the same hash wherever they lie", () => {
  const secrets = hashSecrets(7);
  for (let length = 1; length < 40; length++) {
    const key = Buffer.alloc(length, "abcdefghijk");
    const moved = Buffer.concat([Buffer.alloc(3), key, Buffer.alloc(2)]);
    expect(hashKey(moved, 3, 3 + length, secrets)).toBe(hashKey(key, 0, length, secrets));
  }
});

test("a view gives the same hash as the bytes", () => {
  const secrets = hashSecrets(11);
  const bytes = Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 89 + 130) & 0xff));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let length = 0; length <= 250; length++) {
    const start = length % 7;
    expect(hashKeyIn(view, start, start + length, secrets)).toBe(hashKey(bytes, start, start + length, secrets));
  }
});

test("another seed gives other hashes", () => {
  const key = Buffer.from("the same key");
  const hashes = new Set<number>();
  for (let seed = 0; seed < 1000; seed++) hashes.add(hashKey(key, 0, key.length, hashSecrets(seed)));
  expect(hashes.size).toBeGreaterThan(995);
});

test.each([
  ["numbered keys", (i: number) => `user:${i}`],
  ["padded numbers", (i: number) => String(i).padStart(16, "0")],
  [
    "a changing first byte",
    (i: number) => `${String.fromCharCode(33 + (i % 90))}-${Math.floor(i / 90)}-tail-that-stays`,
  ],
])("%s spread evenly over the upper and the lower bits", (_name, keyOf) => {
  const secrets = hashSecrets(12_345);
  const upper = new Float64Array(256);
  const lower = new Float64Array(256);
  const count = 100_000;
  for (let i = 0; i < count; i++) {
    const key = Buffer.from(keyOf(i));
    const hash = hashKey(key, 0, key.length, secrets);
    upper[hash >>> 24]!++;
    lower[hash & 255]!++;
  }
  // Chi-square over 256 cells: 255 on average, deviation 23; beyond 400 is no accident.
  for (const cells of [upper, lower]) {
    const expected = count / 256;
    expect(cells.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0)).toBeLessThan(400);
  }
});

test("no difference of two bits collides under every seed", () => {
  // With one multiplication a step, flipping the top bit of one word and two bits of the next one did.
  const a = Buffer.alloc(8);
  let worst = 0;
  for (let i = 0; i < 32; i++) {
    for (let j = 32; j < 64; j++) {
      const b = Buffer.alloc(8);
      b[i >> 3]! ^= 1 << (i & 7);
      b[j >> 3]! ^= 1 << (j & 7);
      let collisions = 0;
      for (let seed = 0; seed < 50; seed++) {
        const secrets = hashSecrets(seed);
        if (hashKey(a, 0, 8, secrets) === hashKey(b, 0, 8, secrets)) collisions++;
      }
      worst = Math.max(worst, collisions);
    }
  }
  expect(worst).toBeLessThan(5);
});

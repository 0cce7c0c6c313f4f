// Random keys for runs beside the real programs.

import { freshSeed, seededRandom, type Random } from "@marugoto/testing";

/** Seeded by MARUGOTO_SEED, else afresh; says so, that a failure can be run again. */
export function startRandom(what: string): Random {
  const random = seededRandom(Number(process.env.MARUGOTO_SEED ?? freshSeed()));
  console.log(`${what}: MARUGOTO_SEED=${random.seed}`);
  return random;
}

export function times<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

const plain = Array.from("abcXYZ019:_-/.");
const beyondAscii = ["é", "ключ", "键", "😀", "a"];

/** Keys of every kind: plain, UTF-8 cut anywhere, raw bytes, spaces and controls; empty now and then. */
export function randomKey(random: Random, maxBytes: number): Buffer {
  const length = random.chance(1 / 4) ? random.int(maxBytes + 1) : random.int(40);
  const text = (pick: () => string) => Buffer.from(times(length, pick).join("")).subarray(0, length);
  switch (random.int(4)) {
    case 0:
      return random.bytes(length);
    case 1:
      return text(() => random.pick(beyondAscii));
    case 2:
      return text(() => (random.chance(1 / 8) ? String.fromCharCode(random.int(0x21)) : random.pick(plain)));
    default:
      return text(() => random.pick(plain));
  }
}

// Random configs and keys from a seed, so that a failure can be run again: MARUGOTO_SEED=n.

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 … below - 1, whole. */
  below(below: number): number {
    // Weyl sequence through MurmurHash3's mix.
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let h = Math.imul(this.#state ^ (this.#state >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return ((h ^ (h >>> 16)) >>> 0) % below;
  }

  chance(oneIn: number): boolean {
    return this.below(oneIn) === 0;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  times<T>(count: number, make: (i: number) => T): T[] {
    return Array.from({ length: count }, (_, i) => make(i));
  }
}

/** From MARUGOTO_SEED, else from the clock; print it. */
export function seed(): number {
  return Number(process.env.MARUGOTO_SEED ?? Date.now() % 1_000_000_000);
}

const alphabet = Buffer.from("abcXYZ019:_-/.");

/** Keys of every kind: plain, UTF-8, raw bytes, spaces and controls, empty now and then, up to 300 bytes. */
export function randomKey(random: Random, maxBytes = 300): Buffer {
  const length = random.chance(4) ? random.below(maxBytes + 1) : random.below(40);
  switch (random.below(4)) {
    case 0:
      return Buffer.from(random.times(length, () => random.below(256)));
    case 1:
      return Buffer.from(random.times(length, () => random.pick(["é", "ключ", "键", "😀", "a"])).join("")).subarray(
        0,
        length,
      );
    case 2:
      return Buffer.from(
        random.times(length, () => (random.chance(8) ? random.below(0x21) : random.pick([...alphabet]))),
      );
    default:
      return Buffer.from(random.times(length, () => random.pick([...alphabet])));
  }
}

// Randomness that can be repeated: a test prints its seed, and the same seed gives the same run. Not for secrets, and
// not for placement or hashing.

/** A stream of pseudo-random numbers from one seed. */
export interface Random {
  readonly seed: number;
  /** The next number in [0, 1). */
  next(): number;
  /** A whole number in [0, below). */
  int(below: number): number;
  /** A whole number in [from, to], both included. */
  between(from: number, to: number): number;
  /** True with the given probability. */
  chance(probability: number): boolean;
  /** One of `choices`, which must not be empty. */
  pick<T>(choices: readonly T[]): T;
  /** `length` random bytes. */
  bytes(length: number): Buffer;
  /** A stream of its own, so that drawing more from it moves nothing here. */
  fork(): Random;
}

/**
 * A Random from `seed` (a 32-bit number; larger ones are cut).
 *
 * The generator is mulberry32: state += 0x6d2b79f5, then two rounds of xor-shift and multiply. Period 2^32.
 * Check: seed 1 → 0.6270739405881613 first.
 */
export function seededRandom(seed: number): Random {
  const first = seed >>> 0;
  let state = first;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 15), z | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (below: number) => Math.floor(next() * below);
  return {
    seed: first,
    next,
    int,
    between: (from, to) => from + int(to - from + 1),
    chance: (probability) => next() < probability,
    pick<T>(choices: readonly T[]): T {
      if (choices.length === 0) throw new TypeError("pick() from an empty list");
      return choices[int(choices.length)] as T;
    },
    bytes(length) {
      const bytes = Buffer.alloc(length);
      for (let i = 0; i < length; i++) bytes[i] = int(256);
      return bytes;
    },
    fork: () => seededRandom(int(2 ** 32)),
  };
}

/** A seed to start with when none is given: different every time, so print it. */
export function freshSeed(): number {
  return Math.floor(Math.random() * 2 ** 32);
}

// Random numbers that a seed repeats exactly, so that two servers are asked the same requests in the same order.
// Fast enough to draw one per key of a load generator. Not for secrets.

/** Marsaglia's xorshift32 (triple 13, 17, 5): period 2³² − 1, every state but 0. Check: seed 1 → 270369, 67634689. */
export class Random {
  private state: number;

  /** @param seed any integer; 0 is replaced, since xorshift stays at 0 for ever */
  constructor(seed: number) {
    this.state = seed | 0 || 0x9e3779b9 | 0;
  }

  /** The next integer in [0, 2³²). */
  next(): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x;
    return x >>> 0;
  }

  /** A number in [0, 1) with 32 random bits. */
  unit(): number {
    return this.next() * 2 ** -32;
  }

  /** An integer in [0, limit); `limit` at most 2³². */
  below(limit: number): number {
    return Math.floor(this.next() * 2 ** -32 * limit);
  }
}

/**
 * A number in [0, 1) that is the same for the same `(key, salt)` in every run: what a key's size and lifetime are drawn
 * from. The mixing is MurmurHash3's 32-bit finalizer.
 */
export function unitOf(key: number, salt: number): number {
  let x = (key ^ Math.imul(salt, 0x9e3779b1)) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return ((x ^ (x >>> 16)) >>> 0) * 2 ** -32;
}

/** An integer in [min, max] whose logarithm is uniform, from a `unit` in [0, 1). `min` is at least 1. */
export function logUniform(unit: number, min: number, max: number): number {
  return Math.min(max, Math.floor(min * ((max + 1) / min) ** unit));
}

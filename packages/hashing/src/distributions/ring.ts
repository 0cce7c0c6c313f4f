// A continuum: points on a circle of 2³² and the server that owns each. How the points come about is not its affair;
// see the *-points files beside it.

import { CacheError } from "@marugoto/core";

/** Servers must fit beside a 32-bit value in the 53 bits of a double. */
const OWNERS = 2 ** 21;

/** At 12 bytes of ring and 8 of building per point, this is 640 MB: a mistyped weight, not a pool. */
const MAX_POINTS = 2 ** 25;

/** Collects points in any order. */
export class RingPoints {
  #packed: Float64Array;
  #count = 0;

  /** @param expected how many points will be added, as a hint */
  constructor(expected: number) {
    if (expected > MAX_POINTS) {
      throw new CacheError("invalid_option", `ring of ${expected} points, at most ${MAX_POINTS}; use smaller weights`);
    }
    this.#packed = new Float64Array(Math.max(16, expected));
  }

  /** @param value any 32 bits, taken as unsigned. @param owner server index, below 2²¹ */
  add(value: number, owner: number): void {
    if (this.#count === this.#packed.length) {
      const larger = new Float64Array(this.#count * 2);
      larger.set(this.#packed);
      this.#packed = larger;
    }
    this.#packed[this.#count++] = (value >>> 0) * OWNERS + owner;
  }

  /** The points by value, then by server index; this empties nothing and may be called once more. */
  sorted(): Float64Array {
    return this.#packed.slice(0, this.#count).sort();
  }
}

/**
 * A ring ready for lookups. A point equal to the hash owns it; of equal points the server with the lowest index wins;
 * past the last point comes the first. A lookup costs one step through a table of the leading bits and, on an even
 * ring, one or two comparisons.
 */
export class Ring {
  /** Points without repeats, ascending. */
  readonly #values: Uint32Array;
  /** Owner of each point, and once more of the first. */
  readonly #owners: Uint32Array;
  /** Where the points with these leading bits begin. */
  readonly #starts: Uint32Array;
  readonly #shift: number;

  /** @throws CacheError `invalid_option` without a single point */
  constructor(points: RingPoints) {
    const packed = points.sorted();
    if (packed.length === 0) throw new CacheError("invalid_option", "the ring has no points: no server has a share");
    const values = new Uint32Array(packed.length);
    const owners = new Uint32Array(packed.length + 1);
    let count = 0;
    for (const point of packed) {
      const value = Math.floor(point / OWNERS);
      if (count > 0 && values[count - 1] === value) continue;
      values[count] = value;
      owners[count++] = point - value * OWNERS;
    }
    owners[count] = owners[0]!;
    this.#values = values.slice(0, count);
    this.#owners = owners.slice(0, count + 1);

    const bits = Math.min(22, Math.max(1, 33 - Math.clz32(count)));
    this.#shift = 32 - bits;
    this.#starts = new Uint32Array(2 ** bits + 1);
    let point = 0;
    for (let slot = 0; slot < 2 ** bits; slot++) {
      const from = slot * 2 ** this.#shift;
      while (point < count && values[point]! < from) point++;
      this.#starts[slot] = point;
    }
    this.#starts[2 ** bits] = count;
  }

  /** Distinct points on the ring. */
  get points(): number {
    return this.#values.length;
  }

  /** @param hash any 32 bits, taken as unsigned. @returns the server index of the first point at or after it */
  find(hash: number): number {
    const target = hash >>> 0;
    const slot = hash >>> this.#shift;
    let low = this.#starts[slot]!;
    let high = this.#starts[slot + 1]!;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#values[middle]! < target) low = middle + 1;
      else high = middle;
    }
    return this.#owners[low]!;
  }
}

// Exact draws from a Zipf distribution in constant time, by Vose's alias method (IEEE TSE 17(9), 1991): two tables of
// one entry per key, filled once.

import type { Random } from "./random.ts";

/** Draws ranks 0 … count − 1, rank r with a probability proportional to (r + 1)^−exponent. */
export class Zipf {
  private readonly keep: Float64Array;
  private readonly alias: Int32Array;

  /** @param count number of ranks, at least 1; 12 bytes of table each */
  constructor(count: number, exponent: number) {
    const weights = new Float64Array(count);
    let sum = 0;
    for (let rank = 0; rank < count; rank++) {
      const weight = (rank + 1) ** -exponent;
      weights[rank] = weight;
      sum += weight;
    }
    this.keep = new Float64Array(count).fill(1);
    this.alias = new Int32Array(count);
    // Columns below the mean are topped up by one column above it; what that one has left goes back on a stack.
    const small: number[] = [];
    const large: number[] = [];
    for (let rank = 0; rank < count; rank++) {
      const scaled = (weights[rank]! * count) / sum;
      weights[rank] = scaled;
      (scaled < 1 ? small : large).push(rank);
    }
    while (small.length > 0 && large.length > 0) {
      const low = small.pop()!;
      const high = large.pop()!;
      this.keep[low] = weights[low]!;
      this.alias[low] = high;
      const rest = weights[high]! - (1 - weights[low]!);
      weights[high] = rest;
      (rest < 1 ? small : large).push(high);
    }
  }

  /** The next rank; takes two numbers from `random`. */
  draw(random: Random): number {
    const column = random.below(this.keep.length);
    return random.unit() < this.keep[column]! ? column : this.alias[column]!;
  }
}

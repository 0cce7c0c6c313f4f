// Remainder of the hash: by number of servers, or by weight.

import { CacheError } from "@marugoto/core";

/** `hash % count`, the hash taken as unsigned. */
export function modula(hash: number, count: number): number {
  return (hash >>> 0) % count;
}

/**
 * The list in which server 0 stands as often as its weight says, then server 1, and so on, without writing it out:
 * a weight of a million costs no more than a weight of one.
 */
export class WeightedSlots {
  /** Where the slots of the next server begin. */
  readonly #ends: Uint32Array;
  readonly #servers: Uint32Array;
  /** All slots. */
  readonly total: number;

  /**
   * @param weights weight of each entry, whole, at least 1
   * @param servers server index of each entry
   * @throws CacheError `invalid_option` when the weights sum to 2³¹ or more, or there are none
   */
  constructor(weights: readonly number[], servers: readonly number[]) {
    this.#ends = new Uint32Array(weights.length);
    this.#servers = Uint32Array.from(servers);
    let total = 0;
    weights.forEach((weight, i) => {
      total += weight;
      this.#ends[i] = total;
    });
    if (total < 1) throw new CacheError("invalid_option", "no server to choose from");
    if (total > 0x7fff_ffff) throw new CacheError("invalid_option", `weights sum to ${total}, at most 2147483647`);
    this.total = total;
  }

  /** The server of slot `hash % total`, the hash taken as unsigned. */
  find(hash: number): number {
    const slot = (hash >>> 0) % this.total;
    let low = 0;
    let high = this.#ends.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ends[middle]! <= slot) low = middle + 1;
      else high = middle;
    }
    return this.#servers[low]!;
  }
}

// The numbers that items carry for compare-and-store: epoch × 2^40 + counter, in two halves of 32 bits.

import * as S from "./state.ts";

/** Values of the counter's bits 32 to 39. */
const HIGH_VALUES = 256;

/** Ranks in a round of epochs. */
const RANKS = 8;

export class CasCounter {
  /** Upper 32 bits, unsigned, of the number drawn last. */
  high = 0;
  /** Lower 32 bits, unsigned, of the number drawn last. */
  low = 0;
  readonly #ints: Int32Array;

  constructor(ints: Int32Array) {
    this.#ints = ints;
  }

  /** Draws a number; 0 in a store without cas. A full counter takes the next round. */
  next(): void {
    const ints = this.#ints;
    if (ints[S.CAS] === 0) return;
    const low = (ints[S.CAS_LOW]! + 1) | 0;
    ints[S.CAS_LOW] = low;
    if (low === 0 && ++ints[S.CAS_HIGH]! === HIGH_VALUES) {
      ints[S.CAS_HIGH] = 0;
      ints[S.ROUND]!++;
    }
    this.high = (this.epoch * HIGH_VALUES + ints[S.CAS_HIGH]!) >>> 0;
    this.low = low >>> 0;
  }

  /** round × 8 + rank. */
  get epoch(): number {
    return this.#ints[S.ROUND]! * RANKS + this.#ints[S.RANK]!;
  }

  /** Goes on from 1 in a higher epoch; the same one changes nothing, a lower one is a RangeError. */
  moveTo(round: number, rank: number): void {
    const epoch = round * RANKS + rank;
    if (epoch === this.epoch) return;
    if (epoch < this.epoch) throw new RangeError(`epoch ${epoch} lies below the present one, ${this.epoch}`);
    this.#ints[S.ROUND] = round;
    this.#ints[S.RANK] = rank;
    this.#ints[S.CAS_HIGH] = 0;
    this.#ints[S.CAS_LOW] = 0;
  }
}

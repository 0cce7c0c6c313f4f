// Skewed traffic over keys of many sizes, as a cache in front of a database sees it: which key is asked next, how large
// its value is and how long it lives. Pure and repeatable.

import { logUniform, Random, unitOf } from "../measure/random.ts";
import type { Zipf } from "../measure/zipf.ts";

/** What the plain skewed traffic is mixed with. */
export interface Variant {
  readonly name: string;
  /** Share of the requests that ask for a key nobody ever asks for again. */
  readonly oneTimeShare: number;
  /** Share of the keys whose values live `ttlSec` seconds only. */
  readonly ttlShare: number;
  readonly ttlSec: number;
}

export const variants: readonly Variant[] = [
  { name: "plain", oneTimeShare: 0, ttlShare: 0, ttlSec: 0 },
  { name: "20 % one-time keys", oneTimeShare: 0.2, ttlShare: 0, ttlSec: 0 },
  { name: "30 % with a ttl of 10 s", oneTimeShare: 0, ttlShare: 0.3, ttlSec: 10 },
];

const MIN_VALUE_BYTES = 16;
const MAX_VALUE_BYTES = 8192;
// One-time keys are numbered from here on: above every Zipf rank.
const FIRST_ONE_TIME = 50_000_000;
const SIZE_SALT = 1;
const TTL_SALT = 2;

export class Traffic {
  private readonly zipf: Zipf;
  private readonly variant: Variant;
  private readonly random: Random;
  private nextOneTime = FIRST_ONE_TIME;

  constructor(zipf: Zipf, variant: Variant, seed: number) {
    this.zipf = zipf;
    this.variant = variant;
    this.random = new Random(seed);
  }

  /** The number of the key that is asked for next. */
  nextKey(): number {
    if (this.variant.oneTimeShare > 0 && this.random.unit() < this.variant.oneTimeShare) return this.nextOneTime++;
    return this.zipf.draw(this.random);
  }

  /** Bytes of a key's value, 16 … 8192, the same in every run. */
  sizeOf(key: number): number {
    return logUniform(unitOf(key, SIZE_SALT), MIN_VALUE_BYTES, MAX_VALUE_BYTES);
  }

  /** The exptime that a key is set with, 0 for ever. */
  exptimeOf(key: number): number {
    return unitOf(key, TTL_SALT) < this.variant.ttlShare ? this.variant.ttlSec : 0;
  }
}

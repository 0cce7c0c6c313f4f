// Which keys are read most, in bounded memory and at next to no cost: one read in about 32 is looked at, and the keys that
// come up are counted as Space-Saving counts (Metwally and others, ICDT 2005): when all counters are taken, the smallest
// goes to the new key together with its count, which is an upper bound of what the key may have had before.
// Counts fade, so that the list is about the last minutes.

/** A key and what is known of it. */
export interface HotKey {
  /** As it travels, byte for byte in latin1. */
  readonly key: string;
  /** Estimated reads in the window, faded; an upper bound but for the sampling. */
  readonly reads: number;
  /** `reads` that may belong to keys which had this counter before. */
  readonly uncertain: number;
}

interface Counter {
  key: string;
  count: number;
  error: number;
}

/** Reads between two that are looked at, on average. The distance varies, so that no rhythm of clients hides a key. */
const MEAN_DISTANCE = 32;
const CAPACITY = 256;

export interface HotKeysOptions {
  /** After so long, a read counts half, in ms. Default 60 000. */
  readonly halfLifeMs?: number;
  /** In [0, 1). Default `Math.random`. */
  readonly random?: () => number;
}

export class HotKeys {
  /** Reads, faded as the counts are. */
  #total = 0;
  readonly #counters = new Map<string, Counter>();
  readonly #halfLifeMs: number;
  readonly #random: () => number;
  /** Reads until the next that is looked at. */
  #distance: number;
  #fadedAtMs = Number.NaN;

  constructor({ halfLifeMs = 60_000, random = Math.random }: HotKeysOptions = {}) {
    this.#halfLifeMs = halfLifeMs;
    this.#random = random;
    this.#distance = this.#nextDistance();
  }

  /** Counts keys off that are read. @returns true when `add` is to look at one of them */
  isDue(reads: number): boolean {
    this.#distance -= reads;
    return this.#distance <= 0;
  }

  /** Looks at the key `bytes[start, end)`, one of those that `isDue` has counted off. */
  add(bytes: Buffer, start: number, end: number, nowMs: number): void {
    this.#fade(nowMs);
    // More than one may have become due at once; each stands for MEAN_DISTANCE reads.
    let times = 0;
    for (; this.#distance <= 0; times++) this.#distance += this.#nextDistance();
    this.#total += times;
    const key = bytes.toString("latin1", start, end);
    const known = this.#counters.get(key);
    if (known !== undefined) {
      known.count += times;
      return;
    }
    if (this.#counters.size < CAPACITY) {
      this.#counters.set(key, { key, count: times, error: 0 });
      return;
    }
    let least: Counter | undefined;
    for (const counter of this.#counters.values())
      if (least === undefined || counter.count < least.count) least = counter;
    if (least === undefined) return;
    this.#counters.delete(least.key);
    least.key = key;
    least.error = least.count;
    least.count += times;
    this.#counters.set(key, least);
  }

  /** Which of `count` keys `add` is to look at. */
  pick(count: number): number {
    return Math.floor(this.#random() * count);
  }

  /** Estimated reads of all keys in the window, faded. */
  totalReads(nowMs: number): number {
    this.#fade(nowMs);
    return Math.round(this.#total * MEAN_DISTANCE);
  }

  /** The keys that are read most, first the most read. Keys that chance alone may have brought there are left out. */
  top(most: number, nowMs: number): HotKey[] {
    this.#fade(nowMs);
    return [...this.#counters.values()]
      .filter(({ count, error }) => count - error >= 2)
      .sort((a, b) => b.count - b.error - (a.count - a.error) || b.count - a.count)
      .slice(0, most)
      .map(({ key, count, error }) => ({
        key,
        reads: Math.round(count * MEAN_DISTANCE),
        uncertain: Math.round(error * MEAN_DISTANCE),
      }));
  }

  /** In steps of a tenth of the half-life. */
  #fade(nowMs: number): void {
    if (Number.isNaN(this.#fadedAtMs)) this.#fadedAtMs = nowMs;
    const elapsedMs = nowMs - this.#fadedAtMs;
    if (elapsedMs < this.#halfLifeMs / 10) return;
    this.#fadedAtMs = nowMs;
    const factor = 0.5 ** (elapsedMs / this.#halfLifeMs);
    this.#total *= factor;
    for (const counter of this.#counters.values()) {
      counter.count *= factor;
      counter.error *= factor;
      if (counter.count < 0.5) this.#counters.delete(counter.key);
    }
  }

  #nextDistance(): number {
    return 1 + Math.floor(this.#random() * (2 * MEAN_DISTANCE - 1));
  }
}

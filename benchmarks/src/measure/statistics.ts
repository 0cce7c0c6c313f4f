// The few statistics that the tables quote. Pure.

/** The value below which the share `q` (0 … 1) of `values` lies, interpolated linearly between neighbours. */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) throw new TypeError("no values to take a quantile of");
  const sorted = values.toSorted((a, b) => a - b);
  const position = (sorted.length - 1) * q;
  const below = Math.floor(position);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (high - low) * (position - below);
}

export function mean(values: readonly number[]): number {
  if (values.length === 0) throw new TypeError("no values to take a mean of");
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** A median with the quartiles on both sides of it. */
export interface Spread {
  median: number;
  low: number;
  high: number;
}

export function spread(values: readonly number[]): Spread {
  return { median: quantile(values, 0.5), low: quantile(values, 0.25), high: quantile(values, 0.75) };
}

/**
 * Counts durations in steps that grow with the duration, so that recording is one addition: 1 µs wide below 128 µs, then
 * 64 steps per doubling (at most 1.6 % off), up to 2³¹ µs.
 */
export class Histogram {
  private readonly counts = new Uint32Array(128 + 24 * 64);
  private total = 0;

  /** @param us duration in microseconds, not negative */
  record(us: number): void {
    const whole = us | 0;
    this.total++;
    if (whole < 128) {
      this.counts[whole]!++;
    } else {
      const power = 31 - Math.clz32(whole);
      this.counts[128 + (power - 7) * 64 + ((whole >>> (power - 6)) & 63)]!++;
    }
  }

  /** The duration in µs below which the share `q` of the recorded ones lies, to the step; 0 when there are none. */
  quantile(q: number): number {
    const wanted = Math.max(1, Math.ceil(this.total * q));
    let seen = 0;
    for (let step = 0; step < this.counts.length; step++) {
      seen += this.counts[step]!;
      if (this.total > 0 && seen >= wanted) return stepStart(step);
    }
    return 0;
  }

  clear(): void {
    this.counts.fill(0);
    this.total = 0;
  }
}

function stepStart(step: number): number {
  if (step < 128) return step;
  const power = ((step - 128) >>> 6) + 7;
  return 2 ** power + ((step - 128) & 63) * 2 ** (power - 6);
}

// 64-bit numbers as memcached's incr and decr read and write them, in two unsigned 32-bit halves, without BigInt.

const HALF = 2 ** 32;

/** Digits of the largest number. */
export const MAX_DIGITS = 20;

/** A 64-bit number that is worked on in place. */
export class Decimal {
  /** Upper and lower 32 bits, unsigned. */
  high = 0;
  low = 0;
  readonly #text = new Uint8Array(MAX_DIGITS);

  /**
   * Reads a number from `bytes[start, end)` as memcached's safe_strtoull does: white space before it, a sign, leading
   * zeros, and anything behind white space or a zero byte after it pass. A minus passes too as long as 2^64 less the
   * number is below 2^63 (util.c says it is not worth checking).
   *
   * @returns false if it is no such number, or one of 2^64 and above
   */
  parse(bytes: Uint8Array, start: number, end: number): boolean {
    let at = start;
    while (at < end && isSpace(bytes[at]!)) at++;
    const sign = bytes[at]!;
    if (at < end && (sign === 0x2b || sign === 0x2d)) at++;
    const first = at;
    let high = 0;
    let low = 0;
    for (; at < end; at++) {
      const digit = bytes[at]! - 0x30;
      if (digit < 0 || digit > 9) break;
      low = low * 10 + digit;
      const carry = Math.floor(low / HALF);
      low -= carry * HALF;
      high = high * 10 + carry;
      if (high >= HALF) return false;
    }
    if (at === first) return false;
    if (at < end && bytes[at] !== 0 && !isSpace(bytes[at]!)) return false;
    this.high = high;
    this.low = low;
    if (sign !== 0x2d) return true;
    this.#negate();
    return this.high < HALF / 2;
  }

  /** Adds; wraps at 2^64. */
  add(high: number, low: number): void {
    const sum = this.low + (low >>> 0);
    this.low = sum >>> 0;
    this.high = (this.high + (high >>> 0) + (sum >= HALF ? 1 : 0)) >>> 0;
  }

  /** Subtracts; stops at 0. */
  subtract(high: number, low: number): void {
    high >>>= 0;
    low >>>= 0;
    if (this.high < high || (this.high === high && this.low < low)) {
      this.high = this.low = 0;
      return;
    }
    this.high = (this.high - high - (this.low < low ? 1 : 0)) >>> 0;
    this.low = (this.low - low) >>> 0;
  }

  /** Writes the decimal digits from `at` on, at most 20; returns the end. */
  write(target: Uint8Array, at: number): number {
    // Four limbs of 16 bits, divided by 10 000 until nothing is left: four digits at a time, the lowest first.
    let a = this.high >>> 16;
    let b = this.high & 0xffff;
    let c = this.low >>> 16;
    let d = this.low & 0xffff;
    let end = MAX_DIGITS;
    do {
      let rest = a % 10_000;
      a = (a - rest) / 10_000;
      b += rest * 65_536;
      rest = b % 10_000;
      b = (b - rest) / 10_000;
      c += rest * 65_536;
      rest = c % 10_000;
      c = (c - rest) / 10_000;
      d += rest * 65_536;
      rest = d % 10_000;
      d = (d - rest) / 10_000;
      for (let i = 0; i < 4; i++) {
        this.#text[--end] = 0x30 + (rest % 10);
        rest = (rest / 10) | 0;
      }
    } while (a + b + c + d > 0);
    while (end < MAX_DIGITS - 1 && this.#text[end] === 0x30) end++;
    while (end < MAX_DIGITS) target[at++] = this.#text[end++]!;
    return at;
  }

  #negate(): void {
    const { high, low } = this;
    this.high = this.low = 0;
    if (high === 0 && low === 0) return;
    this.high = (0xffff_ffff - high + (low === 0 ? 1 : 0)) >>> 0;
    this.low = -low >>> 0;
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

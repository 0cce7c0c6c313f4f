// Jump consistent hash: a number of buckets that only ever changes at its end.

const MULTIPLIER_HIGH = 0x27bb2ee6;
const MULTIPLIER_LOW = 0x87b0b0fd;

/** High 32 bits of the unsigned product of two 32-bit words, as a signed integer. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  // Neither sum passes 2³²: 0xffff² + 0xffff is 0xffff0000.
  const middle = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) | 0;
  const second = (Math.imul(aLow, bHigh) + (middle & 0xffff)) | 0;
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (second >>> 16)) | 0;
}

/**
 * Source: J. Lamping, E. Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", 2014.
 * Check: (key, buckets) → bucket: (1, 1) → 0; (42, 57) → 43; (0xdead10cc, 666) → 361; (256, 1024) → 520.
 *
 * @param high    upper 32 bits of the key
 * @param low     lower 32 bits of the key
 * @param buckets at least 1, below 2³¹
 * @returns 0 … buckets - 1; one more bucket moves 1/(buckets+1) of the keys, all of them to the new one
 */
export function jumpHash(high: number, low: number, buckets: number): number {
  let bucket = -1;
  let next = 0;
  let keyHigh = high | 0;
  let keyLow = low | 0;
  while (next < buckets) {
    bucket = next;
    // key = key * 2862933555777941757 + 1, modulo 2⁶⁴
    keyHigh =
      (multiplyHigh(keyLow, MULTIPLIER_LOW) + Math.imul(keyHigh, MULTIPLIER_LOW) + Math.imul(keyLow, MULTIPLIER_HIGH)) |
      0;
    keyLow = Math.imul(keyLow, MULTIPLIER_LOW);
    if (keyLow === -1) keyHigh = (keyHigh + 1) | 0;
    keyLow = (keyLow + 1) | 0;
    next = Math.floor((bucket + 1) * (0x8000_0000 / ((keyHigh >>> 1) + 1)));
  }
  return bucket;
}

// Decimal numbers into a buffer, two digits at a time, nothing allocated. The reading side is numbers.ts.

const ZERO = 0x30;
const MINUS = 0x2d;

/** "00" to "99" in bytes. */
const pairs = new Uint8Array(200);
for (let i = 0; i < 100; i++) {
  pairs[2 * i] = ZERO + Math.floor(i / 10);
  pairs[2 * i + 1] = ZERO + (i % 10);
}

function digitsOf(value: number): number {
  if (value < 100_000) {
    if (value < 100) return value < 10 ? 1 : 2;
    if (value < 10_000) return value < 1000 ? 3 : 4;
    return 5;
  }
  if (value < 10_000_000) return value < 1_000_000 ? 6 : 7;
  if (value < 1_000_000_000) return value < 100_000_000 ? 8 : 9;
  return 10;
}

/** Writes the last `digits` digits of `value`, zeros in front, so that they end before `end`. */
function writeDigits(out: Uint8Array, end: number, value: number, digits: number): void {
  let rest = value >>> 0;
  let left = digits;
  let i = end;
  while (left >= 2) {
    const quotient = (rest / 100) >>> 0;
    const pair = 2 * (rest - quotient * 100);
    out[--i] = pairs[pair + 1]!;
    out[--i] = pairs[pair]!;
    rest = quotient;
    left -= 2;
  }
  if (left === 1) out[i - 1] = ZERO + (rest % 10);
}

/** Writes an unsigned 32-bit number, at most 10 bytes; returns the offset behind it. */
export function writeUint32(out: Uint8Array, offset: number, value: number): number {
  if (value < 10) {
    out[offset] = ZERO + value;
    return offset + 1;
  }
  const end = offset + digitsOf(value);
  writeDigits(out, end, value, end - offset);
  return end;
}

/** Writes a signed 32-bit number, at most 11 bytes. */
export function writeInt32(out: Uint8Array, offset: number, value: number): number {
  if (value >= 0) return writeUint32(out, offset, value);
  out[offset] = MINUS;
  return writeUint32(out, offset + 1, -value);
}

/** Writes a 64-bit number given as two unsigned 32-bit halves, at most 20 bytes. */
export function writeUint64(out: Uint8Array, offset: number, high: number, low: number): number {
  if (high === 0) return writeUint32(out, offset, low);
  // Long division by 10^9 in steps that a double holds exactly.
  const highQuotient = Math.floor(high / 1_000_000_000);
  const first = (high - highQuotient * 1_000_000_000) * 0x1_0000 + (low >>> 16);
  const firstQuotient = Math.floor(first / 1_000_000_000);
  const second = (first - firstQuotient * 1_000_000_000) * 0x1_0000 + (low & 0xffff);
  const secondQuotient = Math.floor(second / 1_000_000_000);
  const remainder = second - secondQuotient * 1_000_000_000;
  // At most 18,446,744,073: the digits in front of the last nine.
  const quotient = highQuotient * 0x1_0000_0000 + firstQuotient * 0x1_0000 + secondQuotient;
  let i = offset;
  if (quotient < 1_000_000_000) {
    i = writeUint32(out, i, quotient);
  } else {
    const top = Math.floor(quotient / 1_000_000_000);
    i = writeUint32(out, i, top) + 9;
    writeDigits(out, i, quotient - top * 1_000_000_000, 9);
  }
  writeDigits(out, i + 9, remainder, 9);
  return i + 9;
}

// Decimal numbers of the wire, read in place. memcached reads most of them strictly (digits and nothing else, a bounded
// number of them) but the flags and exptime of the classic storage commands as C's strtoul and strtol do.
// 64-bit numbers are two unsigned 32-bit halves; BigInt only where strtoul's corners need it.

const ZERO = 0x30;
const NINE = 0x39;
const MINUS = 0x2d;
const PLUS = 0x2b;

/** Longest token that memcached reads as a 32-bit number (mcmc.c: MCMC_TOKTO32_MAX). */
const MAX_DIGITS_32 = 11;
/** Longest token that it reads as a 64-bit number (MCMC_TOKTO64_MAX). */
const MAX_DIGITS_64 = 22;

/** Digits only, at most 11 of them, at most 2^32-1; NaN otherwise. No digits at all are 0, as in mcmc.c. */
export function parseUint32(bytes: Uint8Array, start: number, end: number): number {
  if (end - start > MAX_DIGITS_32) return NaN;
  let value = 0;
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    if (byte < ZERO || byte > NINE) return NaN;
    value = value * 10 + (byte - ZERO);
  }
  return value > 0xffff_ffff ? NaN : value;
}

/** As parseUint32 with one `-` allowed in front, -2^31 to 2^31-1, at most 11 bytes. A lone `-` is 0, as in mcmc.c. */
export function parseInt32(bytes: Uint8Array, start: number, end: number): number {
  if (end - start > MAX_DIGITS_32) return NaN;
  const negative = start < end && bytes[start] === MINUS;
  let value = 0;
  for (let i = negative ? start + 1 : start; i < end; i++) {
    const byte = bytes[i]!;
    if (byte < ZERO || byte > NINE) return NaN;
    value = value * 10 + (byte - ZERO);
  }
  if (negative) return value > 0x8000_0000 ? NaN : 0 - value;
  return value > 0x7fff_ffff ? NaN : value;
}

/** Two unsigned halves of a 64-bit number. */
export interface Uint64 {
  high: number;
  low: number;
}

/**
 * Digits only, at most 22 of them, at most 2^64-1. Writes the halves into `out`; false: not such a number, `out` is
 * then unspecified. No digits at all are 0.
 */
export function parseUint64(bytes: Uint8Array, start: number, end: number, out: Uint64): boolean {
  const digits = end - start;
  if (digits > MAX_DIGITS_64) return false;
  let i = start;
  let value = 0;
  if (digits < 10) {
    for (; i < end; i++) {
      const byte = bytes[i]!;
      if (byte < ZERO || byte > NINE) return false;
      value = (value * 10 + (byte - ZERO)) | 0;
    }
    out.high = 0;
    out.low = value;
    return true;
  }
  // 15 digits fit a double exactly.
  const exact = Math.min(end, start + 15);
  for (; i < exact; i++) {
    const byte = bytes[i]!;
    if (byte < ZERO || byte > NINE) return false;
    value = value * 10 + (byte - ZERO);
  }
  let high = Math.floor(value / 0x1_0000_0000);
  let low = value >>> 0;
  for (; i < end; i++) {
    const byte = bytes[i]!;
    if (byte < ZERO || byte > NINE) return false;
    const lowTimesTen = low * 10 + (byte - ZERO);
    high = high * 10 + Math.floor(lowTimesTen / 0x1_0000_0000);
    if (high > 0xffff_ffff) return false;
    low = lowTimesTen >>> 0;
  }
  out.high = high;
  out.low = low;
  return true;
}

/**
 * As parseUint32, into `out.low`: a returned number of 2^31 or more would be boxed, a field of `out` is not.
 *
 * @returns false: not such a number
 */
export function readUint32(bytes: Uint8Array, start: number, end: number, out: Uint64): boolean {
  return end - start <= MAX_DIGITS_32 && parseUint64(bytes, start, end, out) && out.high === 0;
}

const isSpace = (byte: number) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);

/** Reads as strtoll does: white space, a sign, digits; then white space or NUL must follow. undefined: refused. */
function strtoll(bytes: Uint8Array, start: number, end: number): { value: bigint; negative: boolean } | undefined {
  let i = start;
  while (i < end && isSpace(bytes[i]!)) i++;
  const negative = bytes[i] === MINUS;
  if (negative || bytes[i] === PLUS) i++;
  const first = i;
  let value = 0n;
  for (; i < end && bytes[i]! >= ZERO && bytes[i]! <= NINE; i++) {
    // Beyond 2^64 the exact value no longer matters.
    if (value <= 0xffff_ffff_ffff_ffffn) value = value * 10n + BigInt(bytes[i]! - ZERO);
  }
  if (i === first || i >= end || !(isSpace(bytes[i]!) || bytes[i] === 0)) return undefined;
  return { value, negative };
}

/**
 * Client flags of a classic storage command: what memcached's safe_strtoul makes of the line from `start` on, which is
 * strtoul cut to 32 bits. So 4294967296 is 0, `+1` is 1, -1 is refused and -9223372036854775809 is 4294967295.
 *
 * @param end end of the line, its LF included
 * @returns NaN when refused
 */
export function parseLooseUint32(bytes: Uint8Array, start: number, end: number): number {
  const number = strtoll(bytes, start, end);
  if (number === undefined || number.value > 0xffff_ffff_ffff_ffffn) return NaN;
  const wrapped = BigInt.asUintN(64, number.negative ? -number.value : number.value);
  // safe_strtoul looks for the minus sign only when the result has bit 63.
  if (number.negative && wrapped >> 63n === 1n) return NaN;
  return Number(wrapped & 0xffff_ffffn);
}

/** Exptime of a classic storage command: safe_strtol, a 64-bit strtol cut to 32 bits. NaN when refused. */
export function parseLooseInt32(bytes: Uint8Array, start: number, end: number): number {
  const number = strtoll(bytes, start, end);
  if (number === undefined) return NaN;
  const value = number.negative ? -number.value : number.value;
  if (value > 0x7fff_ffff_ffff_ffffn || value < -0x8000_0000_0000_0000n) return NaN;
  return Number(BigInt.asIntN(32, value));
}

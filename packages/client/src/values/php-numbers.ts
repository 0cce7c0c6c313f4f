// Numbers as text, exactly as PHP and its two memcached extensions write them, and back. Knows no flags.

import { undecodable, unencodable } from "./codec.ts";
import { PhpFloat } from "./php-types.ts";

const INT_MIN = -(2n ** 63n);
const INT_MAX = 2n ** 63n - 1n;

/** True for an int of 64-bit PHP. */
export function isPhpInt(value: bigint): boolean {
  return value >= INT_MIN && value <= INT_MAX;
}

/** True for a number that is written as an int: whole, exact, and not -0. */
export function isIntNumber(value: number): boolean {
  return Number.isSafeInteger(value) && !(value === 0 && Object.is(value, -0));
}

/** @throws CacheError `value_unencodable` for a bigint that is no int of PHP */
export function phpIntText(value: bigint): string {
  if (!isPhpInt(value)) throw unencodable(`${value} is beyond PHP's ints, which have 64 bits`);
  return String(value);
}

// ---- floats ----

interface Digits {
  readonly sign: "" | "-";
  /** Significant digits, no trailing zeros; "0" for zero. */
  readonly digits: string;
  /** The value is 0.DIGITS times ten to this power. */
  readonly point: number;
}

function digitsOf(exponential: string): Digits {
  const [, sign = "", first = "0", rest = "", exponent = "0"] =
    /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(exponential) ?? [];
  return {
    sign: sign === "-" ? "-" : "",
    digits: (first + rest).replace(/0+$/, "") || "0",
    point: Number(exponent) + 1,
  };
}

function signOf(value: number): "" | "-" {
  return value < 0 || Object.is(value, -0) ? "-" : "";
}

/** The fewest digits that read back as `value`. */
function shortestDigits(value: number): Digits {
  return { ...digitsOf(value.toExponential()), sign: signOf(value) };
}

/** `value` rounded to `count` significant digits; an exact tie goes to the even digit, as in C. */
function roundedDigits(value: number, count: number): Digits {
  const rounded = digitsOf(value.toExponential(count - 1));
  const shortest = digitsOf(value.toExponential());
  let { digits, point } = rounded;
  // JavaScript rounds a tie up. It is one when the value is exactly a decimal of one digit more, ending in 5.
  if (shortest.digits.length === count + 1 && shortest.digits.endsWith("5") && isExactDecimal(value, count + 1)) {
    const even = shortest.digits.slice(0, -1);
    if ("02468".includes(even.at(-1) ?? "")) ({ digits, point } = { digits: even, point: shortest.point });
  }
  return { sign: signOf(value), digits: digits.replace(/0+$/, "") || "0", point };
}

/** True when `value` has no more than `count` significant decimal digits, all of them shown. */
function isExactDecimal(value: number, count: number): boolean {
  const expansion = Math.abs(value).toExponential(100);
  return /^0*$/.test(expansion.slice(count + 1, expansion.indexOf("e")));
}

/**
 * PHP's own format (php_gcvt): exponent when it is below -5 or the point lies beyond `precision` digits; a mantissa
 * always has a point; the exponent has a sign and no leading zeros: `1.0E+25`, `1.5E-7`, `0.0001`, `100000`.
 */
function gcvt({ sign, digits, point }: Digits, precision: number, e: "e" | "E"): string {
  if (point < -3 || point > precision) {
    const exponent = point - 1;
    return `${sign}${digits[0]}.${digits.slice(1) || "0"}${e}${exponent < 0 ? "-" : "+"}${Math.abs(exponent)}`;
  }
  return sign + plainDecimal(digits, point, "0");
}

function plainDecimal(digits: string, point: number, zero: string): string {
  if (point <= 0) return `${zero}.${"0".repeat(-point)}${digits}`;
  if (point >= digits.length) return digits + "0".repeat(point - digits.length);
  return `${digits.slice(0, point)}.${digits.slice(point)}`;
}

/**
 * A float in PHP's serialize() with `serialize_precision` -1 (PHP >= 7.1): the shortest digits, `INF`, `-INF`, `NAN`.
 * Check: 0.1 → `0.1`, 1e17 → `1.0E+17`, 1e16 → `10000000000000000`, 3 → `3`, -0 → `-0`.
 */
export function serializedFloatText(value: number): string {
  return notFinite(value, "NAN", "INF") ?? (value === 0 ? `${signOf(value)}0` : gcvt(shortestDigits(value), 17, "E"));
}

/** A finite float in PHP's json_encode(): as in serialize(), with a small e. Check: 1e17 → `1.0e+17`, 3 → `3`. */
export function jsonFloatText(value: number): string {
  return value === 0 ? `${signOf(value)}0` : gcvt(shortestDigits(value), 17, "e");
}

/**
 * A float as class Memcache stores it: C's `%.14g` in PHP's dialect, so digits are lost.
 * Source: pecl-memcache 8.0, memcache_pool.c, mmc_pack_value. Check: 1/3 → `0.33333333333333`, 1e100 → `1.0e+100`.
 */
export function memcacheFloatText(value: number): string {
  return (
    notFinite(value, "NAN", "INF") ?? (value === 0 ? `${signOf(value)}0` : gcvt(roundedDigits(value, 14), 14, "e"))
  );
}

/**
 * A float as class Memcached stores it: the shortest digits, no zero before the point, an exponent of at least two
 * digits when the value is below 0.0001 or has more than five zeros before the point.
 * Source: php-memcached 3.2.0, g_fmt.c. Check: 0.1 → `.1`, 1e100 → `1e+100`, 1e-7 → `1e-07`, 1e6 → `1e+06`.
 */
export function memcachedFloatText(value: number): string {
  const special = notFinite(value, "NaN", "Infinity");
  if (special !== undefined) return special;
  if (value === 0) return `${signOf(value)}0`;
  const { sign, digits, point } = shortestDigits(value);
  if (point > -4 && point <= digits.length + 5) return sign + plainDecimal(digits, point, "");
  const exponent = point - 1;
  const mantissa = digits.length === 1 ? digits : `${digits[0]}.${digits.slice(1)}`;
  return `${sign}${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

function notFinite(value: number, nan: string, infinity: string): string | undefined {
  if (Number.isFinite(value)) return undefined;
  if (Number.isNaN(value)) return nan;
  return value < 0 ? `-${infinity}` : infinity;
}

// ---- reading ----

/**
 * An int's decimal text as a number, or as a bigint beyond 2^53. Space around it is allowed: memcached's decr leaves
 * blanks behind. Undefined for anything else. Counters beyond 64 signed bits keep their true value (PHP would cut it).
 */
export function parseIntText(text: string): number | bigint | undefined {
  const digits = text.trim();
  if (!/^[+-]?\d{1,20}$/.test(digits)) return undefined;
  const value = Number(digits);
  // "-0" is the int 0.
  return Number.isSafeInteger(value) ? value + 0 : BigInt(digits.replace("+", ""));
}

/** A float's text as PHP or either extension writes it. Undefined for anything else. */
export function parseFloatText(text: string): number | undefined {
  const trimmed = text.trim();
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(trimmed)) return Number(trimmed);
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(trimmed);
  if (!special) return undefined;
  if (special[2]?.toLowerCase() === "nan") return Number.NaN;
  return special[1] === "-" ? -Infinity : Infinity;
}

/** A float as read: a PhpFloat only where it was asked for and a number would be written back as an int. */
export function toJsFloat(value: number, floats: "number" | "exact"): number | PhpFloat {
  return floats === "exact" && isIntNumber(value) ? new PhpFloat(value) : value;
}

/** For the type flags of both extensions. @throws CacheError `value_undecodable` */
export function decodeInt(bytes: Buffer, writer: string): number | bigint {
  const small = parseSmallInt(bytes);
  if (small !== undefined) return small;
  const text = bytes.toString("latin1");
  const value = parseIntText(text);
  if (value === undefined) throw undecodable(`flags say an int of ${writer}, the bytes are ${excerpt(text)}`);
  return value;
}

/** The common case, without a string: nothing but 1 to 15 digits, perhaps a minus before them. */
function parseSmallInt(bytes: Buffer): number | undefined {
  const negative = bytes[0] === 0x2d;
  const first = negative ? 1 : 0;
  if (bytes.length === first || bytes.length - first > 15) return undefined;
  let value = 0;
  for (let i = first; i < bytes.length; i++) {
    const digit = bytes[i]! - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return negative && value !== 0 ? -value : value;
}

/** For the type flags of both extensions. @throws CacheError `value_undecodable` */
export function decodeFloat(text: string, writer: string, floats: "number" | "exact"): number | PhpFloat {
  const value = parseFloatText(text);
  if (value === undefined) throw undecodable(`flags say a float of ${writer}, the bytes are ${excerpt(text)}`);
  return toJsFloat(value, floats);
}

/** `1` is true; `0` and nothing are false. @throws CacheError `value_undecodable` */
export function decodeBool(text: string, writer: string): boolean {
  if (text === "1") return true;
  if (text === "" || text === "0") return false;
  throw undecodable(`flags say a bool of ${writer}, the bytes are ${excerpt(text)}`);
}

function excerpt(text: string): string {
  return text.length > 40 ? `${JSON.stringify(text.slice(0, 40))} and ${text.length - 40} more` : JSON.stringify(text);
}

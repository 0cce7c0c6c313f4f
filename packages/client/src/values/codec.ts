// The seam between a cache and the values of a language: a codec turns a JavaScript value into flags and bytes, and
// back. It is pure: no key, no socket, no state between two calls.

import { CacheError } from "@marugoto/core";

/** What an item stores besides its key: 32 bits that only clients understand, and the bytes. */
export interface EncodedValue {
  /** 0 to 2^32 - 1. */
  readonly flags: number;
  /** May share memory with the value that was encoded (a Buffer passes through); don't write to it. */
  readonly bytes: Uint8Array;
}

/** How a pool writes and reads values. See `phpMemcacheValues`, `phpMemcachedValues` and `nodeValues`. */
export interface ValueCodec {
  /**
   * Lets ASCII text skip `encode` and `decode`: as it is, with these flags, is what `encode` makes of a string of fewer
   * than `below` characters, and what `decode` reads as that string, however long. Absent where that does not hold.
   */
  readonly plainText?: { readonly flags: number; readonly below: number };
  /** @throws CacheError `value_unencodable`, `value_too_large` */
  encode(value: unknown): EncodedValue;
  /**
   * Nothing of what it returns shares memory with `bytes`, which may be a view of a receive buffer.
   *
   * @throws CacheError `value_undecodable` when the bytes are not what the flags say, or in a format that is not
   *         readable here; `value_too_large` when they would unpack to more than the codec's limit
   */
  decode(flags: number, bytes: Uint8Array): unknown;
}

/** Largest value, unpacked, that a codec reads or writes when nothing is said; in bytes. memcached's own `-I` ends lower. */
export const DEFAULT_MAX_VALUE_BYTES = 128 * 1024 * 1024;

/** An error for bytes that cannot be read. */
export function undecodable(message: string, cause?: unknown): CacheError {
  return new CacheError("value_undecodable", message, cause === undefined ? undefined : { cause });
}

/** An error for a value that cannot be written. */
export function unencodable(message: string, cause?: unknown): CacheError {
  return new CacheError("value_unencodable", message, cause === undefined ? undefined : { cause });
}

export function tooLarge(what: string, bytes: number, limit: number): CacheError {
  return new CacheError("value_too_large", `${what} is ${bytes} bytes, at most ${limit} (maxValueBytes)`);
}

/** Checks a whole number of bytes in [low, high]. @throws CacheError `invalid_option` */
export function checkWhole(name: string, value: number, low: number, high: number): number {
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new CacheError("invalid_option", `${name} is ${value}, must be a whole number from ${low} to ${high}`);
  }
  return value;
}

/** Checks a number in [low, high]. @throws CacheError `invalid_option` */
export function checkRange(name: string, value: number, low: number, high: number): number {
  if (!(value >= low && value <= high)) {
    throw new CacheError("invalid_option", `${name} is ${value}, must be from ${low} to ${high}`);
  }
  return value;
}

/** Checks one of a closed list. @throws CacheError `invalid_option` */
export function checkChoice<T extends string | boolean>(name: string, value: T, choices: readonly T[]): T {
  if (!choices.includes(value)) {
    throw new CacheError("invalid_option", `${name} is ${JSON.stringify(value)}, must be one of ${choices.join(", ")}`);
  }
  return value;
}

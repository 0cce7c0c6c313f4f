// Checks of what callers give, beside keys, values and ttls, which have checks of their own.

import { CacheError } from "@marugoto/core";

const MAX_UINT64 = (1n << 64n) - 1n;
const MAX_EXPTIME = 0x7fff_ffff;

/** @throws CacheError `invalid_option`; TypeError for what is no bigint */
export function checkUint64(name: string, value: bigint): void {
  if (typeof value !== "bigint") throw new TypeError(`${name} is a bigint, not ${typeof value}`);
  if (value < 0n || value > MAX_UINT64) {
    throw new CacheError("invalid_option", `${name} is ${value}, must be from 0 to ${MAX_UINT64}`);
  }
}

/** @throws CacheError `invalid_option`; TypeError for what is no number */
export function toUint64(name: string, value: number | bigint): bigint {
  if (typeof value === "number" && !Number.isInteger(value)) {
    throw new CacheError("invalid_option", `${name} is ${value}, must be a whole number`);
  }
  if (typeof value !== "number" && typeof value !== "bigint") {
    throw new TypeError(`${name} is a number or a bigint, not ${typeof value}`);
  }
  const wide = BigInt(value);
  checkUint64(name, wide);
  return wide;
}

/** @throws CacheError `invalid_option` unless it is a whole number that the wire can carry */
export function checkSeconds(name: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least && value <= MAX_EXPTIME) return;
  throw new CacheError("invalid_option", `${name} is ${value}, must be a whole number from ${least} to ${MAX_EXPTIME}`);
}

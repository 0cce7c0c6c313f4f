// How long things live: from a caller's seconds or date to the exptime of the wire.

import { CacheError, MAX_RELATIVE_EXPTIME_SEC } from "@marugoto/core";

/** Seconds from now (0 or undefined = for ever, negative = gone at once), or the moment it ends. */
export type Ttl = number | Date;

/**
 * What PHP's classes mean by an expiration: seconds from now up to thirty days, beyond them a Unix time in seconds, as
 * memcached itself takes it. A Date is a Date.
 */
export function phpExpiration(expiration: Ttl): Ttl {
  if (expiration instanceof Date) return expiration;
  const seconds = Math.trunc(expiration);
  return seconds > MAX_RELATIVE_EXPTIME_SEC ? new Date(seconds * 1000) : seconds;
}

const LAST_EXPTIME = 0x7fff_ffff;

/**
 * The exptime that means `ttl`. Above thirty days memcached takes a number for a Unix time, so one is made of it.
 *
 * @param nowMs Unix time in ms
 * @throws CacheError `invalid_option` for NaN and invalid dates
 */
export function toExptime(ttl: Ttl | undefined, nowMs: number): number {
  if (ttl === undefined || ttl === 0) return 0;
  if (ttl instanceof Date) {
    const at = Math.ceil(ttl.getTime() / 1000);
    if (Number.isNaN(at)) throw new CacheError("invalid_option", "ttl is an invalid date");
    if (at <= nowMs / 1000) return -1;
    return Math.min(at, LAST_EXPTIME);
  }
  if (typeof ttl !== "number" || Number.isNaN(ttl)) {
    throw new CacheError("invalid_option", `ttl is ${String(ttl)}, must be seconds or a Date`);
  }
  if (ttl < 0) return -1;
  const seconds = Math.ceil(ttl);
  if (seconds <= MAX_RELATIVE_EXPTIME_SEC) return seconds;
  return Math.min(Math.floor(nowMs / 1000) + seconds, LAST_EXPTIME);
}

// memcached's rules for the exptime of a command, and nothing about who stores the result.

import type { Clock } from "./clock.ts";

/** Up to 30 days an exptime counts from now; a larger one is a Unix time. */
export const MAX_RELATIVE_EXPTIME_SEC = 60 * 60 * 24 * 30;

/** An expiry that never comes. */
export const NEVER = 0;

/** An expiry that has always been: before the first second of any clock. */
export const ALREADY_EXPIRED = 1;

/** The last expiry that can be told from never: 68 years after the clock's second 0. */
export const LAST_EXPIRY = 0x7fff_ffff;

/**
 * Turns the exptime of a command into a second of the clock.
 *
 * Source: memcached.c, realtime(): 0 never; negative = already expired; up to 2,592,000 from now; above that a Unix
 * time, which is already expired when it does not lie after the clock's second 0.
 *
 * @param exptime as on the wire, seconds, whole
 * @returns `NEVER`, or the second of `clock` from which on the item is gone (an item is expired when expiry <= now)
 */
export function toExpiry(exptime: number, clock: Clock): number {
  if (exptime === 0) return NEVER;
  if (exptime < 0) return ALREADY_EXPIRED;
  const at = exptime > MAX_RELATIVE_EXPTIME_SEC ? exptime - clock.startedAtUnix : exptime + clock.seconds;
  if (at <= 0) return ALREADY_EXPIRED;
  return at > LAST_EXPIRY ? LAST_EXPIRY : at;
}

// A value on its way into the store: whole in the input, or arriving piece by piece into a reservation.

import type { TextRequest } from "@marugoto/protocol";
import type { ServerCore } from "../server-core.ts";

/** In place of a reservation: the value lies in the input. */
export const NO_RESERVATION = -1;

/**
 * Stores the request's value under its key, whatever is there.
 *
 * @param casHigh with `casLow`: the cas to give; 0, 0 = the next one
 * @returns the item, or 0 when there is no room; the reservation is used up either way
 */
export function putValue(
  core: ServerCore,
  request: TextRequest,
  expiry: number,
  casHigh: number,
  casLow: number,
  reservation: number,
): number {
  const { store } = core;
  const { buffer, keyStart, keyEnd, flags } = request;
  if (reservation === NO_RESERVATION) {
    const { input, valueStart, valueEnd } = request;
    return store.put(buffer, keyStart, keyEnd, flags, expiry, input, valueStart, valueEnd, casHigh, casLow);
  }
  return store.commit(reservation, buffer, keyStart, keyEnd, flags, expiry, casHigh, casLow);
}

/**
 * append and prepend: joins the request's value to that of `old`, a live item.
 *
 * @returns the joined item, or 0 when it would be too large or there is no room; the reservation is used up either way
 */
export function joinValue(
  core: ServerCore,
  request: TextRequest,
  old: number,
  before: boolean,
  reservation: number,
): number {
  const { store } = core;
  const { buffer, keyStart, keyEnd } = request;
  if (!store.fits(keyEnd - keyStart, store.valueBytes(old) + request.valueBytes, store.flags(old))) {
    drop(core, reservation);
    return 0;
  }
  if (reservation !== NO_RESERVATION) return store.commitConcat(reservation, old, buffer, keyStart, keyEnd, before);
  const { input, valueStart, valueEnd } = request;
  return store.concat(old, buffer, keyStart, keyEnd, input, valueStart, valueEnd, before);
}

/** The value is not wanted: gives its room back. */
export function drop(core: ServerCore, reservation: number): void {
  if (reservation !== NO_RESERVATION) core.store.release(reservation);
}

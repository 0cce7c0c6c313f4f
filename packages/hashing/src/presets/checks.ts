// Checks of what users hand to a preset. All throw CacheError `invalid_option` with the value and the limit.

import { CacheError, formatEndpoint } from "@marugoto/core";

export function invalid(message: string): CacheError {
  return new CacheError("invalid_option", message);
}

/** Returns `value` when it is whole and within [least, most]. */
export function checkWhole(what: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw invalid(`${what} is ${value}; it must be a whole number from ${least} to ${most}`);
  }
  return value;
}

/** Returns `value` when it is one of `known`. */
export function checkOneOf<T extends string>(what: string, value: string, known: readonly T[]): T {
  const found = known.find((name) => name === value);
  if (found === undefined) throw invalid(`${what} is "${value}"; it must be one of ${known.join(", ")}`);
  return found;
}

/** Returns a mask of the servers in `ejected`, indexes below `servers`. */
export function checkEjected(ejected: readonly number[], servers: number): boolean[] {
  const mask = new Array<boolean>(servers).fill(false);
  for (const index of ejected) mask[checkWhole("index of an ejected server", index, 0, servers - 1)] = true;
  return mask;
}

/** The name of a server that all presets agree on; see PlacementServer. */
export function serverId(host: string, port: number): string {
  const path = host.startsWith("unix://") ? host.slice("unix://".length) : host;
  return path.startsWith("/") ? path : formatEndpoint({ kind: "tcp", host: host.replace(/^\[(.*)\]$/, "$1"), port });
}

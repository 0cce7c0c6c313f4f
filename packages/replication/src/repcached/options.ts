// What a node among repcacheds can be told, with units and defaults.

import { CacheError, type Endpoint } from "@marugoto/core";

/** repcached's `-X` when nothing is said. */
export const DEFAULT_REPCACHED_PORT = 11212;

export interface RepcachedOptions {
  /** `-x`: the peer that is asked for its content at the start, and the only one that may attach; undefined = none. */
  readonly peer: Endpoint | undefined;
  /** Where a peer may attach; 0 = any free port. repcached has one number for this port and the peer's. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Bytes that may wait for a peer that reads slowly before all is dropped and copied again; 64 KiB or more. */
  readonly backlogBytes: number;
  /** Milliseconds that answers wait for the kernel to take what they acknowledge; 0 = not at all. */
  readonly holdMs: number;
  /** Milliseconds that dialling the peer may take. */
  readonly dialTimeoutMs: number;
}

export const repcachedDefaults: RepcachedOptions = {
  peer: undefined,
  listen: { host: "127.0.0.1", port: DEFAULT_REPCACHED_PORT },
  backlogBytes: 16 * 1024 * 1024,
  holdMs: 20,
  dialTimeoutMs: 1000,
};

/** @throws CacheError `invalid_option` */
export function resolveRepcachedOptions(options: Partial<RepcachedOptions>): RepcachedOptions {
  const resolved = { ...repcachedDefaults, ...options };
  check("listen.port", resolved.listen.port, 0, 65_535);
  check("backlogBytes", resolved.backlogBytes, 64 * 1024, 2 ** 40);
  check("holdMs", resolved.holdMs, 0, 60_000);
  check("dialTimeoutMs", resolved.dialTimeoutMs, 1, 600_000);
  if (resolved.peer?.kind === "unix") {
    throw new CacheError("invalid_option", `peer is ${resolved.peer.path}, a repcached is reached by TCP only`);
  }
  return resolved;
}

function check(name: string, value: number, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  throw new CacheError("invalid_option", `${name} is ${value}, a whole number from ${least} to ${most}`);
}

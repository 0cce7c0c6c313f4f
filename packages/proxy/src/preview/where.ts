// Where keys go, said before any request is sent: with every server up, or with some of them down.

import { CacheError } from "@marugoto/core";
import { NO_SERVER } from "@marugoto/hashing";
import { toPlacement } from "../config/placement.ts";
import type { PoolConfig, ServerConfig } from "../config/types.ts";

export interface Whereabouts {
  readonly key: string;
  /** Its server; undefined when the placement refuses the key, or every server is down. */
  readonly server: ServerConfig | undefined;
}

/**
 * @param down names or addresses of servers that are taken for ejected
 * @throws CacheError `invalid_option` for one that is not in the pool, and for a pool whose placement is random
 */
export function whereIs(pool: PoolConfig, keys: Iterable<string>, down: readonly string[] = []): Whereabouts[] {
  if (pool.placement.preset === "twemproxy" && pool.placement.distribution === "random") {
    throw new CacheError("invalid_option", `pool ${pool.name} is random: a key has no place`);
  }
  const ejected = down.map((name) => serverIndex(pool, name));
  const placement = toPlacement(pool.placement, pool.servers, ejected);
  return Array.from(keys, (key) => {
    const index = placement.serverIndexOf(key);
    return { key, server: index === NO_SERVER ? undefined : pool.servers[index] };
  });
}

/** @returns the index of the server with this name or address. @throws CacheError `invalid_option` */
export function serverIndex(pool: PoolConfig, nameOrAddress: string): number {
  const index = pool.servers.findIndex(({ name, address }) => name === nameOrAddress || address === nameOrAddress);
  if (index >= 0) return index;
  const known = pool.servers.map(({ name }) => name).join(", ");
  throw new CacheError("invalid_option", `"${nameOrAddress}" is no server of pool ${pool.name}, which has ${known}`);
}

// From a placement's settings and a pool's servers to the placement of @marugoto/hashing that decides for each key as it
// arrives, with some servers ejected or none.

import {
  phpMemcache,
  phpMemcached,
  rendezvous,
  jump,
  twemproxy,
  type Placement,
  type PhpMemcachePlacement,
} from "@marugoto/hashing";
import { HeirPlacement, RandomPlacement, UnprefixedPlacement, type Owner } from "./wrapped-placements.ts";
import type {
  PhpMemcachedPlacementConfig,
  PhpMemcachePlacementConfig,
  PlacementConfig,
  ServerConfig,
  TwemproxyPlacementConfig,
} from "./types.ts";

/**
 * Makes the placement of a pool.
 *
 * With servers ejected it is what the copied program does then: twemproxy and libmemcached's rings are built anew without
 * them, Memcache asks its sequence of candidates. Where the program has no such rule (modula of libmemcached, jump), only
 * the keys of the ejected servers move, to the others by rendezvous.
 *
 * @param ejected indexes into `servers`; with all of them every key gets `NO_SERVER`
 * @throws CacheError `invalid_option` from the preset
 */
export function toPlacement(
  config: PlacementConfig,
  servers: readonly ServerConfig[],
  ejected: readonly number[] = [],
): Placement {
  switch (config.preset) {
    case "twemproxy":
      return ofTwemproxy(config, servers, ejected);
    case "phpMemcache":
      return ofPhpMemcache(config, servers, ejected);
    case "phpMemcached":
      return ofPhpMemcached(config, servers, ejected);
    case "rendezvous":
      return withHeirs(
        rendezvous({ servers: servers.map(({ name, weight }) => ({ name, weight })) }),
        servers,
        ejected,
      );
    case "jump":
      return withHeirs(jump({ servers: servers.map(({ name }) => name) }), servers, ejected);
  }
}

function ofTwemproxy(
  { hash, distribution, hashTag }: TwemproxyPlacementConfig,
  servers: readonly ServerConfig[],
  ejected: readonly number[],
): Placement {
  const lines = servers.map(
    ({ address, weight, alias }) => `${address}:${weight}${alias === undefined ? "" : ` ${alias}`}`,
  );
  const random = distribution === "random";
  const placement = twemproxy({
    servers: lines,
    hash,
    distribution: random ? "ketama" : distribution,
    ...(hashTag === undefined ? {} : { hash_tag: hashTag }),
    ejected,
  });
  return random ? new RandomPlacement(placement.servers, ejected) : placement;
}

function ofPhpMemcache(
  { hashStrategy, hashFunction }: PhpMemcachePlacementConfig,
  servers: readonly ServerConfig[],
  ejected: readonly number[],
): Placement {
  const placement = phpMemcache({
    servers: servers.map((server) => {
      const { host, port } = hostAndPort(server);
      return { host: host.startsWith("/") ? `unix://${host}` : host, port, weight: server.weight };
    }),
    hashStrategy,
    hashFunction,
  });
  return ejected.length === 0 ? placement : withHeirs(placement, servers, ejected, candidates(placement, ejected));
}

/** Memcache's own way past servers that are down; the last candidate when its attempts have run out. */
function candidates(placement: PhpMemcachePlacement, ejected: readonly number[]): Owner {
  const down = new Set(ejected);
  return (bytes, start, end) => placement.findServer(bytes, start, end, (server) => !down.has(server));
}

function ofPhpMemcached(
  config: PhpMemcachedPlacementConfig,
  servers: readonly ServerConfig[],
  ejected: readonly number[],
): Placement {
  const { libketamaCompatible, hash, distribution, sortHosts, prefixKey, hashWithPrefixKey } = config;
  const placement = phpMemcached({
    servers: servers.map((server) => {
      const { host, port } = hostAndPort(server);
      return [host, port, server.weight] as const;
    }),
    libketamaCompatible,
    sortHosts,
    ...(hash === undefined ? {} : { hash }),
    ...(distribution === undefined ? {} : { distribution }),
  });
  const rebuilt = ejected.length > 0 && ejected.length < servers.length ? placement.withEjected(ejected) : placement;
  const whole = withHeirs(rebuilt, servers, ejected);
  // Hashed with the key, the prefix is part of what arrives; else PHP has hashed the key alone.
  return prefixKey === "" || hashWithPrefixKey ? whole : new UnprefixedPlacement(whole, prefixKey);
}

/** What PHP's clients hash for a server: its alias, if that is an address, else its address. */
function hostAndPort({ alias, address }: ServerConfig): { host: string; port: number } {
  const text = alias ?? address;
  const match = text.startsWith("/") ? null : /^\[?(.*?)\]?:(\d+)$/.exec(text);
  return match ? { host: match[1]!, port: Number(match[2]) } : { host: text, port: 0 };
}

/** `placement`, and for keys whose owner it gives is ejected an heir among the others. */
function withHeirs(
  placement: Placement,
  servers: readonly ServerConfig[],
  ejected: readonly number[],
  owner: Owner = (bytes, start, end) => placement.serverIndex(bytes, start, end),
): Placement {
  return ejected.length === 0 ? placement : new HeirPlacement(placement, servers, ejected, owner);
}

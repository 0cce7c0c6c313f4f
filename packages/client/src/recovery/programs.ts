// The programs that a recovery plan knows: where each sends a key while some servers are down. Pure placement; what
// follows from it is recovery-plan.ts, how it is said is words.ts.

import { CacheError } from "@marugoto/core";
import {
  NO_SERVER,
  phpMemcache,
  phpMemcached,
  rendezvous,
  twemproxy,
  type PhpMemcachedConfig,
  type PhpMemcacheOptions,
  type Placement,
  type TwemproxyOptions,
} from "@marugoto/hashing";
import { toHostAndPort } from "../failover/php-server-name.ts";
import type { OnFailure } from "../operation/results.ts";

/** PHP's class Memcache: php.ini's `memcache.*`, and addServer's retry_interval. */
export interface LikePhpMemcache extends Omit<PhpMemcacheOptions, "servers"> {
  readonly program: "phpMemcache";
  /** Whole seconds; -1: never again. Default 15. */
  readonly retryIntervalSec?: number;
}

/** PHP's class Memcached. */
export interface LikePhpMemcached extends Omit<PhpMemcachedConfig, "servers" | "ejected"> {
  readonly program: "phpMemcached";
  /** OPT_REMOVE_FAILED_SERVERS or OPT_AUTO_EJECT_HOSTS. Default false. */
  readonly removeFailedServers?: boolean;
  /** OPT_SERVER_FAILURE_LIMIT; default 5. */
  readonly serverFailureLimit?: number;
  /** OPT_RETRY_TIMEOUT, seconds; default 2. */
  readonly retryTimeoutSec?: number;
  /** OPT_DEAD_TIMEOUT, seconds; default 0, with which PHP never uses an ejected server again. */
  readonly deadTimeoutSec?: number;
}

/** twemproxy, by the keys of nutcracker.yml. */
export interface LikeTwemproxy extends Omit<TwemproxyOptions, "servers" | "ejected"> {
  readonly program: "twemproxy";
  /** Default false. */
  readonly auto_eject_hosts?: boolean;
  /** Milliseconds; default 30000. */
  readonly server_retry_timeout?: number;
  /** Default 2. */
  readonly server_failure_limit?: number;
}

/** This package's own client with its default rules. */
export interface LikeMarugoto {
  readonly program: "marugoto";
  /** What a call does whose server is out of use. Default "throw". */
  readonly onFailure?: OnFailure;
  /** With `gutter`: seconds that a value stays there. Default 10. */
  readonly gutterTtlSec?: number;
}

export type RecoveryLike = LikePhpMemcache | LikePhpMemcached | LikeTwemproxy | LikeMarugoto;

/** A server of the plan: `host:port`, or that with a weight, and a name where the program hashes one in its place. */
export type RecoveryServer = string | { readonly address: string; readonly weight?: number; readonly name?: string };

/** Nowhere: reads miss and writes fail. */
export const NOWHERE = -1;

/** In the gutter pool, which is not one of the servers. */
export const GUTTER = -2;

/** Where a program's keys are with every server up, and with some down. */
export interface Routes {
  readonly placement: Placement;
  /** The server's index, or NOWHERE for a key that the program refuses. */
  before(key: Uint8Array): number;
  /** The server's index, NOWHERE or GUTTER. */
  whileDown(key: Uint8Array): number;
}

/**
 * @param isDown for each server, in order
 * @throws CacheError `invalid_option` from the preset
 */
export function routesOf(like: RecoveryLike, servers: readonly RecoveryServer[], isDown: readonly boolean[]): Routes {
  const list: Exclude<RecoveryServer, string>[] = servers.map((server) =>
    typeof server === "string" ? { address: server } : server,
  );
  const down = isDown.flatMap((is, server) => (is ? [server] : []));
  const isUp = (server: number) => !isDown[server];
  switch (like.program) {
    case "phpMemcache": {
      const placement = phpMemcache({
        ...like,
        servers: list.map(({ address, weight, name }) => hostOf(name ?? address, weight)),
      });
      return routes(placement, (key) => {
        const server = placement.findServer(key, 0, key.length, isUp);
        return server >= 0 && isUp(server) ? server : NOWHERE;
      });
    }
    case "phpMemcached": {
      const placement = phpMemcached({
        ...like,
        servers: list.map(({ address, weight = 1, name }) => {
          const { host, port } = toHostAndPort(name ?? address);
          return [host, port, weight] as const;
        }),
      });
      const ejects = like.removeFailedServers === true && down.length > 0 && down.length < list.length;
      return rerouted(placement, ejects ? placement.withEjected(down) : placement, isUp);
    }
    case "twemproxy": {
      const lines = list.map(
        ({ address, weight = 1, name }) => `${address}:${weight}${name === undefined ? "" : ` ${name}`}`,
      );
      const placement = twemproxy({ ...like, servers: lines });
      const ejects = like.auto_eject_hosts === true && down.length > 0;
      return rerouted(placement, ejects ? placement.withEjected(down) : placement, isUp);
    }
    case "marugoto": {
      const placement = rendezvous({
        servers: list.map(({ address, weight = 1, name = address }) => ({ name, weight })),
      });
      return routes(placement, (key) => ownRoute(placement, key, isUp, like.onFailure ?? "throw"));
    }
    default:
      throw new CacheError("invalid_option", `no plan for program ${JSON.stringify((like as RecoveryLike).program)}`);
  }
}

/** Attempts of `next`, as many as the pool makes. */
const NEXT_ATTEMPTS = 20;

function ownRoute(
  placement: Placement,
  key: Uint8Array,
  isUp: (server: number) => boolean,
  onFailure: OnFailure,
): number {
  const owner = placement.serverIndex(key, 0, key.length);
  if (isUp(owner)) return owner;
  if (onFailure === "gutter") return GUTTER;
  if (onFailure !== "next") return NOWHERE;
  for (let probe = 0; probe < NEXT_ATTEMPTS; probe++) {
    const text = Buffer.concat([key, Buffer.from(`-${probe}`, "latin1")]);
    const server = placement.serverIndex(text, 0, text.length);
    if (isUp(server)) return server;
  }
  return NOWHERE;
}

function routes(placement: Placement, whileDown: (key: Uint8Array) => number): Routes {
  return {
    placement,
    before: (key) => {
      const server = placement.serverIndex(key, 0, key.length);
      return server === NO_SERVER ? NOWHERE : server;
    },
    whileDown,
  };
}

/** Keys go where `after` says, and nowhere when that server is down. */
function rerouted(before: Placement, after: Placement, isUp: (server: number) => boolean): Routes {
  return routes(before, (key) => {
    const server = after.serverIndex(key, 0, key.length);
    return server >= 0 && isUp(server) ? server : NOWHERE;
  });
}

function hostOf(address: string, weight = 1): { host: string; port: number; weight: number } {
  const { host, port } = toHostAndPort(address);
  return { host: host.startsWith("/") ? `unix://${host}` : host, port, weight };
}

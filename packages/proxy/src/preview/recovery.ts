// The recovery plan of a pool: what its servers' failure and return do to the keys, under the rules of a program. The plan
// itself is @marugoto/client's; here a pool becomes its question.

import { CacheError } from "@marugoto/core";
import { recoveryPlan, type RecoveryLike, type RecoveryPlan } from "@marugoto/client";
import type { PoolConfig } from "../config/types.ts";
import { serverIndex } from "./where.ts";

/** The programs of a recovery plan. */
export const recoveryPrograms = ["phpMemcache", "phpMemcached", "twemproxy", "marugoto"] as const;

export type RecoveryProgram = (typeof recoveryPrograms)[number];

/**
 * @param failed names or addresses of the servers that fail together
 * @param program whose rules; its settings are the pool's where the pool has that placement, else the program's defaults.
 * Default: the pool's own placement
 * @param keys the site's own; default: made-up ones
 * @throws CacheError `invalid_option`
 */
export function poolRecoveryPlan(
  pool: PoolConfig,
  failed: readonly string[],
  program: RecoveryProgram = programOf(pool),
  keys?: Iterable<string>,
): RecoveryPlan {
  return recoveryPlan({
    like: likeOf(pool, program),
    servers: pool.servers.map(({ address, weight, alias }) =>
      alias === undefined ? { address, weight } : { address, weight, name: alias },
    ),
    failed: failed.map((name) => pool.servers[serverIndex(pool, name)]!.address),
    ...(keys === undefined ? {} : { keys }),
  });
}

function programOf({ placement, name }: PoolConfig): RecoveryProgram {
  switch (placement.preset) {
    case "rendezvous":
      return "marugoto";
    case "jump":
      throw new CacheError("invalid_option", `there is no recovery plan for jump, the placement of pool ${name}`);
    default:
      return placement.preset;
  }
}

function likeOf({ placement, failover }: PoolConfig, program: RecoveryProgram): RecoveryLike {
  switch (program) {
    case "phpMemcache": {
      const own = placement.preset === "phpMemcache" ? placement : undefined;
      return own === undefined
        ? { program }
        : { program, hashStrategy: own.hashStrategy, hashFunction: own.hashFunction };
    }
    case "phpMemcached": {
      if (placement.preset !== "phpMemcached") return { program };
      const { libketamaCompatible, hash, distribution, sortHosts } = placement;
      return {
        program,
        libketamaCompatible,
        sortHosts,
        ...(hash === undefined ? {} : { hash }),
        ...(distribution === undefined ? {} : { distribution }),
      };
    }
    case "twemproxy": {
      const ejection = {
        auto_eject_hosts: failover.mode === "eject",
        server_failure_limit: failover.failureLimit,
        server_retry_timeout: failover.retryMs,
      };
      if (placement.preset !== "twemproxy" || placement.distribution === "random") return { program, ...ejection };
      const { hash, distribution, hashTag } = placement;
      return { program, hash, distribution, ...(hashTag === undefined ? {} : { hash_tag: hashTag }), ...ejection };
    }
    case "marugoto":
      return {
        program,
        onFailure: failover.mode === "eject" ? "next" : failover.mode === "gutter" ? "gutter" : "throw",
      };
  }
}

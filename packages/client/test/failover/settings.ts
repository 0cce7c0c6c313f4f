// From a transcript's configuration, which is PHP's, to the options of the rules.

import type { LibmemcachedOptions } from "../../src/failover/libmemcached.ts";
import type { PeclMemcacheOptions } from "../../src/failover/pecl-memcache.ts";
import type { TranscriptConfig } from "./transcript.ts";

/** libmemcached's default of OPT_POLL_TIMEOUT, in ms. */
const POLL_TIMEOUT_MS = 5000;

/** addServer's default in the recorder's hands: it was given none. */
const RETRY_INTERVAL_SEC = 15;

/** php.ini's `memcache.*` without their prefix. @throws Error for a setting that the rules don't know */
export function peclMemcacheOptions({ ini = {}, retry_interval }: TranscriptConfig): PeclMemcacheOptions {
  const options: Record<string, unknown> = { retryIntervalSec: retry_interval ?? RETRY_INTERVAL_SEC };
  for (const [name, value] of Object.entries(ini)) {
    switch (name.replace(/^memcache\./, "")) {
      case "hash_strategy":
        options.hashStrategy = value;
        break;
      case "hash_function":
        options.hashFunction = value;
        break;
      case "prefix_static_key":
        options.prefix = String(value);
        break;
      case "allow_failover":
        options.allowFailover = Boolean(Number(value));
        break;
      case "max_failover_attempts":
        options.maxFailoverAttempts = Number(value);
        break;
      case "redundancy":
        options.redundancy = Number(value);
        break;
      case "protocol":
      case "chunk_size":
      case "compress_threshold":
        break;
      default:
        throw new Error(`memcache.${name} means nothing to the rules`);
    }
  }
  return options;
}

/** setOption calls in their order. What it does not know decides placement or nothing; hashing refuses what is wrong. */
export function libmemcachedOptions({ options = {} }: TranscriptConfig): LibmemcachedOptions {
  const number = (name: string, otherwise: number) => Number(options[name] ?? otherwise);
  const ejects = ["OPT_REMOVE_FAILED_SERVERS", "OPT_AUTO_EJECT_HOSTS"].filter((name) => name in options).at(-1);
  return {
    placement: { steps: Object.entries(options).map(([name, value]) => ["setOption", name, value] as const) },
    retryTimeoutSec: number("OPT_RETRY_TIMEOUT", 2),
    serverFailureLimit: number("OPT_SERVER_FAILURE_LIMIT", 5),
    serverTimeoutLimit: number("OPT_SERVER_TIMEOUT_LIMIT", 0),
    removeFailedServers: ejects !== undefined && Boolean(Number(options[ejects])),
    deadTimeoutSec: number("OPT_DEAD_TIMEOUT", 0),
    // The recordings are of a program that does both.
    deadForever: true,
    copiesWait: true,
  };
}

/** How long Memcached waits for an answer, in ms. */
export function pollTimeoutMs({ options = {} }: TranscriptConfig): number {
  return Number(options.OPT_POLL_TIMEOUT ?? POLL_TIMEOUT_MS);
}

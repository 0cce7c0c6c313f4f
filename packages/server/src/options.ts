// What a server can be told, with units and defaults. The binary's flags map onto these fields; nothing here reads
// argv or the environment.

import {
  CacheError,
  DEFAULT_MAX_ITEM_BYTES,
  DEFAULT_MEMORY_BYTES,
  DEFAULT_PORT,
  MAX_ITEM_BYTES,
  MIN_ITEM_BYTES,
  type Clock,
} from "@marugoto/core";

import manifest from "../package.json" with { type: "json" };

/** One place to listen at. */
export type ListenerOptions =
  | {
      readonly kind: "tcp";
      /** Address or name; `127.0.0.1` unless said otherwise. */
      readonly host: string;
      /** 0 = any free port. */
      readonly port: number;
    }
  | {
      readonly kind: "unix";
      readonly path: string;
      /** Permission bits of the socket file, e.g. 0o700. */
      readonly mode: number;
    };

export interface ServerOptions {
  /** Where to listen; default one TCP listener on 127.0.0.1:11211. */
  readonly listeners: readonly ListenerOptions[];
  /** `-m`: bytes of items the store may hold. */
  readonly memoryBytes: number;
  /** `-I`: the largest item in bytes, key and memcached's 48-byte header included; 1 KiB to 128 MiB. */
  readonly maxItemBytes: number;
  /** `-c`: clients at once; one more is told so and closed. */
  readonly maxConnections: number;
  /** `-M` turns this off: a full store then answers an error instead of evicting. */
  readonly evict: boolean;
  /** `-C` turns this off: no cas numbers, `gets` prints 0. */
  readonly cas: boolean;
  /** `-t`: accepted and shown; one thread serves. */
  readonly threads: number;
  /** `-R`: requests of one client served in a row before the others have their turn. */
  readonly requestsPerEvent: number;
  /** `-o idle_timeout`: seconds after which a silent TCP client is dropped; 0 = never. */
  readonly idleTimeoutSec: number;
  /** `-b`: connections the kernel may queue before they are accepted. */
  readonly backlog: number;
  /** `-F` turns this off: flush_all is refused. */
  readonly flushEnabled: boolean;
  /** `-X` turns this off: `stats cachedump` and `lru_crawler metadump` are refused. */
  readonly dumpEnabled: boolean;
  /** `-A`: the `shutdown` command is obeyed. */
  readonly shutdownEnabled: boolean;
  /** `debugtime` is understood; for tests only. */
  readonly debugCommands: boolean;
  /**
   * `-B`: what clients speak. The binary protocol is not spoken here: a connection that begins with its magic byte is
   * closed at once, and under `binary` every other one too.
   */
  readonly bindingProtocol: "auto" | "ascii" | "binary";
  /** `-D`: the character that ends a key's prefix in `stats detail`. */
  readonly prefixDelimiter: string;
  /** `-D` given: `stats detail` counts from the start. */
  readonly detailEnabled: boolean;
  /** `-f`: growth of the virtual size classes in `stats items` and `stats slabs`. */
  readonly growthFactor: number;
  /** `-n`: bytes of key, value and flags in the smallest virtual size class. */
  readonly minItemBytes: number;
  /** `-o track_sizes`: `stats sizes` answers. */
  readonly trackSizes: boolean;
  /** `-v` counted: 0 to 3. */
  readonly verbosity: number;
  /** What `version` answers. */
  readonly version: string;
  /** Extra rows of `stats settings`, shown as they are; the binary adds those that only it knows. */
  readonly settings: Readonly<Record<string, string>>;
  /** The cache's clock. Given one, the server doesn't move it; else it makes and runs a SystemClock. */
  readonly clock: Clock | undefined;
  /** Whether `listen` has the hot commands compiled in the background, which takes some 0.15 s of CPU time. */
  readonly warmUp: boolean;
  /** Whether sockets read into one shared buffer and are written to directly where this Node can; false = streams. For tests. */
  readonly sharedReadBuffer: boolean;
  /** Seed of the key hash; random unless a test wants runs to repeat. */
  readonly hashSeed: number | undefined;
}

/** The version that `version` answers: memcached's protocol level first, so that clients that compare numbers are right. */
export const SERVER_VERSION = `1.6.45-marugoto.${manifest.version}`;

export const defaults: ServerOptions = {
  listeners: [{ kind: "tcp", host: "127.0.0.1", port: DEFAULT_PORT }],
  memoryBytes: DEFAULT_MEMORY_BYTES,
  maxItemBytes: DEFAULT_MAX_ITEM_BYTES,
  maxConnections: 1024,
  evict: true,
  cas: true,
  threads: 4,
  requestsPerEvent: 256,
  idleTimeoutSec: 0,
  backlog: 1024,
  flushEnabled: true,
  dumpEnabled: true,
  shutdownEnabled: false,
  debugCommands: false,
  bindingProtocol: "auto",
  prefixDelimiter: ":",
  detailEnabled: false,
  growthFactor: 1.25,
  minItemBytes: 48,
  trackSizes: false,
  verbosity: 0,
  version: SERVER_VERSION,
  settings: {},
  clock: undefined,
  warmUp: false,
  sharedReadBuffer: true,
  hashSeed: undefined,
};

/** Smallest store in bytes. */
export const MIN_MEMORY_BYTES = 1024 * 1024;

/**
 * Fills in the defaults and checks every range.
 *
 * @throws CacheError `invalid_option`, naming the field and both numbers
 */
export function resolveOptions(options: Partial<ServerOptions> = {}): ServerOptions {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const resolved: ServerOptions = { ...defaults, ...given };
  check("memoryBytes", resolved.memoryBytes, MIN_MEMORY_BYTES, 64 * 1024 ** 3);
  check("maxItemBytes", resolved.maxItemBytes, MIN_ITEM_BYTES, MAX_ITEM_BYTES);
  check("maxConnections", resolved.maxConnections, 1, 10_000_000);
  check("threads", resolved.threads, 1, 1024);
  check("requestsPerEvent", resolved.requestsPerEvent, 1, 1_000_000);
  check("idleTimeoutSec", resolved.idleTimeoutSec, 0, 2 ** 31 - 1);
  check("backlog", resolved.backlog, 1, 2 ** 31 - 1);
  check("minItemBytes", resolved.minItemBytes, 1, 1024 * 1024);
  check("verbosity", resolved.verbosity, 0, 3);
  if (!(resolved.growthFactor > 1 && resolved.growthFactor <= 16)) {
    throw new CacheError("invalid_option", `growthFactor is ${resolved.growthFactor}, more than 1 and at most 16`);
  }
  if (resolved.maxItemBytes > resolved.memoryBytes / 2) {
    throw new CacheError(
      "invalid_option",
      `maxItemBytes is ${resolved.maxItemBytes}, at most half of memoryBytes (${resolved.memoryBytes / 2})`,
    );
  }
  if (Buffer.byteLength(resolved.prefixDelimiter) !== 1) {
    throw new CacheError("invalid_option", `prefixDelimiter is "${resolved.prefixDelimiter}", exactly 1 byte`);
  }
  for (const listener of resolved.listeners) {
    if (listener.kind === "tcp") check("port", listener.port, 0, 65_535);
  }
  return resolved;
}

function check(name: string, value: number, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  throw new CacheError("invalid_option", `${name} is ${value}, a whole number from ${least} to ${most}`);
}

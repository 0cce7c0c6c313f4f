// What a client and its calls can be told.

import type { CircuitOptions } from "./failover/circuit.ts";
import type { FailoverPolicy } from "./failover/failover.ts";
import type { Key, KeyPolicy } from "./operation/keys.ts";
import type { OnFailure } from "./operation/results.ts";
import type { Ttl } from "./operation/ttl.ts";
import type { PoolOptions, ServerSpec } from "./pool/options.ts";
import type { ValueCodec } from "./values/codec.ts";

/** Options of every call. */
export interface CallOptions {
  /** Ends the call at once when aborted, with code `aborted`; the request may still reach its server. */
  readonly signal?: AbortSignal;
  /**
   * In ms, from the call to its answer, and as long again for each further server that the rules of failover, `next` or
   * `gutter` send it to. A shorter time than `timeouts.requestMs` counts nothing against the server. Default
   * `timeouts.requestMs`.
   */
  readonly timeoutMs?: number;
  /** What to do when the rules of failover have no further server. Default: the client's `onFailure`. */
  readonly onFailure?: OnFailure;
  /** Chooses the server in place of the key, so that keys that belong together lie together (PHP's `*ByKey`). */
  readonly serverKey?: Key;
}

export interface WriteOptions extends CallOptions {
  /** Default: the client's `ttl`, which defaults to for ever. */
  readonly ttl?: Ttl;
  /** Writes this value. Default: the client's. */
  readonly values?: ValueCodec;
}

export interface CounterOptions extends CallOptions {
  /** Store this when there is no counter yet; the call then gives it. Default: the call gives undefined. */
  readonly initial?: number | bigint;
  /** Of the counter that `initial` makes. */
  readonly ttl?: Ttl;
}

export interface ClientOptions extends PoolOptions, CircuitOptions {
  /** Rules of failover, with their placement. Default: `CircuitPolicy` with `placement`, `timeoutLimit`, `lossLimit`. */
  readonly failover?: FailoverPolicy;
  /** Default `nodeValues()`. */
  readonly values?: ValueCodec;
  /** What becomes of keys that can't travel as text. Default `reject`. */
  readonly keys?: KeyPolicy;
  /** Goes before every key, with no spaces and control characters. Default none. */
  readonly prefix?: string;
  /** Is the prefix hashed, too? Default true. */
  readonly hashPrefix?: boolean;
  /** Default ttl of writes. Default: for ever. */
  readonly ttl?: Ttl;
  /** Default `throw`. */
  readonly onFailure?: OnFailure;
  /** Takes what no server of the pool can take, for calls with `onFailure: "gutter"`. */
  readonly gutter?: { readonly servers: readonly ServerSpec[]; readonly ttlSec?: number };
  /** Name the key in traces. Default false. */
  readonly traceKeys?: boolean;
}

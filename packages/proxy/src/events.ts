// What the proxy tells: values, not sentences. Nobody has to listen.

import type { CacheError, Endpoint } from "@marugoto/core";

/** How a server that was out of use was made fit to be read again. */
export type RejoinWay =
  /** Read at once, as it is. */
  | "trusted"
  /** A new process, flushed by this proxy or, before it, by another. */
  | "restarted"
  /** Flushed because the configuration says so. */
  | "flushed"
  /** The old process: what was written or deleted elsewhere meanwhile was deleted there. */
  | "fenced"
  /** The old process, and more was written elsewhere than could be remembered: it is written to and not read. */
  | "unread";

export interface ProxyEvents {
  /** A pool takes clients. */
  listening: { readonly pool: string; readonly endpoint: Endpoint };
  /** A client was turned away: there are as many as may be. */
  clientRejected: { readonly pool: string; readonly connections: number; readonly limit: number };
  /** A server was put out of use. */
  serverOut: { readonly pool: string; readonly server: string; readonly error: CacheError };
  /** Of a replicated pair, the other member is used from now on. */
  switched: { readonly pool: string; readonly server: string; readonly address: string; readonly why: string };
  /** A server is used again. */
  serverBack: {
    readonly pool: string;
    readonly server: string;
    readonly way: RejoinWay;
    /** How long it was out of use. */
    readonly outMs: number;
    /** Keys that were deleted on it. */
    readonly fencedKeys: number;
  };
  /** A server answers again, and could not be made fit to be read. It is tried again. */
  rejoinFailed: { readonly pool: string; readonly server: string; readonly error: CacheError };
  /** More keys were written elsewhere than are remembered for a server: until it is flushed, it will not be read. */
  fenceFull: { readonly pool: string; readonly server: string; readonly keys: number };
  /** A new configuration is in use. */
  reloaded: {
    /** What made it necessary, as `reload` was told; "" when it was not. */
    readonly why: string;
    readonly added: readonly string[];
    readonly kept: readonly string[];
    readonly removed: readonly string[];
  };
  /** A defect, or a failure of the system, that no client was told of. */
  error: { readonly what: string; readonly error: unknown };
}

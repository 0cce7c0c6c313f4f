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

/** A ledger says where the keys of a server are that a proxy has lost. */
export interface LedgerEvent {
  readonly pool: string;
  /** Which server was lost. */
  readonly server: string;
  /** Names the ledger. */
  readonly epoch: string;
  /** Where it stands: `pool:` or `gutter:` and the server's name. */
  readonly host: string;
}

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
  /** This proxy has lost a server, and its keys are written elsewhere from now on: every proxy has heard of it. */
  ledgerOpened: LedgerEvent;
  /** Another proxy has lost a server: where its keys are is looked up before each request. */
  ledgerFollowed: LedgerEvent;
  /** The one that has done so has another configuration of this pool. */
  ledgerDiffers: LedgerEvent;
  /** All keys are at their server again. */
  ledgerClosed: {
    readonly pool: string;
    readonly server: string;
    readonly epoch: string;
    /** Keys that this proxy had written elsewhere. */
    readonly keys: number;
    /** For a while, what the server misses is looked for where it was. */
    readonly isWarm: boolean;
  };
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

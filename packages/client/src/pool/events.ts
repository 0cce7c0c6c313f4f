// What a pool tells: values, not sentences. Nobody has to listen; an error without a listener throws nothing.

import type { CacheError, Endpoint } from "@marugoto/core";

export interface PoolEvents {
  /** A connection is up, past its handshake. */
  connect: { readonly server: string; readonly endpoint: Endpoint };
  /** A connection has ended, or a try to connect has failed. */
  disconnect: { readonly server: string; readonly endpoint: Endpoint; readonly error: CacheError };
  /** The protocol of a server has been found out. */
  protocol: { readonly server: string; readonly protocol: "classic" | "meta" };
  /** The rules of failover have put a server out of use. */
  serverDown: { readonly server: string; readonly error: CacheError | undefined };
  /** The server is used again. */
  serverUp: { readonly server: string };
  /** The members have changed. */
  topology: { readonly servers: readonly string[] };
  /** A write has failed on its server, which may still hold the old value. For who wants to repeat it later. */
  writeFailed: { readonly server: string; readonly key: string; readonly error: CacheError };
}

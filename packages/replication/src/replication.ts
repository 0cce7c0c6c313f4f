// What replication offers to a binary: hooks for the server, a start that resolves when clients may come, a handover.

import type { TypedEvents } from "@marugoto/core";
import type { Server, ServerHooks } from "@marugoto/server";
import type { ReplicationEvents, Role } from "./events.ts";
import type { ReplicationOptions } from "./options.ts";

/**
 * One node's part in replication. In this order: `createReplication(options)`, `createServer(serverOptions,
 * replication.hooks)`, `await replication.start(server)`, `server.listen()`.
 */
export interface Replication {
  readonly options: ReplicationOptions;
  readonly events: TypedEvents<ReplicationEvents>;
  /** For `createServer`. */
  readonly hooks: ServerHooks;
  readonly role: Role;
  /**
   * Listens, dials the peers, and resolves once clients may be served: the first copy is here, or this node is master.
   *
   * @throws CacheError `closed` when `close` came first
   */
  start(server: Server): Promise<void>;
  /**
   * Gives the role of master to a replica that is in step, without losing a write; writes wait meanwhile.
   *
   * @returns true when this node is not master any more; false when no replica took over within `withinMs`
   */
  handover(options?: { readonly withinMs?: number }): Promise<boolean>;
  /** Closes listener and links. The server goes on without replication; close it first or at the same time. */
  close(): Promise<void>;
}

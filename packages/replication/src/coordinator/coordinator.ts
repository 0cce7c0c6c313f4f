// Who decides, under `onSplit: "consistent"`, which node is master: something that gives one lease per group to one node
// at a time. This is only what the role machine needs of it; etcd is behind it.

import type { TypedEvents } from "@marugoto/core";

export interface CoordinatorEvents {
  /** The lease is ours now. `term` grows with each change of holder. */
  acquired: { readonly term: number };
  /** The lease is no longer ours, or nobody can say so any more. */
  lost: { readonly reason: string };
  /** Who holds the lease, as 32 hexadecimal digits of a node id; undefined = nobody. */
  holder: { readonly nodeId: string | undefined; readonly term: number };
  /** Whether the coordinator itself can be reached. */
  reachable: { readonly reachable: boolean; readonly reason: string };
}

export interface Coordinator {
  readonly events: TypedEvents<CoordinatorEvents>;
  /** Begins to watch the lease, for a node of this id (32 hexadecimal digits). Never rejects: `reachable` tells. */
  start(nodeId: string): void;
  /**
   * Wants the lease: takes it when nobody has held it for `patienceMs` (default 0: at once) and keeps it, until `release`.
   * `acquired` tells. Said again, the new patience counts.
   */
  acquire(patienceMs?: number): void;
  /** Gives the lease back, or no longer wants it; resolves when that is done or can't be done. */
  release(): Promise<void>;
  /**
   * Whether the lease is certainly ours at `nowMs` of `performance.now()`, whatever the coordinator does meanwhile: its end, less the
   * bound on how far clocks may run apart, still lies ahead. Costs a comparison; asked before each write.
   */
  holds(nowMs: number): boolean;
  /** Ends watching; gives the lease back if it is ours. */
  close(): Promise<void>;
}

// Who decides, under `onSplit: "consistent"`, which node is master: something that gives one lease per group to one node
// at a time, and with it an epoch that lies above all that masters had before. This is only what the role machine needs of
// it; etcd is behind it.

import type { TypedEvents } from "@marugoto/core";

export interface CoordinatorEvents {
  /**
   * The lease is ours now, or has another epoch since `raise`. `term` grows with each holder; `epoch` is the one that the
   * coordinator keeps as the group's last: the next holder draws above it.
   */
  acquired: { readonly term: number; readonly epoch: number };
  /** The lease is no longer ours, or nobody can say so any more. */
  lost: { readonly reason: string };
  /** Who holds the lease, as 32 hexadecimal digits of a node id; undefined = nobody. */
  holder: { readonly nodeId: string | undefined; readonly term: number };
  /** Whether the coordinator itself can be reached. */
  reachable: { readonly reachable: boolean; readonly reason: string };
}

/** Draws an epoch of this node's above `last`, the group's last one; undefined = no master has left one. */
export type DrawEpoch = (last: number | undefined) => number;

export interface Coordinator {
  readonly events: TypedEvents<CoordinatorEvents>;
  /**
   * Begins to watch the lease, for a node of this id (32 hexadecimal digits). Never rejects: `reachable` tells.
   *
   * @param draw asked just before the lease is taken, and at each `raise`
   */
  start(nodeId: string, draw: DrawEpoch): void;
  /**
   * Wants the lease: takes it when nobody has held it for `patienceMs` (default 0: at once) and keeps it, until `release`.
   * `acquired` tells. Said again, the new patience counts.
   */
  acquire(patienceMs?: number): void;
  /**
   * Has a higher epoch drawn under the lease that is ours; `acquired` tells when the coordinator keeps it. Without the lease
   * nothing happens.
   */
  raise(): void;
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

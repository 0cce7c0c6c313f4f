// What replication can be told, with units and defaults. The binary's flags map onto these fields; nothing here reads
// argv, files or the environment.

import { CacheError, type Endpoint } from "@marugoto/core";
import type { Coordinator } from "./coordinator/coordinator.ts";

/** repcached's port of replication. */
export const DEFAULT_REPLICATION_PORT = 11212;

/** A TCP address; replication links use nothing else. */
export type TcpEndpoint = Extract<Endpoint, { kind: "tcp" }>;

export interface ReplicationOptions {
  /**
   * `-x`, `--peer` (repeatable): replication addresses of the other nodes. All are dialled, again and again, so that any
   * start order attaches. Default none: this node is only dialled.
   */
  readonly peers: readonly TcpEndpoint[];
  /**
   * `-X`, `--replication-listen`: where other nodes connect; port 0 = any free one. When the port is taken the node runs
   * without a listener, says so (`listenRefused`), and binds when it becomes master. Default undefined: no listener.
   */
  readonly listen: TcpEndpoint | undefined;
  /**
   * `--sync-replicas`: how many replicas must have applied a write before its answer leaves; 0 to 7, default 0: the
   * kernel's hold of the bytes is enough, which outlives the process but not the host.
   */
  readonly syncReplicas: number;
  /**
   * `--sync-degrade answer|refuse`: with fewer replicas in step than `syncReplicas`, `answer` (default) lets answers leave
   * after `peerTimeoutMs` and counts them as unprotected; `refuse` answers new writes
   * `SERVER_ERROR replication: not enough replicas` and lets no answer leave before it is protected.
   */
  readonly syncDegrade: "answer" | "refuse";
  /**
   * `--hold`: for how many milliseconds the answers to writes wait for a replica that has more of the stream before it than
   * it should and neither takes nor applies any of it, before it counts as behind; ten times as long for one that does;
   * 0 to 10 000, default 20.
   */
  readonly holdMs: number;
  /**
   * `--backlog`: bytes of effects kept for replicas that come back; at least 64 KiB. Default undefined: 16 MiB or four times the
   * largest item, whichever is more.
   */
  readonly backlogBytes: number | undefined;
  /** `--heartbeat`: milliseconds between two signs of life on an idle link; 10 to 10 000, default 100. */
  readonly heartbeatMs: number;
  /**
   * `--peer-timeout`: milliseconds of silence after which a linked peer counts as dead, and the longest wait for a peer that
   * doesn't answer; 50 to 600 000 and at least three heartbeats, default 1000.
   */
  readonly peerTimeoutMs: number;
  /**
   * `--on-split`: `available` (default): both sides go on after a cut and merge when it heals; `consistent`: only the holder
   * of the coordinator's lease writes.
   */
  readonly onSplit: "available" | "consistent";
  /**
   * `--replication-secret-file`: what every node of the group knows; 16 bytes or more. Without it only the addresses in
   * `peers`, or loopback, may attach.
   */
  readonly secret: Uint8Array | undefined;
  /** `--repcached`: speak repcached's wire to the one peer. Default false. */
  readonly repcached: boolean;
  /**
   * `--leave-repcached`: attach to the one peer as a real repcached's slave would, and speak our own protocol from the
   * moment on at which it has gone and this node takes over. Default false.
   */
  readonly leaveRepcached: boolean;
  /** `--coordinator`: who decides which node is master under `onSplit: "consistent"`. */
  readonly coordinator: Coordinator | undefined;
}

export const defaults: ReplicationOptions = {
  peers: [],
  listen: undefined,
  syncReplicas: 0,
  syncDegrade: "answer",
  holdMs: 20,
  backlogBytes: undefined,
  heartbeatMs: 100,
  peerTimeoutMs: 1000,
  onSplit: "available",
  secret: undefined,
  repcached: false,
  leaveRepcached: false,
  coordinator: undefined,
};

/** Fewest bytes of a secret. */
const MIN_SECRET_BYTES = 16;

/**
 * Fills in the defaults and checks every range.
 *
 * @throws CacheError `invalid_option`, naming the field and both numbers
 */
export function resolveOptions(options: Partial<ReplicationOptions> = {}): ReplicationOptions {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const resolved: ReplicationOptions = { ...defaults, ...given };
  check("syncReplicas", resolved.syncReplicas, 0, 7);
  check("holdMs", resolved.holdMs, 0, 10_000);
  check("heartbeatMs", resolved.heartbeatMs, 10, 10_000);
  check("peerTimeoutMs", resolved.peerTimeoutMs, 50, 600_000);
  if (resolved.backlogBytes !== undefined) check("backlogBytes", resolved.backlogBytes, 64 * 1024, 2 ** 36);
  if (resolved.peerTimeoutMs < 3 * resolved.heartbeatMs) {
    throw invalid(
      `peerTimeoutMs is ${resolved.peerTimeoutMs}, at least three times heartbeatMs (${resolved.heartbeatMs})`,
    );
  }
  for (const peer of resolved.peers) check("port of a peer", peer.port, 1, 65_535);
  if (resolved.listen !== undefined) check("port of listen", resolved.listen.port, 0, 65_535);
  if (resolved.secret !== undefined && resolved.secret.length < MIN_SECRET_BYTES) {
    throw invalid(`secret is ${resolved.secret.length} bytes, at least ${MIN_SECRET_BYTES}`);
  }
  if (resolved.onSplit === "consistent" && resolved.coordinator === undefined) {
    throw invalid("onSplit is consistent, which needs a coordinator");
  }
  if (resolved.coordinator !== undefined && resolved.onSplit !== "consistent") {
    throw invalid("a coordinator decides only under onSplit: consistent");
  }
  if (resolved.repcached && resolved.peers.length > 1) {
    throw invalid(`repcached knows one peer, ${resolved.peers.length} are given`);
  }
  if (resolved.leaveRepcached && resolved.peers.length !== 1) {
    throw invalid(`leaveRepcached needs the one peer that is left, ${resolved.peers.length} are given`);
  }
  if (resolved.leaveRepcached && resolved.repcached) throw invalid("repcached and leaveRepcached exclude each other");
  return resolved;
}

function check(name: string, value: number, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  throw invalid(`${name} is ${value}, a whole number from ${least} to ${most}`);
}

function invalid(message: string): CacheError {
  return new CacheError("invalid_option", message);
}

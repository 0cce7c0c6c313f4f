// A master that is lost: whether it is dead or only a link was cut, and whether we are the one who takes over.

import type { Target } from "./dialling.ts";
import { SILENT } from "./heartbeats.ts";
import type { ReplicationNode } from "./node.ts";
import type { Peer } from "./peer.ts";

/** A timer may ring this much before its time, in milliseconds. */
export const EARLY_MS = 1;

/** Heartbeats for which a master that we cannot dial is awaited. */
const AWAITED_BEATS = 3;

export class Loss {
  readonly #node: ReplicationNode;
  /** Whom we lost, and when. */
  id = "";
  sinceMs = 0;
  reason = "";
  /** Since when we have no master and are none, while that is so. */
  orphanedMs = 0;
  targets: readonly Target[] = [];
  #probeMs = 0;

  constructor(node: ReplicationNode) {
    this.#node = node;
  }

  probe(): void {
    this.#probeMs = this.#node.nowMs();
    this.#node.states.tell();
    this.#node.wait(this.#node.options.peerTimeoutMs, () => {
      this.judge();
    });
    this.judge();
  }

  /** While probing: is the master dead, and are we the one who takes over? */
  judge(): void {
    if (this.#node.role !== "probing") return;
    const probedMs = this.#node.nowMs() - this.#probeMs;
    const peerTimeoutMs = this.#node.options.peerTimeoutMs - EARLY_MS;
    if (this.reason !== SILENT && probedMs < peerTimeoutMs && !this.#isGone(probedMs)) return;
    // Others who have lost the same master: the one with the most takes over, the others wait for it, but not for ever.
    if (probedMs < peerTimeoutMs && this.#hasBetter()) return;
    this.#node.fire("masterDead", this.reason);
  }

  /** Another replica of the lost master has more than we, or has not said yet that it lost it too. */
  #hasBetter(): boolean {
    for (const peer of this.#node.peers) {
      const { state } = peer;
      if (!peer.established || state?.following !== this.id) continue;
      const isOrphan = state.role === "probing" || state.role === "candidate";
      if (state.role === "slave" || (isOrphan && this.#node.precedence.yieldsTo(peer))) return true;
    }
    return false;
  }

  /** Every address of the lost master says that nobody is there, or somebody else, who has said what it is. */
  #isGone(probedMs: number): boolean {
    // It has no address: it is the one who dials, and would have done so at once.
    if (this.targets.length === 0) return probedMs >= AWAITED_BEATS * this.#node.options.heartbeatMs;
    return this.targets.every(({ outcome, nodeId }) => {
      // Its port is ours now: it was on this host.
      if (outcome !== "found") return outcome === "refused" || outcome === "self";
      // It may be another replica, with more than we have.
      return nodeId !== this.id && this.#node.links.find(nodeId)?.state !== undefined;
    });
  }

  /**
   * Our master has lost the lease, and says so behind all that it has written. It takes the lease back if it can reach the
   * coordinator; if only we can, we do. Until then we apply what it may still write.
   */
  onLeaseLost(upstream: Peer): void {
    const { role, complete, following } = this.#node;
    if (role !== "slave" || !complete || !following.isAttached || following.isMerging) return;
    this.id = upstream.nodeId;
    this.sinceMs = this.#node.nowMs();
    this.reason = `${upstream.link.remote} has lost the lease`;
    this.#node.fire("upstreamLeaseLost", this.reason);
  }

  onOutcome(target: Target): void {
    if (this.#node.role === "starting" && target.outcome !== "self") this.#node.survey.look();
    else if (this.#node.role === "probing") this.judge();
  }
}

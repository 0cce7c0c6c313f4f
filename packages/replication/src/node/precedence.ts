// Whom to follow, and who gives way: what a linked node has said of itself, held against what we are. It only compares;
// what becomes of it is the role table's.

import type { NodeState } from "../wire/messages.ts";
import { commonOffset, compareStanding } from "./history.ts";
import type { ReplicationNode } from "./node.ts";
import type { Peer } from "./peer.ts";
import { canBeFollowed } from "./role-table.ts";

/** Heartbeats that a master has to link up with us before we follow it through one of its replicas. */
const BEYOND_BEATS = 3;

export class Precedence {
  readonly #node: ReplicationNode;

  constructor(node: ReplicationNode) {
    this.#node = node;
  }

  /** Something about a linked node is new: does it change what we are? */
  consider(peer: Peer): void {
    const { state } = peer;
    if (state === undefined || !peer.established) return;
    const isMaster = state.role === "master";
    switch (this.#node.role) {
      case "starting":
        this.#node.survey.look();
        return;
      case "copying":
      case "slave":
        if (peer === this.#node.upstream) {
          if (this.#node.coordinator !== undefined && state.role === "candidate") this.#node.loss.onLeaseLost(peer);
          return;
        }
        if (isMaster && this.#isAbove(peer, state)) {
          this.#node.fire("masterFound", `${peer.link.remote} is master`, peer);
        } else if (this.#node.role === "slave" && this.#isBeyond(peer, state)) {
          this.#node.fire("masterFound", `${peer.link.remote} follows a master in epoch ${state.epoch}`, peer);
        }
        return;
      case "probing":
        if (peer.nodeId === this.#node.loss.id && canBeFollowed(state.role)) {
          this.#node.fire("masterBack", `${peer.link.remote} is back`, peer);
        } else if (isMaster && this.#isWorthFollowing(state)) {
          this.#node.fire("masterFound", `${peer.link.remote} is master`, peer);
        } else if (this.#isAhead(peer, state)) {
          this.#node.fire("masterFound", `${peer.link.remote} follows a master`, peer);
        } else {
          this.#node.loss.judge();
        }
        return;
      case "candidate": {
        const event = this.#node.history.length === 0 ? "firstMasterFound" : "masterFound";
        if (isMaster && this.#isWorthFollowing(state)) {
          this.#node.fire(event, `${peer.link.remote} is master`, peer);
        } else if (this.#isAhead(peer, state)) {
          this.#node.fire(event, `${peer.link.remote} follows a master`, peer);
        } else {
          this.#node.coordinator?.acquire(this.#node.promotion.patienceMs());
        }
        return;
      }
      case "master":
        if (isMaster && this.#outranks(peer)) {
          this.#node.fire("outranked", `${peer.link.remote} is master in epoch ${state.epoch}`, peer);
        } else if (this.#isBeyond(peer, state)) {
          this.#node.fire("outranked", `${peer.link.remote} follows a master in epoch ${state.epoch}`, peer);
        }
        return;
      case "yielding":
        if (isMaster) this.#node.fire("handedOver", `${peer.link.remote} took over`, peer);
        return;
      case "closed":
        return;
    }
  }

  /**
   * A master that one without a master follows: it stands above us, or it is of our group, or has no less than we have. One that
   * has just begun, with nothing, may stand as high as a group that has never had a takeover.
   */
  #isWorthFollowing({ epoch, history, logEnd }: NodeState): boolean {
    if (this.#node.coordinator !== undefined) return true;
    const standing = compareStanding(epoch, this.#node.epoch);
    if (standing !== 0) return standing > 0;
    const { log } = this.#node;
    return logEnd >= log.end || commonOffset(this.#node.history, log.end, history, logEnd) !== undefined;
  }

  /** A master that a replica should follow in place of whom it follows. */
  #isAbove({ nodeId, establishedMs }: Peer, { epoch }: NodeState): boolean {
    const { upstream } = this.#node;
    if (upstream === undefined) return true;
    const standing = Math.min(
      compareStanding(epoch, this.#node.epoch),
      compareStanding(epoch, upstream.state?.epoch ?? this.#node.epoch),
    );
    // Better the master than one who follows it, but not another of the same epoch that gives way to it.
    if (upstream.state?.role === "slave" && standing >= 0)
      return standing > 0 || nodeId >= (upstream.state.history.at(-1)?.nodeId ?? "");
    // Epochs order the masters only where nobody else does.
    if (this.#node.coordinator !== undefined) return upstream.state?.role !== "master";
    if (standing !== 0) return standing > 0;
    // Two who don't see each other, but both see us: after a while we decide, as they would.
    const owner = this.#node.history.at(-1)?.nodeId;
    return owner !== undefined && nodeId > owner && this.#isLongSince(establishedMs);
  }

  /**
   * A replica of a master above us, or above the one that we follow, who is out of our sight: through it we follow that master. So
   * the masters of two groups that only replicas link find each other.
   */
  #isBeyond({ establishedMs }: Peer, { role, complete, hasMaster, following, epoch, history }: NodeState): boolean {
    const { upstream } = this.#node;
    if (this.#node.coordinator !== undefined || role !== "slave" || !complete || following === this.#node.nodeId)
      return false;
    if (upstream !== undefined && !hasMaster) return false;
    const owner = history.at(-1)?.nodeId;
    const ours = this.#node.history.at(-1)?.nodeId;
    // That master itself has a few moments to link up.
    if (owner === undefined || ours === undefined || owner === ours || !this.#isLongSince(establishedMs)) return false;
    if (this.#node.links.find(owner)?.state?.role === "master") return false;
    const standing = Math.min(
      compareStanding(epoch, this.#node.epoch),
      compareStanding(epoch, upstream?.state?.epoch ?? this.#node.epoch),
    );
    return standing !== 0 ? standing > 0 : owner > ours;
  }

  /** A replica that has a master, who is out of our sight: a newer one than ours was, or ours after all. */
  #isAhead({ establishedMs }: Peer, { role, complete, hasMaster, following, epoch }: NodeState): boolean {
    if (role !== "slave" || !complete || !hasMaster || following === this.#node.nodeId) return false;
    const standing = compareStanding(epoch, this.#node.epoch);
    if (standing < 0 || !this.#isLongSince(establishedMs)) return false;
    // Where epochs are the same, it may not have noticed yet what we have.
    return (
      standing > 0 ||
      this.#node.history.length === 0 ||
      this.#node.nowMs() - this.#node.loss.orphanedMs > 2 * this.#node.options.peerTimeoutMs
    );
  }

  #isLongSince(momentMs: number): boolean {
    return this.#node.nowMs() - momentMs >= BEYOND_BEATS * this.#node.options.heartbeatMs;
  }

  /** Of two masters: the higher epoch, then the longer log, then the greater id. Both sides come to the same. */
  #outranks(peer: Peer): boolean {
    const { epoch } = peer.state!;
    if (this.#node.coordinator !== undefined) return !this.#node.coordinator.holds(this.#node.nowMs());
    const standing = compareStanding(epoch, this.#node.epoch);
    if (standing !== 0) return standing > 0;
    // Compared as both were when they were linked, so that both compare the same.
    if (peer.firstLogEnd !== peer.ourFirstLogEnd) return peer.firstLogEnd > peer.ourFirstLogEnd;
    return peer.nodeId > this.#node.nodeId;
  }

  /** Who has more of the group's content. @returns above 0: we; below 0: the other */
  compareContent(state: NodeState): number {
    if (state.complete !== this.#node.complete) return this.#node.complete ? 1 : -1;
    if ((state.history.length === 0) !== (this.#node.history.length === 0))
      return this.#node.history.length === 0 ? -1 : 1;
    const standing = compareStanding(this.#node.epoch, state.epoch);
    return standing !== 0 ? standing : this.#node.log.end - state.logEnd;
  }

  yieldsTo({ state, nodeId }: Peer): boolean {
    const ours = this.compareContent(state!);
    return ours !== 0 ? ours < 0 : nodeId > this.#node.nodeId;
  }
}

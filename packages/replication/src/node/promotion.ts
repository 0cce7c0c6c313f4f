// Becoming master: leave from the coordinator if there is one, an epoch of our own, and what our clients wait for.

import { nextEpoch, rankOf, RANKS, unsureEpoch, withEntry } from "./history.ts";
import type { ReplicationNode } from "./node.ts";

/** Peer timeouts that the lease has to be free before a node takes it that has less than another, or may have. */
const PATIENCE = 10;

export class Promotion {
  readonly #node: ReplicationNode;
  /** The epoch that came with the lease; undefined = there is no coordinator, or we have no lease yet. */
  #granted: number | undefined;

  constructor(node: ReplicationNode) {
    this.#node = node;
  }

  /** May we be master? Without a coordinator: yes. */
  askLeave(reason: string): void {
    this.#node.stopWaiting();
    this.#node.protection.giveUp();
    // Others may look for us before we are master.
    this.#node.listener.bindAgain();
    if (this.#node.coordinator === undefined) {
      this.#node.fire("granted", reason);
      return;
    }
    this.#node.states.tell();
    this.#node.coordinator.acquire(this.patienceMs());
    for (const peer of [...this.#node.peers]) this.#node.precedence.consider(peer);
  }

  /** How long the lease has to be free before we take it: those who have more of the group's content come first. */
  patienceMs(): number {
    let waits = this.#node.history.length === 0 && !this.#node.survey.hasSeenAll;
    for (const peer of this.#node.peers) {
      const role = peer.established ? peer.state?.role : undefined;
      if (role === "candidate" || role === "probing") waits ||= this.#node.precedence.compareContent(peer.state!) < 0;
    }
    const { peerTimeoutMs } = this.#node.options;
    if (waits) return PATIENCE * peerTimeoutMs;
    // The master that we followed takes the lease back at once, if it can.
    return this.#node.upstream?.state?.role === "candidate" ? peerTimeoutMs : 0;
  }

  promote(): void {
    this.#node.copyIn.abandon();
    this.#node.upstream = undefined;
    this.#node.following.isAttached = false;
    this.#node.merging.endRelays();
    this.#node.listener.bindAgain();
    this.#node.forwards.masterChanged();
    this.#node.forwarding.masterId = this.#node.nodeId;
    // Before the first effect of the new epoch, so that who follows knows where it begins.
    this.#node.states.tell();
    this.replay();
    for (const downstream of this.#node.downstreams) downstream.pump();
    this.#node.loss.id = "";
    this.#node.loss.reason = "";
  }

  /** The lease is ours, with this epoch; or it has been for long, and has this one from now on. */
  onLease(epoch: number): void {
    const { role, coordinator } = this.#node;
    if (role === "master" && epoch > this.#node.epoch) {
      this.#begin(epoch);
      this.#node.states.tell();
      // While it was put we may have heard of one above it.
      this.onEpochSeen();
    } else if (role === "candidate" && epoch <= this.#highest && !(this.#isFirst && this.#highest === 0)) {
      // Heard of while the lease was asked for, or of a time before the coordinator kept epochs.
      coordinator?.raise();
    } else {
      this.#granted = epoch;
      this.#node.fire("granted", "the coordinator gave the lease");
      this.#granted = undefined;
    }
  }

  /** Somebody has told us an epoch. A master by a lease has one above all that nodes have. */
  onEpochSeen(): void {
    if (this.#node.role === "master" && this.#highest > this.#node.epoch) this.#node.coordinator?.raise();
  }

  takeEpoch(): void {
    // What a copy had brought before it broke off is content of ours, but not the group's: whoever meets us needs a copy.
    if (!this.#node.complete && this.#node.history.length > 0) {
      this.#node.history = [];
      this.#node.log.reset(1);
    }
    const epoch = this.#granted ?? this.draw();
    this.#node.rank = rankOf(epoch);
    this.#begin(Math.max(epoch, this.#node.content.epoch()));
  }

  /**
   * Has what is written from now on be of an epoch that nobody has had.
   *
   * @returns false = not yet: the coordinator has to keep it first
   */
  newEpoch(): boolean {
    if (this.#node.coordinator !== undefined) {
      this.#node.coordinator.raise();
      return false;
    }
    this.#begin(this.draw());
    return true;
  }

  /**
   * An epoch of ours above all that we know of. The first master of a group begins where its store does, so that a lone server's cas
   * numbers are 1, 2, 3.
   *
   * @param last the last epoch of the group that the coordinator knows of
   */
  draw(last?: number): number {
    const { rank, coordinator, content, hasContent } = this.#node;
    const drawn = unsureEpoch(this.#node.nodeIdBytes[0]!);
    if (!this.#isFirst) return nextEpoch(Math.max(last ?? 0, this.#highest), rank < RANKS ? rank : drawn);
    const first = this.#node.survey.isUnsure ? drawn : 0;
    const known = coordinator === undefined ? 0 : Math.max(last ?? 0, this.#highest);
    if (last === undefined && known === 0 && !hasContent) return first;
    // Content from elsewhere takes precedence over nodes that began with nothing. A first epoch is a rank as well.
    return nextEpoch(Math.max(known, content.epoch()), first);
  }

  /** The highest epoch that we know of. */
  get #highest(): number {
    return Math.max(this.#node.states.epochSeen, this.#node.epoch);
  }

  /** What we have is no group's, or not all of it. */
  get #isFirst(): boolean {
    return this.#node.history.length === 0 || !this.#node.complete;
  }

  #begin(epoch: number): void {
    const { content, history, log, nodeId, states } = this.#node;
    if (epoch > content.epoch()) content.setEpoch(epoch);
    states.epochSeen = Math.max(states.epochSeen, epoch);
    this.#node.history = withEntry(history, { epoch, nodeId, start: log.end });
  }

  /** Executes what our own clients have asked for and no master has done; the answers wait as those to others do. */
  replay(): void {
    const { content, forwards, refusal } = this.#node;
    const refused = Buffer.from(`${refusal}\r\n`, "latin1");
    const tell = forwards.replay((request) => (this.#node.mayWrite() ? content.execute(request) : refused));
    const wait = this.#node.beforeAnswers();
    this.#node.flush();
    if (wait === undefined) tell();
    else void wait.then(tell);
  }
}

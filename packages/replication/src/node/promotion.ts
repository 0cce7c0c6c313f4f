// Becoming master: leave from the coordinator if there is one, an epoch of our own, and what our clients wait for.

import { nextEpoch, rankOf, RANKS, unsureEpoch, withEntry } from "./history.ts";
import type { ReplicationNode } from "./node.ts";

/** Peer timeouts that the lease has to be free before a node takes it that has less than another, or may have. */
const PATIENCE = 10;

export class Promotion {
  readonly #node: ReplicationNode;

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
    if (this.#node.coordinator.holds(this.#node.nowMs())) this.#node.fire("granted", reason);
    for (const peer of [...this.#node.peers]) this.#node.precedence.consider(peer);
  }

  /** How long the lease has to be free before we take it: those who have more of the group's content come first. */
  patienceMs(): number {
    let waits = this.#node.history.length === 0 && !this.#node.survey.hasSeenAll;
    for (const peer of this.#node.peers) {
      const role = peer.established ? peer.state?.role : undefined;
      if (role === "candidate" || role === "probing") waits ||= this.#node.precedence.compareContent(peer.state!) < 0;
    }
    return waits ? PATIENCE * this.#node.options.peerTimeoutMs : 0;
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

  /** The first master of a group begins where its store does, so that a lone server's cas numbers are 1, 2, 3. */
  takeEpoch(): void {
    // What a copy had brought before it broke off is content of ours, but not the group's: whoever meets us needs a copy.
    if (!this.#node.complete && this.#node.history.length > 0) {
      this.#node.history = [];
      this.#node.log.reset(1);
    }
    if (this.#node.history.length > 0) {
      if (this.#node.rank >= RANKS) this.#node.rank = unsureEpoch(this.#node.nodeIdBytes[0]!);
      this.newEpoch();
      return;
    }
    // Content from elsewhere takes precedence over nodes that began with nothing.
    let epoch = this.#node.survey.isUnsure ? unsureEpoch(this.#node.nodeIdBytes[0]!) : 0;
    if (this.#node.hasContent) epoch = nextEpoch(this.#node.content.epoch(), 0);
    this.#node.rank = rankOf(epoch);
    if (epoch > this.#node.content.epoch()) this.#node.content.setEpoch(epoch);
    this.#node.history = [{ epoch: this.#node.content.epoch(), nodeId: this.#node.nodeId, start: this.#node.log.end }];
  }

  /** What is written from now on is of an epoch that nobody has had. */
  newEpoch(): void {
    const epoch = nextEpoch(Math.max(this.#node.states.epochSeen, this.#node.epoch), this.#node.rank);
    this.#node.content.setEpoch(epoch);
    this.#node.states.epochSeen = epoch;
    this.#node.history = withEntry(this.#node.history, { epoch, nodeId: this.#node.nodeId, start: this.#node.log.end });
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

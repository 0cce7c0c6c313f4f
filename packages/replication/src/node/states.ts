// What nodes say of themselves: our state to all who are linked, at each change; and theirs, with what follows from it.

import { MessageKind, writePlain, writeState, type NodeState } from "../wire/messages.ts";
import type { ReplicationNode } from "./node.ts";
import type { Peer } from "./peer.ts";
import { canBeFollowed } from "./role-table.ts";

export class States {
  readonly #node: ReplicationNode;
  /** Highest epoch heard of. */
  epochSeen = 0;

  constructor(node: ReplicationNode) {
    this.#node = node;
  }

  /** Says to all what we are now. */
  tell(): void {
    for (const peer of this.#node.peers) {
      if (!peer.established) continue;
      const message = this.message();
      if (peer.downstream === undefined) peer.send(message);
      else peer.downstream.post(message);
    }
  }

  /** What we say comes from a master: who follows us follows one. */
  get #hasMaster(): boolean {
    if (this.#node.role === "master") return true;
    return (
      this.#node.role === "slave" && this.#node.following.isAttached && this.#node.upstream?.state?.hasMaster === true
    );
  }

  /** Our state as a message. */
  message(): Buffer {
    return writeState({
      role: this.#node.role,
      rank: this.#node.rank,
      complete: this.#node.complete,
      hasMaster: this.#hasMaster,
      epoch: this.#node.epoch,
      logStart: this.#node.log.start,
      logEnd: this.#node.log.end,
      groupMs: this.#node.time.nowMs(),
      listenPort: this.#node.listener.port,
      following: this.#node.upstream?.nodeId ?? this.#node.loss.id,
      history: this.#node.history,
    });
  }

  onState(peer: Peer, state: NodeState | undefined): void {
    if (state === undefined) throw new RangeError("state that cannot be read");
    const before = peer.state;
    if (before === undefined) peer.firstLogEnd = state.logEnd;
    peer.state = state;
    peer.offset = state.logEnd;
    // It follows somebody else, or nobody: what we send it is of no use there, and protects nothing.
    if (peer.downstream !== undefined && state.following !== this.#node.nodeId) this.#node.followers.leave(peer);
    let isNews = false;
    if (peer === this.#node.upstream && this.#node.following.isAttached) {
      // Who follows us hears when we come to have a master, or have none any more.
      isNews = before?.hasMaster !== state.hasMaster;
      // What it says lies at its place in the stream: where we have all of its log, its history is ours. Those who are linked to
      // us alone learn of a new epoch from us.
      if (state.logEnd === this.#node.log.end) {
        const [ours, theirs] = [this.#node.history.at(-1), state.history.at(-1)];
        isNews ||= ours?.epoch !== theirs?.epoch || ours?.nodeId !== theirs?.nodeId;
        this.#node.history = state.history;
      }
    }
    if (isNews) this.tell();
    this.epochSeen = Math.max(this.epochSeen, state.epoch);
    this.#node.promotion.onEpochSeen();
    if (state.listenPort !== 0 && peer.link.remoteHost !== "") {
      this.#node.dialling.learn({ kind: "tcp", host: peer.link.remoteHost, port: state.listenPort }, peer.nodeId);
    }
    if (peer === this.#node.upstream && !this.#node.following.isAttached && canBeFollowed(state.role)) {
      peer.send(this.message());
      peer.send(writePlain(MessageKind.follow, this.#node.log.end));
    } else if (peer === this.#node.upstream) {
      this.#node.forwarding.send();
    }
    this.#node.precedence.consider(peer);
  }
}

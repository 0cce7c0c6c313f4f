// Signs of life, both ways: who is silent for too long is given up, unless it was us who stood still.

import { writeHeartbeat, type Heartbeat } from "../wire/messages.ts";
import type { ReplicationNode } from "./node.ts";
import type { Peer } from "./peer.ts";

/** A heartbeat this many times later than it should be means that we stood still, and heard nothing for that reason. */
const STALL_BEATS = 3;

/** A node without its port tries to have it once in so many heartbeats. */
const BEATS_PER_BIND = 10;

/** Why a link was closed: nothing was heard for `peerTimeoutMs`. */
export const SILENT = "silent";

export class Heartbeats {
  readonly #node: ReplicationNode;
  #cancel: (() => void) | undefined;
  #lastMs = 0;
  #beats = 0;

  constructor(node: ReplicationNode) {
    this.#node = node;
  }

  #later(): void {
    this.#cancel = this.#node.timers.after(this.#node.options.heartbeatMs, () => {
      this.#beat();
      if (!this.#node.isClosed()) this.#later();
    });
  }

  #beat(): void {
    const now = this.#node.nowMs();
    const { heartbeatMs, peerTimeoutMs } = this.#node.options;
    const stalled = now - this.#lastMs > STALL_BEATS * heartbeatMs;
    this.#lastMs = now;
    for (const peer of [...this.#node.peers]) {
      if (stalled) peer.heardMs = Math.max(peer.heardMs, now - peerTimeoutMs + 2 * heartbeatMs);
      if (!peer.established && now - peer.openedMs > peerTimeoutMs) peer.close("no greeting");
      else if (now - peer.heardMs > peerTimeoutMs) peer.close(SILENT);
      else if (peer.established && peer.link.waiting === 0) peer.send(this.message(peer));
    }
    // What was no reason to act when it was said may be one now.
    for (const peer of [...this.#node.peers]) this.#node.precedence.consider(peer);
    this.#node.survey.look();
    this.#node.handing.review();
    this.#node.loss.judge();
    if (++this.#beats % BEATS_PER_BIND === 0) this.#node.listener.bindAgain();
    this.#node.executor.forget(now - 2 * peerTimeoutMs);
    this.#node.flush();
  }

  message(peer: Peer): Buffer {
    const { epoch, complete, log, time } = this.#node;
    const now = this.#node.nowMs();
    return writeHeartbeat({
      epoch,
      // While a copy comes, what the stream has brought besides is of no use yet.
      offset: complete ? log.end : 0,
      groupMs: time.nowMs(),
      sentUs: Math.floor(now * 1000),
      echoUs: peer.beatSentUs,
      heldUs: Math.floor((now - peer.beatMs) * 1000),
    });
  }

  onHeartbeat(peer: Peer, { epoch, offset, groupMs, sentUs, echoUs, heldUs }: Heartbeat): void {
    const now = this.#node.nowMs();
    peer.offset = offset;
    peer.beatSentUs = sentUs;
    peer.beatMs = now;
    this.#node.states.epochSeen = Math.max(this.#node.states.epochSeen, epoch);
    if (echoUs > 0) {
      peer.roundTripMs = Math.max(0, now - (echoUs + heldUs) / 1000);
      if (peer === this.#node.upstream) this.#node.time.sample(groupMs, peer.roundTripMs);
    }
    const { downstream } = peer;
    if (downstream === undefined) return;
    const before = downstream.acked;
    downstream.acked = Math.min(offset, downstream.cursor);
    if (downstream.acked > before) this.#node.protection.progressed(downstream);
  }

  start(): void {
    this.#lastMs = this.#node.nowMs();
    this.#later();
  }

  stop(): void {
    this.#cancel?.();
  }
}

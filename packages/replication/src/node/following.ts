// Following another node: asking it, going on where its log and ours part, and applying what its stream brings.

import { checkRecord, forEachEffect, readEnvelope, RecordKind } from "../log/records.ts";
import { ACKS_WHILE_NEAR, nearBytes } from "./protection.ts";
import { MessageKind, writePlain, type Attachment } from "../wire/messages.ts";
import type { ReplicationNode } from "./node.ts";
import type { Peer } from "./peer.ts";

export class Following {
  readonly #node: ReplicationNode;
  /** Our upstream has answered `follow`. */
  isAttached = false;
  /** Our upstream merges what we have: our log is not yet what it will go on from. */
  isMerging = false;
  /** End of what we last said that we have applied, besides the heartbeats. */
  #toldEnd = 0;

  constructor(node: ReplicationNode) {
    this.#node = node;
  }

  follow(peer: Peer): void {
    this.#node.stopWaiting();
    this.#node.upstream = peer;
    if (peer.nodeId !== this.#node.forwarding.masterId) this.#node.forwards.masterChanged();
    if (peer.state!.role === "master") this.#node.forwarding.masterId = peer.nodeId;
    this.#node.followers.leave(peer);
    this.#node.protection.giveUp();
    this.#node.time.setSkew(peer.state!.groupMs - this.#node.timers.unixMs());
    if (this.#node.coordinator !== undefined) {
      this.#node.coordinator.release().catch((error: unknown) => {
        this.#node.links.onError("releasing the lease", error);
      });
    }
    this.isAttached = false;
    this.isMerging = false;
    this.#node.merging.endRelays();
    this.#node.states.tell();
    peer.send(writePlain(MessageKind.follow, this.#node.log.end));
    this.#node.handing.end(true);
  }

  onResume(peer: Peer, attachment: Attachment): void {
    const { offset } = attachment;
    if (offset > this.#node.log.end || offset < this.#node.log.start) throw new RangeError(`resumed at ${offset}`);
    this.#node.history = attachment.history;
    this.#node.rank = attachment.rank;
    if (offset < this.#node.log.end) {
      this.#node.log.truncate(offset);
      this.#node.executor.adopt(attachment.forwarded);
      for (const downstream of this.#node.downstreams) {
        // One whose changes are being merged would go on from an offset of the log that was.
        if (downstream.cursor > offset || !downstream.streaming) downstream.startCopy();
        else downstream.truncate(offset);
      }
    }
    this.#node.loss.id = "";
    this.#node.counters.partialIn++;
    const bytes = Math.max(0, (peer.state?.logEnd ?? offset) - offset);
    this.#node.events.emit("resumed", { peer: peer.link.remote, direction: "in", bytes });
    this.#node.states.tell();
    this.#node.forwarding.send();
  }

  /** A record of the stream, or of a copy. */
  onRecord(peer: Peer, kind: number, buffer: Buffer, at: number, end: number): void {
    const wrong = checkRecord(buffer, at, end);
    if (wrong !== undefined) throw new RangeError(wrong);
    if (peer !== this.#node.upstream) {
      this.#node.merging.onRecord(peer, buffer, at, end);
      return;
    }
    if (!this.isAttached) return;
    if (kind === RecordKind.copied) {
      this.#node.content.apply(buffer, at);
      this.#node.copyIn.onItem(buffer, at, end);
      return;
    }
    this.#node.log.append(buffer, at, end);
    if (kind === RecordKind.envelope) {
      const envelope = readEnvelope(buffer, at);
      forEachEffect(envelope.records, 0, envelope.records.length, this.#apply);
      this.#node.executor.note(envelope);
      if (envelope.id.equals(this.#node.nodeIdBytes)) this.#node.forwards.executed(envelope.number, envelope.answer);
    } else {
      this.#apply(buffer, at);
    }
  }

  /** What a read has brought is applied: says so, if somebody may wait for it. */
  acknowledge(peer: Peer): void {
    const { log, options } = this.#node;
    const step = log.end - this.#toldEnd;
    if (options.syncReplicas === 0 && step >= 0 && step < nearBytes(log.capacity) / ACKS_WHILE_NEAR) return;
    this.#toldEnd = log.end;
    peer.send(this.#node.heartbeats.message(peer));
  }

  readonly #apply = (buffer: Buffer, at: number): void => {
    this.#node.content.apply(buffer, at);
    if (buffer[at] === RecordKind.put) this.#node.copyIn.keep(buffer, at);
  };
}

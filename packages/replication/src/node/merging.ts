// After a split: what a follower has that we have not is merged by the master, and passed on to it by who is none. What
// wins is `merge.ts`.

import { Scratch } from "../log/effect-log.ts";
import { writeRemove } from "../log/records.ts";
import { MessageKind, RelayOutcome, writePlain, writeRelay, type Attachment, type Relay } from "../wire/messages.ts";
import type { Downstream } from "./downstream.ts";
import { changesSince, merge } from "./merge.ts";
import type { ReplicationNode } from "./node.ts";
import type { Peer } from "./peer.ts";

/** The changes of a merge have room for so many backlogs: they come from one. */
const MERGE_BACKLOGS = 4;

export class Merging {
  readonly #node: ReplicationNode;
  /** Merges that we passed on to our upstream, in order, and who waits for them. */
  readonly #relays: { readonly downstream: Downstream; readonly offset: number }[] = [];

  constructor(node: ReplicationNode) {
    this.#node = node;
  }

  /** A record that a follower sends to be merged. */
  onRecord({ downstream }: Peer, buffer: Buffer, at: number, end: number): void {
    const records = downstream?.merge?.records;
    if (records === undefined) return;
    const { log, maxFrameBytes } = this.#node;
    if (records.at > MERGE_BACKLOGS * log.capacity + maxFrameBytes) throw new RangeError("endless merge");
    records.append(buffer, at, end);
  }

  /** We follow, and our log has what the other's has not: says what it has left. */
  onBegin(peer: Peer, { offset }: Attachment): void {
    const changes = changesSince(this.#node.log, offset, this.#node.content);
    if (changes !== undefined) peer.send(changes);
    peer.send(writePlain(MessageKind.mergeEnd, offset));
  }

  onEnd(peer: Peer, offset: number): void {
    const { downstream } = peer;
    const said = downstream?.merge;
    if (downstream === undefined || said === undefined) return;
    downstream.merge = undefined;
    if (this.#node.role === "slave" && this.#node.following.isAttached && this.#node.upstream !== undefined) {
      this.#relays.push({ downstream, offset });
      this.#node.upstream.send(writeRelay({ offset, epoch: said.epoch }));
      if (said.records.at > 0) this.#node.upstream.send(said.records.written);
      this.#node.upstream.send(writePlain(MessageKind.mergeEnd, offset));
    } else {
      this.#merged(
        downstream,
        offset,
        this.#node.role === "master" ? this.#merge(peer, offset, said) : RelayOutcome.notNow,
      );
    }
  }

  #merge(peer: Peer, offset: number, { records, epoch }: NonNullable<Downstream["merge"]>): number {
    // Two masters of one epoch have given the same cas numbers: those drawn from now on are of neither.
    if (epoch >= this.#node.epoch && this.#node.history.at(-1)!.nodeId === this.#node.nodeId) {
      if (!this.#node.promotion.newEpoch()) return RelayOutcome.notNow;
      this.#node.states.tell();
    }
    const result = merge({
      log: this.#node.log,
      content: this.#node.content,
      offset,
      theirs: records.written,
      discardAll: this.#node.coordinator !== undefined,
      remove: (key, timeMs, rank) => {
        this.#node.content.remove(key);
        writeRemove(this.#node.log, key, 0, key.length, timeMs, rank);
      },
      onDiscarded: (key, value, timeMs) => {
        this.#node.events.emit("discarded", { key, value, timeMs });
      },
    });
    if (result === undefined) return RelayOutcome.tooOld;
    this.#node.counters.mergesTaken += result.taken;
    this.#node.counters.mergesDiscarded += result.discarded;
    this.#node.events.emit("merged", { peer: peer.link.remote, ...result });
    return RelayOutcome.merged;
  }

  /** What a node had to say from `offset` on is merged, by us or by the master, or is not. */
  #merged(downstream: Downstream, offset: number, outcome: number): void {
    if (downstream.peer.downstream !== downstream) return;
    if (downstream.streaming) {
      // It asked for a node that follows it.
      downstream.post(writePlain(MessageKind.relayEnd, outcome));
    } else if (outcome === RelayOutcome.notNow) {
      downstream.peer.close("nobody can merge at present");
    } else if (outcome === RelayOutcome.tooOld || offset < this.#node.log.start) {
      downstream.startCopy();
    } else {
      this.#node.followers.resume(downstream, offset);
    }
    this.#node.flush();
  }

  /** A replica passes on what a node that follows it has to say. */
  onRelay({ downstream }: Peer, { epoch }: Relay): void {
    if (downstream?.streaming === true) downstream.merge = { records: new Scratch(64 * 1024), epoch };
  }

  onRelayEnd(outcome: number): void {
    const relay = this.#relays.shift();
    if (relay !== undefined) this.#merged(relay.downstream, relay.offset, outcome);
  }

  /** Our upstream is another, or is gone: what we passed on may have reached nobody. */
  endRelays(): void {
    for (const { downstream, offset } of this.#relays.splice(0)) {
      this.#merged(downstream, offset, RelayOutcome.notNow);
    }
  }
}

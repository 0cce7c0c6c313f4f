// Those who follow us: how far their logs are ours, and so whether they go on, merge, or need a copy; and their ranks.

import type { Content } from "../environment.ts";
import { Scratch, type EffectLog } from "../log/effect-log.ts";
import { MessageKind, writeAttachment, writePlain, type NodeState } from "../wire/messages.ts";
import { Downstream, type DownstreamHost } from "./downstream.ts";
import { commonOffset, isRelayed, rankOf, RANKS, ranksToGive, ROUND } from "./history.ts";
import type { ReplicationNode } from "./node.ts";
import type { Peer } from "./peer.ts";
import { canBeFollowed } from "./role-table.ts";

export class Followers implements DownstreamHost {
  readonly #node: ReplicationNode;
  readonly #ranks = new Map<string, number>();

  constructor(node: ReplicationNode) {
    this.#node = node;
  }

  // ---- what a downstream asks of its node ----

  get log(): EffectLog {
    return this.#node.log;
  }

  get content(): Content {
    return this.#node.content;
  }

  get complete(): boolean {
    return this.#node.complete;
  }

  nowMs(): number {
    return this.#node.nowMs();
  }

  defer(task: () => void): void {
    this.#node.timers.defer(task);
  }

  // ---- coming and going ----

  /** It follows us no longer: we follow it. */
  leave(peer: Peer): void {
    if (peer.downstream === undefined) return;
    this.#node.downstreams.delete(peer.downstream);
    peer.downstream = undefined;
    this.#node.protection.review();
  }

  onFollow(peer: Peer): void {
    const { state } = peer;
    if (state === undefined || !canBeFollowed(this.#node.role)) return;
    if (peer === this.#node.upstream) {
      peer.close("both would follow each other");
      return;
    }
    this.leave(peer);
    const downstream = new Downstream(this, peer, this.#rankFor(peer));
    peer.downstream = downstream;
    this.#node.downstreams.add(downstream);
    const offset = state.complete ? this.#commonOffset(state) : undefined;
    // It has nothing to say that we don't have; or its log, or that of a master, no longer reaches back to where it could.
    const isSilent = offset === undefined || offset === state.logEnd || offset < state.logStart;
    if (offset === undefined || (offset < this.#node.log.start && (isSilent || this.#node.role === "master"))) {
      downstream.startCopy();
    } else if (offset === state.logEnd) {
      this.resume(downstream, offset);
    } else if (isSilent) {
      downstream.startCopy();
    } else if (this.#canTakeChanges) {
      downstream.merge = { records: new Scratch(64 * 1024), epoch: state.epoch };
      peer.send(this.#attachment(MessageKind.mergeBegin, offset, downstream.rank, 0));
    } else {
      // Nobody could take what it has to say: it asks again when we say that we have a master.
      this.leave(peer);
    }
  }

  /** Somebody can merge what a follower has to say, and we know from where on it will follow. */
  get #canTakeChanges(): boolean {
    const { role, following, complete } = this.#node;
    return role === "master" || (following.isAttached && !following.isMerging && complete);
  }

  /** How far its log is ours. Two logs that both reach back to their empty beginnings have at least that in common. */
  #commonOffset(state: NodeState): number | undefined {
    if (state.history.length === 0) return undefined;
    const offset = commonOffset(this.#node.history, this.#node.log.end, state.history, state.logEnd);
    return offset ?? (this.#node.log.start === 0 && state.logStart === 0 ? 0 : undefined);
  }

  resume(downstream: Downstream, offset: number): void {
    const { peer } = downstream;
    this.#node.counters.partialOut++;
    this.#node.events.emit("resumed", { peer: peer.link.remote, direction: "out", bytes: this.#node.log.end - offset });
    peer.send(this.#attachment(MessageKind.resume, offset, downstream.rank, 0));
    downstream.streamFrom(offset);
  }

  #attachment(kind: number, offset: number, rank: number, items: number): Buffer {
    return writeAttachment(kind, {
      offset,
      rank,
      history: this.#node.history,
      forwarded: this.#node.executor.last,
      items,
    });
  }

  beginCopy(downstream: Downstream): number {
    const { peer, rank } = downstream;
    this.#node.events.emit("copyStarted", { peer: peer.link.remote, direction: "out" });
    peer.send(this.#attachment(MessageKind.copyBegin, this.#node.log.end, rank, 0));
    peer.send(writePlain(MessageKind.pendingFlush, this.#node.content.pendingFlush()));
    return this.#node.log.end;
  }

  onCopied({ peer, copy }: Downstream): void {
    this.#node.counters.fullCopiesOut++;
    const { items, bytes, sinceMs } = copy!;
    const tookMs = this.#node.nowMs() - sinceMs;
    this.#node.events.emit("copyEnded", { peer: peer.link.remote, direction: "out", items, bytes, tookMs });
  }

  onInStep({ peer }: Downstream): void {
    this.#node.events.emit("inStep", { peer: peer.link.remote });
    this.#node.protection.review();
    this.#node.handing.review();
  }

  /** The rank that a node has already, or one that nobody is known to have, or that of one long gone. */
  #rankFor(peer: Peer): number {
    const taken = new Set([this.#node.rank]);
    // The last masters may be on the other side of a split.
    for (const { epoch, nodeId } of this.#node.history.slice(-ROUND))
      if (nodeId !== peer.nodeId) taken.add(rankOf(epoch));
    for (const { nodeId, state } of this.#node.peers)
      if (state !== undefined && nodeId !== peer.nodeId) taken.add(state.rank);
    const isMaster = this.#node.role === "master";
    const draw = Number.parseInt(peer.nodeId.slice(0, 4), 16);
    const free = ranksToGive(this.#node.rank, isMaster, draw).filter((rank) => !taken.has(rank));
    const said = peer.state?.rank ?? RANKS;
    const canKeep = said < RANKS && !taken.has(said) && !(isMaster && isRelayed(said));
    const remembered = this.#ranks.get(peer.nodeId);
    const before = remembered !== undefined && !taken.has(remembered) ? remembered : canKeep ? said : undefined;
    const given = new Set(this.#ranks.values());
    // There are more ranks than nodes that we can see: one is free, or given to somebody who is gone.
    const rank = before ?? free.find((each) => !given.has(each)) ?? [...given].find((each) => free.includes(each))!;
    // Moved to the end of the map, which keeps the order of insertion: the first was given longest ago.
    for (const [nodeId, each] of this.#ranks) if (each === rank) this.#ranks.delete(nodeId);
    this.#ranks.set(peer.nodeId, rank);
    return rank;
  }
}

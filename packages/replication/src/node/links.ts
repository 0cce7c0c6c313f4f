// The links to other nodes: one for each, whoever dialled, and what becomes of a node when its link ends.

import type { Link } from "../environment.ts";
import { SILENT } from "./heartbeats.ts";
import type { ReplicationNode } from "./node.ts";
import { takeFrame } from "./dispatch.ts";
import { Peer, type PeerHost } from "./peer.ts";

/** Nodes linked at a time; more are turned away. */
const MAX_PEERS = 128;

const NO_SECRET = Buffer.alloc(0);

export class Links implements PeerHost {
  readonly #node: ReplicationNode;

  constructor(node: ReplicationNode) {
    this.#node = node;
  }

  // ---- what a peer asks of its node ----

  get nodeId(): string {
    return this.#node.nodeId;
  }

  get nodeIdBytes(): Buffer {
    return this.#node.nodeIdBytes;
  }

  get secret(): Uint8Array {
    return this.#node.options.secret ?? NO_SECRET;
  }

  get maxFrameBytes(): number {
    return this.#node.maxFrameBytes;
  }

  randomBytes(count: number): Buffer {
    return this.#node.randomBytes(count);
  }

  nowMs(): number {
    return this.#node.nowMs();
  }

  // ---- links begin ----

  greet(link: Link, dialled: boolean): Peer {
    const peer = new Peer(this, link, dialled);
    this.#node.peers.add(peer);
    this.#node.events.emit("connected", { peer: link.remote, direction: dialled ? "out" : "in" });
    return peer;
  }

  /** The link to a node that has proved itself. */
  find(nodeId: string): Peer | undefined {
    for (const peer of this.#node.peers) if (peer.established && peer.nodeId === nodeId) return peer;
    return undefined;
  }

  onGreeted(peer: Peer): boolean {
    const isSelf = peer.nodeId === this.#node.nodeId;
    const isNeeded = !isSelf && this.find(peer.nodeId) === undefined;
    const isNews = this.#node.dialling.found(peer, peer.nodeId, isSelf);
    if (isSelf && isNews) this.#node.events.emit("self", { peer: peer.link.remote });
    return isNeeded;
  }

  onProved(peer: Peer): boolean {
    if (peer.nodeId === this.#node.nodeId) return false;
    let established = 0;
    for (const other of this.#node.peers) if (other.established) established++;
    if (established >= MAX_PEERS) return false;
    for (const other of [...this.#node.peers]) {
      if (other === peer || other.nodeId !== peer.nodeId || other.stage === "hello") continue;
      // Both sides dialled at once: the dial of the greater id stays. Else the other side knows that ours is dead.
      const crossed = other.dialled && other.establishedMs >= peer.openedMs;
      if (crossed && this.#node.nodeId > peer.nodeId) return false;
      other.close("replaced by a newer link");
    }
    return true;
  }

  onEstablished(peer: Peer): void {
    const direction = peer.dialled ? "out" : "in";
    this.#node.events.emit("linked", { peer: peer.link.remote, nodeId: peer.nodeId, direction });
    peer.ourFirstLogEnd = this.#node.log.end;
    peer.send(this.#node.states.message());
  }

  // ---- and carry ----

  onFrame(peer: Peer, kind: number, buffer: Buffer, at: number, end: number): void {
    takeFrame(this.#node, peer, kind, buffer, at, end);
  }

  onBatch(peer: Peer): void {
    this.#node.time.isFresh = false;
    if (this.#node.downstreams.size > 0) this.#node.flush();
    if (peer === this.#node.upstream) this.#node.following.acknowledge(peer);
  }

  onDrain(peer: Peer): void {
    if (peer.downstream === undefined) return;
    peer.downstream.pump();
    this.#node.protection.progressed(peer.downstream);
  }

  // ---- and end ----

  onPeerClosed(peer: Peer, reason: string): void {
    if (!this.#node.peers.delete(peer)) return;
    if (peer.downstream !== undefined) this.#node.followers.leave(peer);
    if (peer.establishedMs !== Infinity) {
      this.#node.events.emit("unlinked", { peer: peer.link.remote, nodeId: peer.nodeId, reason });
    }
    if (this.#node.role === "closed") return;
    // If our port was taken, it was by this peer, perhaps: who comes next is to find us there, and not to begin alone.
    this.#node.listener.bindAgain();
    this.#node.dialling.closed(peer);
    const targets = this.#node.dialling.targets.filter(({ nodeId }) => nodeId === peer.nodeId);
    if (peer.establishedMs !== Infinity && this.find(peer.nodeId) === undefined) this.#node.dialling.lost(peer.nodeId);
    if (peer === this.#node.upstream) {
      this.#node.upstream = undefined;
      this.#node.following.isAttached = false;
      this.#node.merging.endRelays();
      this.#node.loss.id = peer.nodeId;
      this.#node.loss.sinceMs = reason === SILENT ? peer.heardMs : this.#node.nowMs();
      this.#node.loss.reason = reason;
      this.#node.loss.targets = targets;
      this.#node.fire("upstreamLost", reason);
    }
    if (this.#node.role === "starting" && peer.establishedMs !== Infinity) {
      // It was there a moment ago: it gets its time again.
      this.#node.loss.sinceMs = this.#node.nowMs();
      this.#node.survey.untilLate();
    } else if (this.#node.role === "starting") {
      this.#node.survey.look();
    } else if (this.#node.role === "probing") {
      this.#node.loss.judge();
    }
  }

  onRefused(peer: Peer, reason: string): void {
    this.#node.counters.refusedPeers++;
    this.#node.events.emit("refused", { peer: peer.link.remote, reason });
  }

  onError(what: string, error: unknown): void {
    this.#node.events.emit("error", { what, error });
  }
}

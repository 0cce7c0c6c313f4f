// The full copy towards us. A content that we had serves meanwhile; what the copy has not brought goes at its end, or when
// the copy breaks off and we become master. That is done in slices, as there may be millions of items.

import { keyOffset } from "../log/records.ts";
import type { Attachment } from "../wire/messages.ts";
import { commonOffset } from "./history.ts";
import { KeySet } from "./key-set.ts";
import { forEachChange } from "./merge.ts";
import type { ReplicationNode } from "./node.ts";
import type { Peer } from "./peer.ts";

/** Items looked at in one go when a copy has ended. */
const SWEEP_ITEMS = 2048;

export class CopyIn {
  readonly #node: ReplicationNode;
  /** Set while we refill a content that we had: keys that the copy brought. */
  #kept: KeySet | undefined;
  /** We are master of a content that has items in it which nobody has confirmed: see `confirm`. */
  isSweeping = false;
  #sinceMs = 0;
  #bytes = 0;
  #items = 0;

  constructor(node: ReplicationNode) {
    this.#node = node;
  }

  onBegin(peer: Peer, attachment: Attachment): void {
    this.#giveUpOurs(peer, attachment);
    // Whoever follows us gets a copy too, once ours is whole.
    this.#node.complete = false;
    this.#node.log.reset(attachment.offset);
    for (const downstream of this.#node.downstreams) downstream.startCopy();
    this.#node.history = attachment.history;
    this.#node.rank = attachment.rank;
    this.#node.loss.id = "";
    this.isSweeping = false;
    this.#kept = this.#node.content.isEmpty ? undefined : new KeySet();
    this.#sinceMs = this.#node.nowMs();
    this.#bytes = 0;
    this.#items = 0;
    this.#node.executor.adopt(attachment.forwarded);
    this.#node.forwards.skippedTo(attachment.forwarded.get(this.#node.nodeId) ?? 0);
    this.#node.events.emit("copyStarted", { peer: peer.link.remote, direction: "in" });
    this.#node.forwarding.send();
  }

  /** The copy replaces what we wrote by ourselves, as far as our log can say what that was. */
  #giveUpOurs(peer: Peer, { history, offset }: Attachment): void {
    if (this.#node.history.length === 0 || (!this.#node.complete && !this.isSweeping)) return;
    const common = commonOffset(history, offset, this.#node.history, this.#node.log.end) ?? 0;
    const from = Math.max(common, this.#node.log.start);
    let discarded = 0;
    forEachChange(this.#node.log, from, this.#node.content, (key, value, timeMs) => {
      discarded++;
      this.#node.events.emit("discarded", { key, value, timeMs });
    });
    if (discarded === 0) return;
    this.#node.counters.mergesDiscarded += discarded;
    this.#node.events.emit("merged", { peer: peer.link.remote, taken: 0, discarded });
  }

  onEnd(peer: Peer): void {
    this.#sweep(() => {
      this.#copied(peer);
    });
  }

  /** Removes what was not brought, some items at a time, unless another copy begins meanwhile; then calls `done`. */
  #sweep(done: () => void): void {
    const kept = this.#kept;
    let cursor = kept === undefined ? -1 : 0;
    const some = () => {
      if (this.#kept !== kept || this.#node.isClosed()) return;
      if (kept !== undefined && cursor !== -1) {
        cursor = this.#node.content.sweepSome(cursor, SWEEP_ITEMS, (key, start, end) => !kept.has(key, start, end));
      }
      if (cursor !== -1) {
        this.#node.timers.defer(some);
        return;
      }
      this.#kept = undefined;
      done();
    };
    some();
  }

  #copied(peer: Peer): void {
    this.#node.complete = true;
    this.#node.counters.fullCopiesIn++;
    this.#node.counters.lastCopyMs = this.#node.nowMs() - this.#sinceMs;
    this.#node.events.emit("copyEnded", {
      peer: peer.link.remote,
      direction: "in",
      items: this.#items,
      bytes: this.#bytes,
      tookMs: this.#node.counters.lastCopyMs,
    });
    this.#node.fire("copied", `copied from ${peer.link.remote}`);
    this.#node.states.tell();
    for (const downstream of this.#node.downstreams) downstream.pump();
  }

  /**
   * We are master. If the last one died in the middle of a refill, what the copy has not confirmed may be stale, and goes;
   * until all of it is gone our content is not complete, and nobody gets a copy of it.
   */
  abandon(): void {
    this.isSweeping = this.#kept !== undefined;
    this.#sweep(() => {
      this.#node.complete = true;
      if (!this.isSweeping) return;
      this.isSweeping = false;
      this.#node.states.tell();
      for (const downstream of this.#node.downstreams) downstream.pump();
    });
  }

  /** While `isSweeping`: a client names a key. What is here of it and may be stale goes at once; what comes stays. */
  confirm(buffer: Buffer, start: number, end: number): void {
    const kept = this.#kept;
    if (kept === undefined || kept.has(buffer, start, end)) return;
    kept.add(buffer, start, end);
    this.#node.content.remove(buffer.subarray(start, end));
  }

  /** A key that the copy, or the stream meanwhile, has brought: it stays. */
  keep(buffer: Buffer, at: number): void {
    if (this.#kept === undefined) return;
    const start = at + keyOffset(buffer[at]!);
    this.#kept.add(buffer, start, start + buffer[at + 1]!);
  }

  /** An item of the copy, applied already. */
  onItem(buffer: Buffer, at: number, end: number): void {
    this.#items++;
    this.#bytes += end - at;
    this.keep(buffer, at);
  }
}

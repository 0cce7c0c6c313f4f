// What the peer says: its records, applied to the store as they come.

import { toExpiry } from "@marugoto/core";
import { MutationKind } from "@marugoto/server";
import type { RecordHandler, RepRecord } from "./record-parser.ts";
import type { RepcachedReplication } from "./repcached-replication.ts";

export class Receiver implements RecordHandler {
  readonly #node: RepcachedReplication;
  /** Second of the clock of the last flush that was ordered for later. */
  flushAt = 0;

  constructor(node: RepcachedReplication) {
    this.#node = node;
  }

  onRep(record: RepRecord): void {
    this.#noteRecord();
    const { store, clock } = this.#node.live;
    const { key, flags, exptime, value, casHigh, casLow } = record;
    const expiry = toExpiry(exptime, clock);
    const isGone = expiry !== 0 && expiry <= clock.seconds;
    if (isGone || !store.fits(key.length, value.length, flags)) {
      this.#node.live.applyMutation({ kind: MutationKind.remove, key });
    } else {
      const marks = { stale: false, winSent: false };
      this.#node.live.applyMutation({ kind: MutationKind.put, key, flags, expiry, casHigh, casLow, value, ...marks });
    }
    this.#repeat(key);
  }

  onTooLarge(key: Buffer): void {
    this.#node.counts.skipped++;
    this.#node.live.applyMutation({ kind: MutationKind.remove, key });
  }

  onDelete(key: Buffer): void {
    this.#noteRecord();
    this.#node.live.applyMutation({ kind: MutationKind.remove, key });
    this.#repeat(key);
  }

  onFlush(at: number): void {
    this.#noteRecord();
    const { clock } = this.#node.live;
    const second = toExpiry(Math.max(at, 0), clock);
    // repcached tells a flush_all 0 as one at the second of its own start: whatever lies in the past means now.
    this.flushAt = second > clock.seconds ? second : 0;
    this.#node.live.applyMutation({ kind: MutationKind.flush, flushAt: this.flushAt });
  }

  onCopyEnd(): void {
    if (this.#node.state !== "copying") return;
    this.#node.isFresh = false;
    this.#node.copyEnded("in", this.#node.counts.records, this.#node.socket?.bytesRead ?? 0);
    this.#node.happened("copied", `${this.#node.counts.records} records have come`);
  }

  #noteRecord(): void {
    this.#node.counts.records++;
    // A copy that breaks off leaves nothing that the next one does not bring again.
    if (this.#node.state !== "copying") this.#node.isFresh = false;
  }

  /** After a copy that was sent again, the peer may have lost what it sent before it began: it hears it back. */
  #repeat(key: Buffer): void {
    const feed = this.#node.feed;
    if (feed?.repeats !== true) return;
    const item = this.#node.live.store.find(key, 0, key.length);
    if (item === 0) feed.remove(key, 0, key.length);
    else feed.put(item, key, 0, key.length);
    feed.send();
  }
}

// A node that follows us: its cursor in the log, the copy it may need first, and the messages that must come after
// what was logged before them. Writes only while its link takes everything, so that a slow one costs no memory but the
// log's.

import type { Content } from "../environment.ts";
import { Scratch, type EffectLog } from "../log/effect-log.ts";
import { MessageKind, writePlain } from "../wire/messages.ts";
import type { Peer } from "./peer.ts";
import type { Receiver } from "./protection.ts";

/** The most of the log that is handed to a link in one piece. */
const MAX_PIECE_BYTES = 1024 * 1024;

/** About how many bytes of items a copy sends before others have their turn. */
const SLICE_BYTES = 128 * 1024;

/** A slice in which there is nothing goes on for so long: an index with few items is long to walk. */
const SLICE_MS = 1;

/** What a downstream needs of the node. */
export interface DownstreamHost {
  readonly log: EffectLog;
  readonly content: Content;
  /** Our own content is whole, so that it can be copied. */
  readonly complete: boolean;
  nowMs(): number;
  defer(task: () => void): void;
  /** Its copy has to begin (again): says `copyBegin` and returns the offset from which the stream goes on. */
  beginCopy(downstream: Downstream): number;
  onCopied(downstream: Downstream): void;
  onInStep(downstream: Downstream): void;
}

export class Downstream implements Receiver {
  readonly peer: Peer;
  /** Offset of the next byte to send. */
  cursor = 0;
  /** End of what its kernel, or ours, has: it reaches the replica even if this process dies. */
  taken = 0;
  /** End of what it said it has applied. */
  acked = 0;
  /** When it last took or applied something while it had much before it. */
  progressMs = -Infinity;
  restsUntilMs = -Infinity;
  restMs = 0;
  /** It has all that is logged, and its link keeps up; answers may wait for it. */
  inStep = false;
  /** Attached: it gets the stream. False between `follow` and the end of a merge. */
  streaming = false;
  /** Where the copy stands; undefined = none is under way. */
  copy: { cursor: number; items: number; bytes: number; readonly sinceMs: number } | undefined;
  /** What it sends to be merged, until `mergeEnd`: its own changes, or while it streams, those of a node that follows it. */
  merge: { readonly records: Scratch; readonly epoch: number } | undefined;
  readonly rank: number;
  readonly #host: DownstreamHost;
  /** Messages, each behind the log up to `at`. */
  #outbox: { readonly at: number; readonly message: Buffer }[] = [];
  /** The link still reads from the log; it gets the next piece when it has this one, so there is one at most. */
  #giveBack: (() => void) | undefined;
  /** Room for a slice. */
  #scratch: Scratch | undefined;
  #sliceIsDue = false;
  #needsCopy = false;
  /** Where it stood when the stream alone was left to apply. */
  #liveFrom = 0;

  constructor(host: DownstreamHost, peer: Peer, rank: number) {
    this.#host = host;
    this.peer = peer;
    this.rank = rank;
  }

  /** Sends a message behind everything that is logged so far, and before what is logged later. */
  post(message: Buffer): void {
    this.#outbox.push({ at: this.#host.log.end, message });
    this.pump();
  }

  /** The stream goes on from `offset`, without a copy. */
  streamFrom(offset: number): void {
    this.cursor = offset;
    this.taken = offset;
    this.#liveFrom = offset;
    this.streaming = true;
    this.pump();
  }

  /** What it has is of no use any more: a copy, as soon as our own content is whole. */
  startCopy(): void {
    this.truncate(this.#host.log.end);
    this.#needsCopy = true;
    this.inStep = false;
    this.streaming = true;
    this.copy = undefined;
    this.pump();
  }

  /** The log ends at `end` now: what we said of it before is true no longer, and is said anew. */
  truncate(end: number): void {
    this.#outbox = this.#outbox
      .filter(({ message }) => message[0] !== MessageKind.state)
      .map(({ at, message }) => ({ at: Math.min(at, end), message }));
  }

  /** It gets the stream alone, no copy. */
  get isLive(): boolean {
    return this.streaming && this.copy === undefined && !this.#needsCopy;
  }

  /** End of what it has applied, as far as we know. */
  get applied(): number {
    return Math.max(this.acked, this.#liveFrom);
  }

  /** All of the log is with the kernel. */
  get hasAll(): boolean {
    return this.streaming && !this.#needsCopy && this.cursor === this.#host.log.end && this.peer.link.waiting === 0;
  }

  /** Sends what there is, as far as the link takes it. */
  pump(): void {
    const { link } = this.peer;
    if (!this.streaming) {
      this.#sendOutbox(Infinity);
      return;
    }
    if (link.waiting === 0) {
      this.taken = this.cursor;
      this.#giveBack?.();
      this.#giveBack = undefined;
    }
    while (link.waiting === 0 && this.peer.established) {
      if (this.#needsCopy) {
        if (!this.#host.complete) return;
        this.#needsCopy = false;
        this.copy = { cursor: 0, items: 0, bytes: 0, sinceMs: this.#host.nowMs() };
        this.cursor = this.#host.beginCopy(this);
        this.taken = this.cursor;
      }
      const next = this.#outbox[0]?.at ?? Infinity;
      if (next <= this.cursor) {
        this.#sendOutbox();
        continue;
      }
      const piece = this.#host.log.read(this.cursor, Math.min(MAX_PIECE_BYTES, next - this.cursor));
      if (piece === undefined) {
        // It fell behind what the log keeps.
        this.startCopy();
        return;
      }
      if (piece.length === 0) break;
      const from = this.cursor;
      this.cursor += piece.length;
      if (link.write(piece)) this.taken = this.cursor;
      else this.#giveBack = this.#host.log.lend(from);
    }
    if (link.waiting > 0 || !this.peer.established) return;
    if (this.copy !== undefined) this.#sliceSoon();
    else if (!this.inStep && this.hasAll) {
      this.inStep = true;
      this.restsUntilMs = -Infinity;
      this.restMs = 0;
      this.#host.onInStep(this);
    }
  }

  /** Sends the messages whose place in the stream is reached. */
  #sendOutbox(until = this.cursor): void {
    let due = 0;
    while (due < this.#outbox.length && this.#outbox[due]!.at <= until) due++;
    if (due === 0) return;
    const messages = this.#outbox.splice(0, due).map(({ message }) => message);
    this.peer.send(messages.length === 1 ? messages[0]! : Buffer.concat(messages));
  }

  #sliceSoon(): void {
    if (this.#sliceIsDue) return;
    this.#sliceIsDue = true;
    this.#host.defer(() => {
      this.#sliceIsDue = false;
      this.#slice();
    });
  }

  /** Items as they are now, behind all that was logged before: whatever order they are visited in, the replica ends right. */
  #slice(): void {
    const { copy } = this;
    const { link } = this.peer;
    if (copy === undefined || !this.peer.established || link.waiting > 0) return;
    if (this.cursor !== this.#host.log.end) {
      this.pump();
      return;
    }
    const scratch = this.#scratch ?? new Scratch(SLICE_BYTES * 2);
    scratch.clear();
    const endMs = this.#host.nowMs() + SLICE_MS;
    do copy.cursor = this.#host.content.copySome(copy.cursor, SLICE_BYTES, scratch);
    while (copy.cursor !== -1 && scratch.at === 0 && this.#host.nowMs() < endMs);
    const { written } = scratch;
    copy.items += countRecords(written);
    copy.bytes += written.length;
    // What the link still holds is not written again.
    this.#scratch = written.length === 0 || link.write(written) ? scratch : undefined;
    if (copy.cursor === -1) {
      link.write(writePlain(MessageKind.copyEnd, copy.items));
      this.#host.onCopied(this);
      this.copy = undefined;
      this.#liveFrom = this.cursor;
      this.#scratch = undefined;
    }
    this.pump();
  }
}

function countRecords(records: Buffer): number {
  let count = 0;
  for (let at = 0; at < records.length; at += records.readUInt32BE(at + 4)) count++;
  return count;
}

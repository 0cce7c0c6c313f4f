// The place of one request in its client's queue of answers, and the sink of what its server says. Answers leave in the
// order of the requests: what comes early waits in its slot. The two roles end apart (a client may go, or be told that
// time is up, before the server has answered); when both have ended the slot is used again.

import { CacheError } from "@marugoto/core";
import type { Sink } from "@marugoto/client";
import { Lines, Reply, type TextResponse } from "@marugoto/protocol";
import { isError } from "../recovery/ask.ts";
import { NodeCount, type Node } from "../routing/node.ts";
import type { ProxyPool } from "../routing/proxy-pool.ts";
import { ByteQueue, type BufferPool } from "./byte-queue.ts";
import { ErrorLines } from "./error-lines.ts";
import { isRowOf } from "./fitting-replies.ts";
import type { Session } from "./session.ts";

/** A longer value begins to leave before it is whole. */
const WHOLE_VALUE_BYTES = 1024 * 1024;

const MAX_KEY_BYTES = 250;
const nothing = Buffer.alloc(0);
const CRLF = Buffer.from("\r\n", "latin1");

/** What of the answers the client is shown. */
export const Show = {
  all: 0,
  /** Everything but the MN that was put behind a quiet meta request. */
  butNoop: 1,
  /** Nothing: noreply. */
  nothing: 2,
} as const;

export type Show = (typeof Show)[keyof typeof Show];

export class Slot implements Sink {
  /** Null: its client is gone. */
  session: Session | null = null;
  /** The next in the client's queue. */
  next: Slot | null = null;
  /** The client's part of it is over: nothing is added to its answer. */
  done = false;
  inQueue = false;
  /** A server's answer is awaited. */
  inFlight = false;
  show: Show = Show.all;
  pool: ProxyPool | null = null;
  node: Node | null = null;
  /** By `performance.now()`. */
  deadlineMs = Infinity;
  /** Bytes of the request that its server has. */
  sentBytes = 0;
  /** Bytes that wait for the requests before this one. */
  readonly held: ByteQueue;
  /** It may change the value of its key. */
  isWrite = false;
  /** Bits `1 << Reply` of the answers that fit. */
  fitting = -1;
  /** It is a row for its key or nothing. */
  isGet = false;
  /** Its key, `keyBytes` long. */
  key = nothing;
  keyBytes = 0;
  /** A miss of it is for the pool's leases to tell. */
  isLeased = false;
  /** When it no longer waits for another to load the value, by `performance.now()`; Infinity: it has not waited yet. */
  leaseUntilMs = Infinity;
  leaseTimer: NodeJS.Timeout | undefined;
  /** Others that ask for the same may have its answer, too. */
  isFlight = false;
  /** Slots of other clients that asked for the same and get the same answer. */
  followers: Slot[] | null = null;
  /** Something of the answer has come: nobody can follow any more. */
  started = false;
  /** A value has left in part. */
  #midValue = false;
  /** A value that comes in pieces and leaves when it is whole: should its server fail meanwhile, the client can be told. */
  readonly #aside: ByteQueue;
  #isAside = false;
  /** What was asked for has come; what ends it may not have. */
  #gaveAnswer = false;

  constructor(buffers: BufferPool) {
    this.held = new ByteQueue(buffers);
    this.#aside = new ByteQueue(buffers);
  }

  reset(): void {
    this.session = null;
    this.next = null;
    this.done = false;
    this.show = Show.all;
    this.pool = null;
    this.node = null;
    this.deadlineMs = Infinity;
    this.isWrite = this.isLeased = this.isFlight = this.isGet = false;
    this.fitting = -1;
    this.leaseUntilMs = Infinity;
    this.leaseTimer = undefined;
    this.keyBytes = 0;
    this.followers = null;
    this.started = false;
    this.#midValue = this.#isAside = this.#gaveAnswer = false;
    this.#aside.clear();
    this.held.clear();
  }

  /** Keeps a copy of the key `bytes[start, end)`. */
  keepKey(bytes: Uint8Array, start: number, end: number): void {
    if (this.key.length === 0) this.key = Buffer.allocUnsafeSlow(MAX_KEY_BYTES);
    const { key } = this;
    for (let i = start; i < end; i++) key[i - start] = bytes[i]!;
    this.keyBytes = end - start;
  }

  /** Latin1. */
  keyText(): string {
    return this.key.toString("latin1", 0, this.keyBytes);
  }

  /** Whether one who asks for the same now can have its answer. */
  get canBeFollowed(): boolean {
    return this.isFlight && this.inFlight && !this.started && !this.done;
  }

  /** Gets the answer of another, whatever that is. */
  follow(leader: Slot): void {
    this.inFlight = true;
    (leader.followers ??= []).push(this);
  }

  /** Adds to the client's answer; kept while requests before it are unanswered. */
  give(bytes: Uint8Array, start: number, end: number): void {
    if (this.done || this.show === Show.nothing) return;
    const { session } = this;
    if (session === null) return;
    if (session.head === this) session.give(bytes, start, end);
    else this.held.append(bytes, start, end);
  }

  /** Where its answer is to be appended, without `give`; null: nowhere. Call `session.touch()` afterwards. */
  target(): ByteQueue | null {
    const { session } = this;
    if (this.done || session === null || this.show === Show.nothing) return null;
    return session.head === this ? session.output : this.held;
  }

  /** The client's answer is complete. */
  finish(): void {
    if (this.done) return;
    this.done = true;
    if (this.session !== null) this.session.finished(this);
  }

  /** It has left its client's queue, or its client has gone. */
  leaveQueue(): void {
    this.inQueue = false;
    if (!this.inFlight) this.pool?.core.slots.give(this);
  }

  // ---- Sink ----

  onAnswer(response: TextResponse, last: boolean): void {
    if (!this.#fits(response)) {
      this.#refuse(last);
      return;
    }
    if (this.isLeased && !this.started && response.reply === Reply.end && this.pool!.leases !== undefined) {
      this.node!.counts[NodeCount.responses]!++;
      this.#missed();
      return;
    }
    if (response.valueBytes >= 0) {
      if (response.valueStart < 0) {
        this.#valueEnds();
      } else {
        this.#giveAll(response.input, response.lineStart, response.valueEnd + 2);
      }
      this.#gaveAnswer = true;
    } else if (this.show !== Show.butNoop || response.reply !== Reply.metaNoop) {
      this.#giveAll(response.input, response.lineStart, response.lineEnd);
      this.#gaveAnswer = this.show === Show.butNoop;
    }
    if (last) {
      const { counts } = this.node!;
      counts[NodeCount.responses]!++;
      if (this.isWrite) {
        if (!isError(response.reply)) counts[NodeCount.writes]!++;
        this.pool!.leases?.written(this.keyText());
      }
      this.land();
    }
  }

  onValueStart(response: TextResponse): void {
    if (!this.#fits(response)) {
      this.#refuse(false);
      return;
    }
    this.started = true;
    this.#isAside = response.valueBytes <= WHOLE_VALUE_BYTES;
    this.#midValue = !this.#isAside;
    this.#valuePiece(response.input, response.lineStart, response.lineEnd);
  }

  onValuePiece(buffer: Buffer, start: number, end: number): void {
    this.#valuePiece(buffer, start, end);
  }

  #valuePiece(buffer: Buffer, start: number, end: number): void {
    if (this.#isAside) this.#aside.append(buffer, start, end);
    else this.#giveAll(buffer, start, end);
  }

  #valueEnds(): void {
    this.#midValue = false;
    if (!this.#isAside) {
      this.#giveAll(CRLF, 0, 2);
      return;
    }
    this.#isAside = false;
    const aside = this.#aside;
    aside.append(CRLF, 0, 2);
    this.node!.counts[NodeCount.responseBytes]! += aside.length;
    if (this.followers !== null) {
      for (const follower of this.followers) {
        const target = follower.target();
        if (target === null) continue;
        aside.copyTo(target, 0, aside.length);
        follower.session?.touch();
      }
    }
    const target = this.target();
    if (target === null) {
      aside.clear();
      return;
    }
    target.take(aside);
    this.session?.touch();
  }

  #fits(response: TextResponse): boolean {
    if (((this.fitting >> response.reply) & 1) === 0) return false;
    // Behind a value that came in pieces the key is not there any more; it was looked at before them.
    if (!this.isGet || response.reply !== Reply.value || (response.valueStart < 0 && (this.#midValue || this.#isAside)))
      return true;
    return isRowOf(response, this.key, 0, this.keyBytes);
  }

  /** The answer is another's: the connection ends, and with it all that waits on it. */
  #refuse(last: boolean): void {
    const node = this.node!;
    this.pool!.violated(node, this.pool!.linkOf(node, this.key, 0, this.keyBytes));
    // Its oldest request has been told by the connection, unless that has taken it off already.
    if (last) this.onFailure(new CacheError("protocol_violation", `${node.name}: an answer that does not fit`));
  }

  onFailure(error: CacheError): void {
    if (this.isWrite) this.#lost();
    this.fail(this.node!.failed(error));
  }

  onDeadline(nowMs: number): number {
    // A value that is on its way is not cut short: when it stands still, the connection ends.
    if (this.#midValue) return nowMs + this.pool!.config.timeouts.requestMs;
    if (!this.done && this.deadlineMs <= nowMs) {
      if (this.isWrite) this.#lost();
      this.pool!.timedOut(this.node!);
      this.#giveUp(this.#lastWords(ErrorLines.timedOut));
    }
    const next = this.followers === null ? Infinity : this.#expireFollowers(nowMs);
    if (next === Infinity) this.land();
    return next;
  }

  /** The whole answer at once, from elsewhere than a connection to its server. */
  answerWhole(bytes: Buffer): void {
    if (this.show === Show.nothing && bytes.toString("latin1", 0, 12) === "SERVER_ERROR") {
      this.node!.counts[NodeCount.lostNoreplies]!++;
    }
    this.give(bytes, 0, bytes.length);
    this.land();
  }

  /** No answer will come: tells so its client, and those of its followers. */
  fail(line: Buffer): void {
    if (this.#midValue) {
      // Half a value has left: only the end of the connection can say that the rest won't come.
      this.session?.destroy();
      if (this.followers !== null) for (const follower of this.followers) follower.session?.destroy();
    } else if (this.show === Show.nothing) {
      this.node!.counts[NodeCount.lostNoreplies]!++;
    } else {
      const words = this.#lastWords(line);
      this.#giveAll(words, 0, words.length);
    }
    this.land();
  }

  #giveAll(bytes: Uint8Array, start: number, end: number): void {
    this.started = true;
    this.node!.counts[NodeCount.responseBytes]! += end - start;
    this.give(bytes, start, end);
    if (this.followers !== null) for (const follower of this.followers) follower.give(bytes, start, end);
  }

  /** The server's part of it is over. */
  land(): void {
    this.inFlight = false;
    this.#countOff();
    const { followers } = this;
    if (followers !== null) {
      this.followers = null;
      for (const follower of followers) follower.land();
    }
    if (this.session !== null && !this.done) this.finish();
    else if (!this.inQueue) this.pool!.core.slots.give(this);
  }

  #lost(): void {
    const key = this.keyText();
    this.pool!.lostWrite(this.node!, key);
    this.pool!.leases?.written(key);
  }

  /** Nobody has the value: the leases say who is told so, and who waits. */
  #missed(): void {
    this.#countOff();
    this.isFlight = false;
    const { followers } = this;
    this.followers = null;
    const leases = this.pool!.leases!;
    leases.missed(this);
    if (followers !== null) for (const follower of followers) leases.missed(follower);
  }

  #countOff(): void {
    if (this.sentBytes === 0) return;
    this.node!.counts[NodeCount.unansweredBytes]! -= this.sentBytes;
    this.sentBytes = 0;
  }

  /** What ends an answer of which no more comes: an error, unless all that was asked for has come. */
  #lastWords(error: Buffer): Buffer {
    if (!this.#gaveAnswer) return error;
    return this.isGet ? Lines.end : nothing;
  }

  #giveUp(words: Buffer): void {
    this.give(words, 0, words.length);
    this.finish();
  }

  #expireFollowers(nowMs: number): number {
    let next = Infinity;
    const waiting: Slot[] = [];
    for (const follower of this.followers!) {
      if (follower.done) {
        follower.land();
      } else if (follower.deadlineMs <= nowMs) {
        follower.#giveUp(this.#lastWords(ErrorLines.timedOut));
        follower.land();
      } else {
        waiting.push(follower);
        if (follower.deadlineMs < next) next = follower.deadlineMs;
      }
    }
    this.followers = waiting.length === 0 ? null : waiting;
    return next;
  }
}

/** Slots that are free. */
export class SlotPool {
  readonly #buffers: BufferPool;
  readonly #free: Slot[] = [];

  constructor(buffers: BufferPool) {
    this.#buffers = buffers;
  }

  take(): Slot {
    return this.#free.pop() ?? new Slot(this.#buffers);
  }

  give(slot: Slot): void {
    slot.reset();
    if (this.#free.length < 4096) this.#free.push(slot);
  }
}

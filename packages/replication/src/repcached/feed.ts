// The stream towards one repcached: effects in the order in which they happened, the copy between them, bounded memory.
// It writes to a socket it is given and doesn't know who dialled it.

import type { Socket } from "node:net";
import type { Clock } from "@marugoto/core";
import type { Store } from "@marugoto/storage";
import { RecordWriter } from "./record-writer.ts";

export interface FeedOptions {
  /** Second of the clock of a flush that was ordered for later; 0 = none. Told behind a copy. */
  readonly flushAt: () => number;
  /** Bytes that may wait for a peer that reads slowly; above that they are dropped, and the copy is sent again. */
  readonly backlogBytes: number;
  /** Called when a copy has been handed to the kernel as far as its end, with the number of items. */
  readonly onCopied: (items: number) => void;
  /** Called when the peer was too slow, and everything is to be sent again. */
  readonly onOverflow: () => void;
}

/** Bytes that one slice of a copy ends at: some hundred small items, below a millisecond. */
const SLICE_BYTES = 64 * 1024;

/** Items looked at before the bytes are counted: they may be large. */
const WALK_ITEMS = 8;

/** A copy goes on while less than this waits in the socket. */
const COPY_AHEAD_BYTES = 512 * 1024;

/** Bytes of effects that gather before they are handed to the socket in the middle of a client's batch. */
const WRITE_BYTES = 64 * 1024;

export class Feed {
  /** Mutations sent so far. */
  mutations = 0;
  /** Items sent in copies. */
  copiedItems = 0;
  /** How often the peer was too slow, and everything was sent again. */
  recopies = 0;
  readonly #socket: Socket;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #options: FeedOptions;
  readonly #writer = new RecordWriter();
  /** Where the present copy is: undefined = there is none. */
  #cursor: number | undefined;
  #copied = 0;
  /** Bytes of the last slice: they wait by this side's own doing, and are no sign of a slow peer. */
  #sliceBytes = 0;
  /** The copy under way is the first one, whose end the peer waits for. */
  #isFirst = false;
  /** Too much waits: nothing is written until it has left. */
  #isBehind = false;
  #isStepping = false;
  #isSendingSoon = false;
  #drains: (() => void)[] = [];

  constructor(socket: Socket, store: Store, clock: Clock, options: FeedOptions) {
    this.#socket = socket;
    this.#store = store;
    this.#clock = clock;
    this.#options = options;
    socket.on("close", this.#onWritten);
  }

  /** True when the kernel has everything that was sent, and delivers it even if this process dies. */
  get isDrained(): boolean {
    return !this.#isBehind && this.#writer.length === 0 && this.#socket.writableLength === 0;
  }

  /** No copy is under way, and nothing had to be dropped. */
  get isInStep(): boolean {
    return !this.#isBehind && this.#cursor === undefined;
  }

  /** Everything was dropped once, so that the peer hears back even what came from it. */
  get repeats(): boolean {
    return this.recopies > 0;
  }

  // ---- what changed ----

  /** The item has a new state. A stale one is gone for the peer, which has no word for it. */
  put(item: number, key: Buffer, keyStart: number, keyEnd: number): void {
    this.mutations++;
    if (this.#isBehind) return;
    if (this.#isGone(item)) this.#writer.delete(key, keyStart, keyEnd);
    else this.#writer.rep(this.#store, item, this.#clock.startedAtUnix);
    this.#gathered();
  }

  remove(key: Buffer, keyStart: number, keyEnd: number): void {
    this.mutations++;
    if (this.#isBehind) return;
    this.#writer.delete(key, keyStart, keyEnd);
    this.#gathered();
  }

  /** @param at second of the clock; 0 = at once */
  flush(at: number): void {
    this.mutations++;
    if (this.#isBehind) return;
    this.#writeFlush(at);
    this.#gathered();
  }

  // ---- towards the socket ----

  /** Hands what has gathered to the kernel. @returns `isDrained` */
  send(): boolean {
    const { length } = this.#writer;
    if (length > 0 && !this.#isBehind && !this.#socket.destroyed) {
      this.#socket.write(this.#writer.bytes, this.#onWritten);
      this.#writer.taken(this.#socket.writableLength === 0);
      if (this.#socket.writableLength > this.#options.backlogBytes + this.#sliceBytes) this.#fallBehind();
    }
    return this.isDrained;
  }

  /** Fulfils when the kernel has everything, or the link is gone. */
  drained(): Promise<void> {
    if (this.isDrained || this.#socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => this.#drains.push(resolve));
  }

  /** Fulfils when the peer has been sent all there is, copies included, or the link is gone. */
  async settled(): Promise<void> {
    while (!this.#socket.destroyed) {
      this.send();
      if (this.isInStep && this.isDrained) return;
      await new Promise<void>((resolve) => this.#drains.push(resolve));
    }
  }

  // ---- the copy ----

  /** Begins to send everything, and `marugoto_end` behind it. What changes meanwhile goes between. */
  startCopy(): void {
    this.#isFirst = true;
    this.#beginCopy();
  }

  #beginCopy(): void {
    this.#cursor = 0;
    this.#copied = 0;
    this.#step();
  }

  readonly #step = (): void => {
    this.#isStepping = false;
    let cursor = this.#cursor;
    if (cursor === undefined || this.#isBehind || this.#socket.destroyed) return;
    const before = this.#writer.length;
    while (cursor !== -1 && this.#writer.length - before < SLICE_BYTES) {
      cursor = this.#store.walk(cursor, WALK_ITEMS, this.#copyItem);
    }
    this.#sliceBytes = this.#writer.length - before;
    this.#cursor = cursor;
    if (cursor === -1) {
      this.#endCopy();
      return;
    }
    this.send();
    this.#stepSoon();
  };

  readonly #copyItem = (item: number): void => {
    if (this.#store.isStale(item)) return;
    this.#writer.rep(this.#store, item, this.#clock.startedAtUnix);
    this.#copied++;
  };

  #stepSoon(): void {
    if (this.#isStepping || this.#socket.writableLength > COPY_AHEAD_BYTES) return;
    this.#isStepping = true;
    setImmediate(this.#step);
  }

  #endCopy(): void {
    this.#cursor = undefined;
    this.copiedItems += this.#copied;
    const flushAt = this.#options.flushAt();
    if (flushAt > this.#clock.seconds) this.#writeFlush(flushAt);
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    if (isFirst) this.#writer.copyEnd();
    this.send();
    if (isFirst) this.#options.onCopied(this.#copied);
    this.#wake();
  }

  // ---- a peer that is too slow ----

  #gathered(): void {
    if (this.#writer.length >= WRITE_BYTES) this.send();
    if (this.#isSendingSoon) return;
    // What is acknowledged leaves before its answer; this is for what has no answer.
    this.#isSendingSoon = true;
    setImmediate(this.#sendNow);
  }

  readonly #sendNow = (): void => {
    this.#isSendingSoon = false;
    this.send();
  };

  /** repcached would hang up here, and both sides would be masters. The link stays; all is said anew once it is free. */
  #fallBehind(): void {
    this.#isBehind = true;
    this.#cursor = undefined;
    this.#writer.clear();
    this.recopies++;
    this.#options.onOverflow();
  }

  readonly #onWritten = (): void => {
    if (this.#socket.writableLength === 0 && this.#isBehind && !this.#socket.destroyed) {
      this.#isBehind = false;
      this.#writer.flush();
      this.#beginCopy();
    } else if (this.#cursor !== undefined) {
      this.#stepSoon();
    }
    this.#wake();
  };

  #wake(): void {
    if (!this.isDrained && !this.#socket.destroyed) return;
    for (const resolve of this.#drains.splice(0)) resolve();
  }

  #writeFlush(at: number): void {
    this.#writer.flush(at === 0 ? undefined : at + this.#clock.startedAtUnix);
  }

  #isGone(item: number): boolean {
    const expiry = this.#store.expiry(item);
    return this.#store.isStale(item) || (expiry !== 0 && expiry <= this.#clock.seconds);
  }
}

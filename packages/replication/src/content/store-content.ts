// The content of a node over a real store: items to records and back. Expiries travel as group time in milliseconds, so
// that nodes whose clocks differ agree to within a second, and a round trip changes nothing.

import { ALREADY_EXPIRED, LAST_EXPIRY, NEVER, type Clock } from "@marugoto/core";
import type { Mutation } from "@marugoto/server";
import { MutationKind } from "@marugoto/server";
import { ItemFields, type Store } from "@marugoto/storage";
import type { Content, RecordSink } from "../environment.ts";
import {
  EXPIRED_MS,
  Mark,
  PUT_HEAD_BYTES,
  readExpiry,
  readLength,
  readRank,
  readTime,
  RecordKind,
  TOUCH_HEAD_BYTES,
  writeFlush,
  writeHead,
  writeRemove,
  writeUint48,
  keyOffset,
} from "../log/records.ts";

/** A clock that differs more than this from what it was is taken to have been moved. */
const CLOCK_MOVED_MS = 1500;

/** Most items visited in one go of a copy. */
const COPY_ITEMS = 512;

export interface StoreContentParts {
  readonly store: Store;
  readonly clock: Clock;
  /** Unix time in milliseconds. */
  readonly unixMs: () => number;
  /** Executes a request as a client of the server would have it executed. */
  readonly execute: (request: Buffer) => Buffer;
}

export class StoreContent implements Content {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #unixMs: () => number;
  readonly #execute: (request: Buffer) => Buffer;
  readonly #key = Buffer.alloc(256);
  /** Of the item that is being written. */
  readonly #fields = new ItemFields();
  #skewMs = 0;
  /** Second of the clock of a flush that was ordered for later; one that lies in the past has happened. */
  #flushAt = 0;
  /** Unix time of the clock's second 0 in milliseconds. */
  #zeroMs: number;
  /** The second of the clock in which that was last looked at. */
  #zeroSeenAt: number;

  constructor({ store, clock, unixMs, execute }: StoreContentParts) {
    this.#store = store;
    this.#clock = clock;
    this.#unixMs = unixMs;
    this.#execute = execute;
    this.#zeroMs = unixMs() - clock.seconds * 1000;
    this.#zeroSeenAt = clock.seconds;
  }

  setSkew(skewMs: number): void {
    this.#skewMs = skewMs;
  }

  // ---- store → records ----

  /** Appends an effect of this server's own commands. */
  record(mutation: Mutation, sink: RecordSink, timeMs: number, rank: number): void {
    const { key, keyStart, keyEnd, item } = mutation;
    switch (mutation.kind) {
      case MutationKind.put:
        this.#writePut(sink, RecordKind.put, item, timeMs, rank);
        return;
      case MutationKind.remove:
        writeRemove(sink, key, keyStart, keyEnd, timeMs, rank);
        return;
      case MutationKind.touch: {
        const length = TOUCH_HEAD_BYTES + keyEnd - keyStart;
        sink.reserve(length);
        const { buffer, view, at } = sink;
        writeHead(view, at, RecordKind.touch, keyEnd - keyStart, 0, rank, length, timeMs);
        writeUint48(view, at + 14, this.#toGroup(this.#store.expiry(item)));
        key.copy(buffer, at + TOUCH_HEAD_BYTES, keyStart, keyEnd);
        sink.commit(length);
        return;
      }
      case MutationKind.flush:
        this.#flushAt = mutation.flushAt;
        writeFlush(sink, mutation.flushAt === 0 ? 0 : this.#toGroup(mutation.flushAt), timeMs, rank);
        return;
    }
  }

  encodeKey(key: Buffer, sink: RecordSink, kind: number, timeMs: number, rank: number): boolean {
    const item = this.#store.find(key, 0, key.length);
    if (item === 0) return false;
    this.#writePut(sink, kind, item, timeMs, rank);
    return true;
  }

  copySome(cursor: number, bytes: number, sink: RecordSink): number {
    const store = this.#store;
    // An empty index is long to walk, too.
    if (store.currItems === 0) return -1;
    const average = Math.max(1, store.liveBytes / store.currItems);
    const items = Math.max(1, Math.min(COPY_ITEMS, Math.floor(bytes / average)));
    return store.walk(cursor, items, (item) => {
      this.#writePut(sink, RecordKind.copied, item, 0, 0);
    });
  }

  sweepSome(cursor: number, items: number, visit: (key: Buffer, start: number, end: number) => boolean): number {
    const store = this.#store;
    return store.walk(cursor, items, (item) => {
      const keyEnd = store.copyKey(item, this.#key, 0);
      if (visit(this.#key, 0, keyEnd)) store.remove(item);
    });
  }

  #writePut(sink: RecordSink, kind: number, item: number, timeMs: number, rank: number): void {
    const store = this.#store;
    const fields = this.#fields;
    store.readFields(item, fields);
    const { keyBytes, valueBytes, flags, casHigh, casLow } = fields;
    const marks = (fields.isStale ? Mark.stale : 0) | (fields.isWinSent ? Mark.winSent : 0);
    const expiry = this.#toGroup(fields.expiry);
    const length = PUT_HEAD_BYTES + keyBytes + valueBytes;
    sink.reserve(length);
    const { buffer, view, at } = sink;
    writeHead(view, at, kind, keyBytes, marks, rank, length, timeMs);
    writeUint48(view, at + 14, expiry);
    view.setInt32(at + 20, flags);
    view.setInt32(at + 24, casHigh);
    view.setInt32(at + 28, casLow);
    store.copyKeyAndValue(item, buffer, at + PUT_HEAD_BYTES);
    sink.commit(length);
  }

  // ---- records → store ----

  apply(buffer: Buffer, at: number): void {
    const store = this.#store;
    const kind = buffer[at]!;
    if (kind === RecordKind.put || kind === RecordKind.copied) {
      this.#put(buffer, at, buffer.readUInt32BE(at + 24), buffer.readUInt32BE(at + 28));
      return;
    }
    if (kind === RecordKind.flush) {
      const when = readExpiry(buffer, at);
      this.#flushAt = when === 0 ? 0 : this.#toClock(when);
      if (when === 0) store.flush();
      else store.flush(this.#flushAt);
      return;
    }
    const keyStart = at + keyOffset(kind);
    const item = store.find(buffer, keyStart, keyStart + buffer[at + 1]!);
    if (item === 0) return;
    if (kind === RecordKind.remove) store.remove(item);
    else store.setExpiry(item, this.#toClock(readExpiry(buffer, at)));
  }

  remove(key: Buffer): void {
    const item = this.#store.find(key, 0, key.length);
    if (item !== 0) this.#store.remove(item);
  }

  adopt(buffer: Buffer, at: number, sink: RecordSink): void {
    const item = this.#put(buffer, at, 0, 0);
    const keyStart = at + PUT_HEAD_BYTES;
    const keyEnd = keyStart + buffer[at + 1]!;
    const timeMs = readTime(buffer, at);
    const rank = readRank(buffer, at);
    if (item === 0) writeRemove(sink, buffer, keyStart, keyEnd, timeMs, rank);
    else this.#writePut(sink, RecordKind.put, item, timeMs, rank);
  }

  /** @returns the item, or 0 when it found no room; no older value stays then */
  #put(buffer: Buffer, at: number, casHigh: number, casLow: number): number {
    const store = this.#store;
    const keyStart = at + PUT_HEAD_BYTES;
    const keyEnd = keyStart + buffer[at + 1]!;
    const valueEnd = at + readLength(buffer, at);
    const flags = buffer.readUInt32BE(at + 20);
    const expiry = this.#toClock(readExpiry(buffer, at));
    // An item that this node would not take from a client (a smaller -I) counts as one without room.
    const item = store.fits(keyEnd - keyStart, valueEnd - keyEnd, flags)
      ? store.put(buffer, keyStart, keyEnd, flags, expiry, buffer, keyEnd, valueEnd, casHigh, casLow)
      : 0;
    if (item === 0) {
      const old = store.find(buffer, keyStart, keyEnd);
      if (old !== 0) store.remove(old);
      return 0;
    }
    const marks = buffer[at + 2]!;
    if (marks !== 0) {
      if ((marks & Mark.stale) !== 0) store.setStale(item, true);
      if ((marks & Mark.winSent) !== 0) store.setWinSent(item, true);
    }
    return item;
  }

  // ---- the rest ----

  pendingFlush(): number {
    return this.#flushAt > this.#clock.seconds ? this.#toGroup(this.#flushAt) : 0;
  }

  setPendingFlush(whenMs: number): void {
    const wasPending = this.#flushAt > this.#clock.seconds;
    this.#flushAt = whenMs === 0 ? 0 : this.#toClock(whenMs);
    // The store knows no taking back: one at the end of time replaces what was ordered.
    if (whenMs !== 0 || wasPending) this.#store.flush(whenMs === 0 ? LAST_EXPIRY : this.#flushAt);
  }

  get isEmpty(): boolean {
    return this.#store.currItems === 0;
  }

  epoch(): number {
    return this.#store.epoch();
  }

  setEpoch(epoch: number): void {
    this.#store.setEpoch(Math.floor(epoch / 8), epoch % 8);
  }

  execute(request: Buffer): Buffer {
    return this.#execute(request);
  }

  // ---- time ----

  /** Group time of a second of the clock; NEVER is 0. */
  #toGroup(second: number): number {
    if (second === NEVER) return 0;
    if (second === ALREADY_EXPIRED) return EXPIRED_MS;
    return Math.max(EXPIRED_MS + 1, Math.round(second * 1000 + this.#zero() + this.#skewMs));
  }

  #toClock(groupMs: number): number {
    if (groupMs === 0) return NEVER;
    if (groupMs === EXPIRED_MS) return ALREADY_EXPIRED;
    const second = Math.round((groupMs - this.#zero() - this.#skewMs) / 1000);
    return second < ALREADY_EXPIRED ? ALREADY_EXPIRED : Math.min(second, LAST_EXPIRY);
  }

  #zero(): number {
    const { seconds } = this.#clock;
    if (seconds !== this.#zeroSeenAt) {
      this.#zeroSeenAt = seconds;
      const measured = this.#unixMs() - seconds * 1000;
      if (Math.abs(measured - this.#zeroMs) > CLOCK_MOVED_MS) this.#zeroMs = measured;
    }
    return this.#zeroMs;
  }
}

// The segments: which are free, open, closed; appending to the open ones; what each holds in live bytes and when that
// expires. It doesn't know what a record is, nor which segment to empty next.

import { SEGMENT_ENTRY_BYTES, stateInts, stateNumbers, type StoreBuffers } from "./buffers.ts";
import { LAST_EXPIRY } from "@marugoto/core";
import type { Memory } from "./memory.ts";
import { MIN_RECORD_BYTES } from "./record.ts";
import * as S from "./state.ts";

export const FREE = 0;
/** Records are appended to it. */
export const OPEN = 1;
export const CLOSED = 2;
/** Being worked off. */
export const TAKEN = 3;
/** Beyond `maxBytes` since that was lowered. */
export const RETIRED = 4;

/** New items go here first. */
export const PROBATION = 0;
/** What was fetched or moved lies here. */
export const MAIN = 1;

/** An expiry later than all others. */
export const ENDLESS = LAST_EXPIRY;

/** Upper ends, in seconds of remaining time, of the groups after "never", shortest first. */
const FINE_TTL_ENDS = [30, 300, 3600, 86_400] as const;
const COARSE_TTL_END = 300;

export class SegmentLog {
  /** When a segment was opened, in order. */
  sequence!: Float64Array;
  /** Bytes of live records. */
  live!: Int32Array;
  /** Bytes appended so far. */
  fill!: Int32Array;
  /** No live record of the segment expires before. */
  minExpiry!: Int32Array;
  /** No record of the segment expires after; ENDLESS if one never does. */
  maxExpiry!: Int32Array;
  /** Pieces that are being written to sockets and must stay where they are. */
  pins!: Int32Array;
  nextFree!: Int32Array;
  status!: Uint8Array;
  /** Queue and group of remaining time: queue × groups + group. */
  group!: Uint8Array;
  /** 1 when a flush has made everything in it dead, linked or not. */
  flushed!: Uint8Array;
  readonly segmentBytes: number;
  readonly groups: number;
  /** An address, unsigned, shifted right by this is its segment. */
  readonly segmentShift: number;
  /** Items up to this many bytes, header included, lie in one record; larger values in chunks. */
  readonly maxRecordBytes: number;
  /** The most bytes of a value that go into one chunk. */
  readonly maxChunkBytes: number;
  readonly #buffers: StoreBuffers;
  readonly #ints: Int32Array;
  readonly #numbers: Float64Array;
  readonly #memory: Memory;
  readonly #unitShift: number;

  constructor(buffers: StoreBuffers, memory: Memory) {
    this.#buffers = buffers;
    this.#ints = stateInts(buffers);
    this.#numbers = stateNumbers(buffers);
    this.#memory = memory;
    this.#unitShift = memory.unitShift;
    this.segmentShift = this.#ints[S.SEGMENT_SHIFT]! - memory.unitShift;
    this.segmentBytes = 2 ** this.#ints[S.SEGMENT_SHIFT]!;
    this.groups = this.#ints[S.TTL_GROUPS]!;
    this.maxRecordBytes = this.segmentBytes / 16;
    this.maxChunkBytes = Math.min(this.segmentBytes / 4, 64 * 1024);
    this.refresh();
  }

  /** Takes views of the segment table as it is now. */
  refresh(): void {
    const room = this.#ints[S.SEGMENT_ROOM]!;
    const table = this.#buffers.segments;
    const int = (n: number): Int32Array => new Int32Array(table, room * (8 + 4 * n), room);
    const byte = (n: number): Uint8Array => new Uint8Array(table, room * (36 + n), room);
    this.sequence = new Float64Array(table, 0, room);
    this.live = int(0);
    this.fill = int(1);
    this.minExpiry = int(2);
    this.maxExpiry = int(3);
    this.pins = int(4);
    this.nextFree = int(5);
    this.status = byte(0);
    this.group = byte(1);
    this.flushed = byte(2);
  }

  segmentOf(address: number): number {
    return address >>> this.segmentShift;
  }

  /** The address of byte `offset` of a segment. */
  addressOf(segment: number, offset: number): number {
    return ((segment << this.segmentShift) + (offset >>> this.#unitShift)) | 0;
  }

  /** The group of an item by queue and by the time it has left. */
  groupFor(queue: number, expiry: number, now: number): number {
    return queue * this.groups + this.#ttlGroup(expiry, now);
  }

  /**
   * Appends to the open segment of a group, opening one if more than `reserve` are free.
   *
   * @param bytes whole, padded
   * @returns an address, or 0 if there is no room
   */
  append(bytes: number, group: number, reserve: number): number {
    const segment = this.#ints[S.OPEN + group]!;
    if (segment >= 0) {
      const at = this.fill[segment]!;
      if (at + bytes <= this.segmentBytes) {
        this.fill[segment] = at + bytes;
        return this.addressOf(segment, at);
      }
    }
    return this.#appendToNew(bytes, group, reserve);
  }

  /** Appends to any open segment that has room; 0 if none has. */
  appendAnywhere(bytes: number): number {
    for (let group = 2 * this.groups - 1; group >= 0; group--) {
      const segment = this.#ints[S.OPEN + group]!;
      if (segment >= 0 && this.fill[segment]! + bytes <= this.segmentBytes) return this.append(bytes, group, 0);
    }
    return 0;
  }

  /** Bytes left in the open segment of a group; 0 if none is open. */
  roomIn(group: number): number {
    const segment = this.#ints[S.OPEN + group]!;
    return segment < 0 ? 0 : this.segmentBytes - this.fill[segment]!;
  }

  /** Records that something with this expiry now lies in the segment. */
  noteExpiry(segment: number, expiry: number): void {
    const at = expiry === 0 ? ENDLESS : expiry;
    if (at < this.minExpiry[segment]!) {
      this.minExpiry[segment] = at;
      // It may hold expired items from this second on: what was known of this second is void.
      if (at <= this.#ints[S.UNSURE_AT]!) this.#ints[S.UNSURE_AT] = -1;
    }
    if (at > this.maxExpiry[segment]!) this.maxExpiry[segment] = at;
  }

  /** Takes live bytes off a segment; one in which nothing lives any more is free at once. */
  subtractLive(segment: number, bytes: number): void {
    const left = (this.live[segment]! -= bytes);
    if (left === 0 && this.status[segment] === CLOSED && this.flushed[segment] === 0 && this.pins[segment] === 0) {
      this.release(segment);
    }
  }

  /** Closes the open segment of a group, if there is one. */
  close(group: number): void {
    const segment = this.#ints[S.OPEN + group]!;
    if (segment < 0) return;
    this.#ints[S.OPEN + group] = -1;
    this.status[segment] = CLOSED;
    this.subtractLive(segment, 0);
  }

  /** Closes all open segments. */
  closeAll(): void {
    for (let group = 0; group < 2 * this.groups; group++) this.close(group);
  }

  /** Makes everything in all segments dead, though it is still linked. */
  flush(): void {
    this.closeAll();
    for (let segment = this.#ints[S.FRESH]! - 1; segment >= 0; segment--) {
      const status = this.status[segment]!;
      if (status === FREE || status === RETIRED) continue;
      this.flushed[segment] = 1;
      this.live[segment] = 0;
    }
  }

  /** Frees a segment in which nothing is linked any more, or retires it while the store shrinks. */
  release(segment: number): void {
    const ints = this.#ints;
    this.flushed[segment] = 0;
    this.live[segment] = 0;
    if (ints[S.ACTIVE]! > ints[S.GOAL]! && ints[S.FREE_COUNT]! > MOVING_RESERVE) {
      this.#retire(segment);
      return;
    }
    this.status[segment] = FREE;
    this.nextFree[segment] = ints[S.FREE_HEAD]!;
    ints[S.FREE_HEAD] = segment;
    ints[S.FREE_COUNT]!++;
  }

  /** Sets how many segments may be used. Growing, the table must have room for them. */
  setGoal(segments: number): void {
    const ints = this.#ints;
    ints[S.GOAL] = segments;
    while (ints[S.ACTIVE]! < segments) {
      ints[S.ACTIVE]!++;
      ints[S.FREE_COUNT]!++;
      const retired = ints[S.RETIRED_HEAD]!;
      if (retired < 0) continue;
      ints[S.RETIRED_HEAD] = this.nextFree[retired]!;
      this.status[retired] = FREE;
      this.nextFree[retired] = ints[S.FREE_HEAD]!;
      ints[S.FREE_HEAD] = retired;
    }
    // Shrinking: what is free leaves now, down to the few that moving needs.
    while (ints[S.ACTIVE]! > segments && ints[S.FREE_COUNT]! > MOVING_RESERVE) {
      this.#retire(this.#take());
    }
  }

  /** Makes the table larger, for so many segments. */
  extend(room: number): void {
    const old = [
      this.sequence,
      this.live,
      this.fill,
      this.minExpiry,
      this.maxExpiry,
      this.pins,
      this.nextFree,
    ] as const;
    const oldBytes = [this.status, this.group, this.flushed] as const;
    const { shared } = this.#buffers;
    this.#buffers.segments = shared
      ? new SharedArrayBuffer(room * SEGMENT_ENTRY_BYTES)
      : new ArrayBuffer(room * SEGMENT_ENTRY_BYTES);
    this.#ints[S.SEGMENT_ROOM] = room;
    this.#ints[S.GENERATION]!++;
    this.refresh();
    const now = [
      this.sequence,
      this.live,
      this.fill,
      this.minExpiry,
      this.maxExpiry,
      this.pins,
      this.nextFree,
    ] as const;
    const nowBytes = [this.status, this.group, this.flushed] as const;
    old.forEach((from, i) => {
      now[i]!.set(from);
    });
    oldBytes.forEach((from, i) => {
      nowBytes[i]!.set(from);
    });
  }

  #retire(segment: number): void {
    const ints = this.#ints;
    ints[S.ACTIVE]!--;
    this.status[segment] = RETIRED;
    this.nextFree[segment] = ints[S.RETIRED_HEAD]!;
    ints[S.RETIRED_HEAD] = segment;
  }

  #appendToNew(bytes: number, group: number, reserve: number): number {
    if (this.#ints[S.FREE_COUNT]! <= reserve) return 0;
    this.close(group);
    const segment = this.#take();
    // Address 0 means none: the first bytes of all stay empty.
    const start = segment === 0 ? MIN_RECORD_BYTES : 0;
    this.status[segment] = OPEN;
    this.group[segment] = group;
    this.sequence[segment] = this.#numbers[S.NEXT_SEQUENCE]!++;
    this.fill[segment] = start + bytes;
    this.minExpiry[segment] = ENDLESS;
    this.maxExpiry[segment] = 0;
    this.#ints[S.OPEN + group] = segment;
    return this.addressOf(segment, start);
  }

  /** Takes a free segment; the one freed last first, because its memory is warm. */
  #take(): number {
    const ints = this.#ints;
    ints[S.FREE_COUNT]!--;
    const segment = ints[S.FREE_HEAD]!;
    if (segment >= 0) {
      ints[S.FREE_HEAD] = this.nextFree[segment]!;
      return segment;
    }
    const fresh = ints[S.FRESH]!++;
    this.#memory.ensureArena(this.#memory.arenaOf(this.addressOf(fresh, 0)));
    return fresh;
  }

  #ttlGroup(expiry: number, now: number): number {
    if (expiry === 0) return 0;
    const left = expiry - now;
    if (this.groups === 3) return left > COARSE_TTL_END ? 1 : 2;
    let group = 5;
    for (const end of FINE_TTL_ENDS) {
      if (left <= end) return group;
      group--;
    }
    return 1;
  }
}

/** Free segments that only the moving of records may use. */
export const MOVING_RESERVE = 2;

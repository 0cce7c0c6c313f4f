// Making room: which segment is emptied next and what becomes of the records in it. Work is done in small steps, paid
// by those who store.
//
// Three ways, in this order: what a flush or its expiry has made dead as a whole is taken apart; the emptiest segment
// is cleaned, its live records moved together, when that is cheap or when live items may not be evicted; else the
// oldest segment is evicted. Eviction follows the idea of S3-FIFO (Yang et al., SOSP'23): new items pass a short
// probation, from which only those move on that were fetched meanwhile; of the others a fingerprint stays for a while,
// and a key that comes back with one skips probation. In the main queue a fetched item gets another round.

import { stateInts, stateNumbers, type StoreBuffers } from "./buffers.ts";
import type { Ghost } from "./ghost.ts";
import type { Items } from "./items.ts";
import type { LargeValues } from "./large-values.ts";
import { ARRIVING } from "./large-values.ts";
import type { Memory } from "./memory.ts";
import * as R from "./record.ts";
import * as L from "./segment-log.ts";
import * as S from "./state.ts";

/** While live bytes are at most this share of `maxBytes`, no live item is evicted. */
export const SAFE_SHARE = 0.75;

// What is done with the victim's live records: they move; they move or leave.
const CLEAN = 0;
const EVICT = 1;

// What `#choose` has come to: there is nothing to be had; a victim is chosen, or none is needed any more; a segment was
// searched for expired items, and the choice is open again.
const NOTHING = 0;
const CHOSEN = 1;
const SEARCHED = 2;

/** A segment filled at most this far with live bytes is cleaned rather than another one evicted. */
const CHEAP_SHARE = 0.5;
/** The same where nothing may be evicted. */
const CHEAP_SHARE_WITHOUT_EVICTION = 0.85;
/** Share of all segments that probation may take before its oldest leaves. */
const PROBATION_SHARE = 0.1;
/** Fetches during probation that earn a place in the main queue. */
const PROBATION_FETCHES = 1;
/** In the long run at most this share of an evicted segment is kept, so that it yields something … */
const KEPT_SHARE = 0.75;
/** … but up to this many segments full of fetched items in a row are kept whole. */
const KEPT_BURST = 4;
/** Bytes of victims looked at for each byte stored while free segments are few. */
const STEP_FACTOR = 6;
/** Free segments above the reserve that work is done ahead for. */
const AHEAD = 2;
/** No address of an item: the first bytes of the first segment stay empty. */
const ARRIVES = 1;
/** A chunk is not cut to fewer bytes than this to fit the end of a segment. */
const LEAST_CHUNK_BYTES = 1024;
/** Bytes of dead or expired segments that one `tick` works off. */
const TICK_BYTES = 1024 * 1024;

export class Reclaimer {
  readonly #ints: Int32Array;
  readonly #numbers: Float64Array;
  readonly #memory: Memory;
  readonly #log: L.SegmentLog;
  readonly #large: LargeValues;
  readonly #items: Items;
  readonly #ghost: Ghost;

  constructor(
    buffers: StoreBuffers,
    memory: Memory,
    log: L.SegmentLog,
    large: LargeValues,
    items: Items,
    ghost: Ghost,
  ) {
    this.#ints = stateInts(buffers);
    this.#numbers = stateNumbers(buffers);
    this.#memory = memory;
    this.#log = log;
    this.#large = large;
    this.#items = items;
    this.#ghost = ghost;
  }

  /** Whether whoever stores should `pay`. */
  get isDue(): boolean {
    return this.#ints[S.FREE_COUNT]! < L.MOVING_RESERVE + AHEAD || this.#ints[S.ACTIVE]! > this.#ints[S.GOAL]!;
  }

  /** Does the work that storing `bytes` obliges to. */
  pay(bytes: number, now: number): void {
    let budget = bytes * STEP_FACTOR;
    while (budget > 0 && this.isDue) {
      const choice = this.#ints[S.VICTIM]! < 0 ? this.#choose(now) : CHOSEN;
      if (choice === NOTHING) return;
      budget -= choice === SEARCHED ? this.#log.segmentBytes : this.#advance(budget, now);
    }
  }

  /** Works until more segments are free than moving needs; false if that can't be had. */
  makeRoom(now: number): boolean {
    // A quarter may be promised, and yields nothing; what hasn't yielded after a half never will.
    let budget = (this.#ints[S.ACTIVE]! / 2 + 64) * this.#log.segmentBytes;
    while (this.#ints[S.FREE_COUNT]! <= L.MOVING_RESERVE) {
      const choice = this.#ints[S.VICTIM]! < 0 ? this.#choose(now) : CHOSEN;
      // A search isn't counted: each makes one segment sure, so there are no more of them than segments.
      if (choice === CHOSEN) budget -= this.#advance(this.#log.segmentBytes, now);
      if (choice === NOTHING || budget <= 0) return false;
    }
    return true;
  }

  /** Works off some of what is dead or expired, in bounded time. */
  tick(now: number): void {
    const { status, minExpiry, maxExpiry, flushed, pins, fill } = this.#log;
    let budget = TICK_BYTES;
    while (budget > 0 && this.#ints[S.VICTIM]! >= 0) budget -= this.#advance(budget, now);
    for (let segment = this.#ints[S.FRESH]! - 1; segment >= 0 && budget > 0; segment--) {
      const state = status[segment]!;
      if (state !== L.OPEN && state !== L.CLOSED) continue;
      if (state === L.CLOSED && pins[segment] === 0 && (flushed[segment] === 1 || maxExpiry[segment]! <= now)) {
        this.#begin(segment, CLEAN);
        while (budget > 0 && this.#ints[S.VICTIM]! >= 0) budget -= this.#advance(budget, now);
      } else if (flushed[segment] === 0 && minExpiry[segment]! <= now) {
        budget -= fill[segment]!;
        this.#search(segment, now);
      }
    }
  }

  /** Leaves the victim as it is, because something in it may not be moved any more. */
  abandon(segment: number): void {
    if (this.#ints[S.VICTIM] !== segment) return;
    this.#ints[S.VICTIM] = -1;
    this.#log.status[segment] = L.CLOSED;
    this.#log.subtractLive(segment, 0);
  }

  /** What counts as used against the limit: live items, promised room, what is gone but pinned. */
  get usedBytes(): number {
    return this.#numbers[S.LIVE]! + this.#numbers[S.PROMISED]! + this.#numbers[S.LINGERING]!;
  }

  // ---- the choice of a victim ----

  #choose(now: number): number {
    const log = this.#log;
    const { status, live, minExpiry, maxExpiry, flushed, pins, group, sequence } = log;
    const count = this.#ints[S.FRESH]!;
    const canMove = this.#ints[S.FREE_COUNT]! > 0;
    let emptiest = -1;
    let oldestNew = -1;
    let oldestMain = -1;
    let unsureFullest = -1;
    let probation = 0;
    let unsure = 0;
    for (let segment = 0; segment < count; segment++) {
      const state = status[segment]!;
      if (state === L.FREE || state === L.RETIRED) continue;
      const inProbation = group[segment]! < log.groups;
      if (inProbation) probation++;
      const mayHoldExpired = minExpiry[segment]! <= now;
      if (mayHoldExpired) {
        unsure += live[segment]!;
        if (state !== L.TAKEN && (unsureFullest < 0 || live[segment]! > live[unsureFullest]!)) unsureFullest = segment;
      }
      if (state !== L.CLOSED || pins[segment]! > 0) continue;
      const isDead = flushed[segment] === 1 || maxExpiry[segment]! <= now;
      // What is still arriving may lie among the dead, and needs a place to move to.
      if (isDead && (live[segment] === 0 || canMove)) return this.#begin(segment, CLEAN);
      if (emptiest < 0 || live[segment]! < live[emptiest]!) emptiest = segment;
      if (inProbation) {
        if (oldestNew < 0 || sequence[segment]! < sequence[oldestNew]!) oldestNew = segment;
      } else if (oldestMain < 0 || sequence[segment]! < sequence[oldestMain]!) {
        oldestMain = segment;
      }
    }
    this.#numbers[S.UNSURE] = unsure;
    this.#ints[S.UNSURE_AT] = now;
    if (emptiest < 0) return this.#closeEmptiest();
    const mayEvict = this.#ints[S.EVICT] === 1;
    const safe = this.usedBytes <= this.#numbers[S.MAX_BYTES]! * SAFE_SHARE;
    const cheap = log.segmentBytes * (mayEvict ? CHEAP_SHARE : CHEAP_SHARE_WITHOUT_EVICTION);
    const isMovable = live[emptiest]! < log.segmentBytes - log.maxRecordBytes;
    const mayEvictNow = !safe && mayEvict && this.#mayEvictNow(now);
    const isCheap = live[emptiest]! <= cheap && (canMove || !mayEvictNow);
    if (isCheap || (safe && isMovable)) return this.#begin(emptiest, CLEAN);
    if (mayEvictNow) {
      const probationIsLong = probation > this.#ints[S.ACTIVE]! * PROBATION_SHARE;
      const takeNew = oldestNew >= 0 && (probationIsLong || oldestMain < 0);
      return this.#begin(takeNew ? oldestNew : oldestMain, EVICT);
    }
    // What may have expired has to be found before anything live may go.
    if (unsureFullest >= 0) {
      this.#search(unsureFullest, now);
      return SEARCHED;
    }
    if (mayEvict && isMovable) return this.#begin(emptiest, CLEAN);
    return this.#closeEmptiest();
  }

  /** The last resort: the emptiest open segment, if what lives in it fits into the others. */
  #closeEmptiest(): number {
    const log = this.#log;
    const ints = this.#ints;
    let emptiest = -1;
    let room = 0;
    for (let group = 0; group < 2 * log.groups; group++) {
      const segment = ints[S.OPEN + group]!;
      if (segment < 0) continue;
      room += log.roomIn(group);
      if (emptiest < 0 || log.live[segment]! < log.live[ints[S.OPEN + emptiest]!]!) emptiest = group;
    }
    if (emptiest < 0) return NOTHING;
    const segment = ints[S.OPEN + emptiest]!;
    const roomElsewhere = room - log.roomIn(emptiest);
    if (log.pins[segment]! > 0 || log.live[segment]! + log.maxRecordBytes > roomElsewhere) return NOTHING;
    log.close(emptiest);
    return log.status[segment] === L.CLOSED ? this.#begin(segment, CLEAN) : SEARCHED;
  }

  /** Takes expired items out of a segment and leaves the rest where it is; afterwards its expiries are exact. */
  #search(segment: number, now: number): void {
    const log = this.#log;
    const state = log.status[segment]!;
    const end = log.fill[segment]!;
    // So that it isn't freed under our hands.
    log.status[segment] = L.TAKEN;
    log.minExpiry[segment] = L.ENDLESS;
    log.maxExpiry[segment] = 0;
    for (let at = segment === 0 ? R.MIN_RECORD_BYTES : 0; at < end;) {
      const address = log.addressOf(segment, at);
      at += this.#memory.recordBytesAt(address);
      const item = this.#itemOf(address);
      if (item === ARRIVES) log.maxExpiry[segment] = L.ENDLESS;
      else if (item === 0) continue;
      else if (this.#items.isExpired(item, now)) this.#items.reclaim(item);
      else log.noteExpiry(segment, this.#items.expiry(item));
    }
    log.status[segment] = state;
    this.#ints[S.UNSURE_AT] = -1;
    log.subtractLive(segment, 0);
  }

  /** The live item that a record or chunk belongs to; ARRIVES for a value without one as yet; 0 = the record is dead. */
  #itemOf(address: number): number {
    if (this.#memory.keyLength(address) !== 0) return this.#items.isLinked(address) ? address : 0;
    const slot = this.#large.ownerOf(address);
    if (slot === 0) return 0;
    return this.#large.status(slot) === ARRIVING ? ARRIVES : this.#large.head(slot);
  }

  #begin(segment: number, mode: number): number {
    const ints = this.#ints;
    ints[S.VICTIM] = segment;
    ints[S.MODE] = mode;
    if (mode === EVICT) ints[S.KEPT] = Math.max(0, ints[S.KEPT]! - this.#log.segmentBytes * KEPT_SHARE);
    // Address 0 stays empty; see SegmentLog.
    ints[S.CURSOR] = segment === 0 ? R.MIN_RECORD_BYTES : 0;
    this.#log.status[segment] = L.TAKEN;
    return CHOSEN;
  }

  /** Whether so many bytes are surely live that one live item may go. */
  #mayEvictNow(now: number): boolean {
    const safe = this.#numbers[S.MAX_BYTES]! * SAFE_SHARE;
    if (this.usedBytes <= safe) return false;
    if (this.#ints[S.UNSURE_AT] !== now) this.#countUnsure(now);
    return this.usedBytes - this.#numbers[S.UNSURE]! > safe;
  }

  #countUnsure(now: number): void {
    const { status, live, minExpiry } = this.#log;
    let unsure = 0;
    for (let segment = this.#ints[S.FRESH]! - 1; segment >= 0; segment--) {
      const state = status[segment]!;
      if (state !== L.FREE && state !== L.RETIRED && minExpiry[segment]! <= now) unsure += live[segment]!;
    }
    this.#numbers[S.UNSURE] = unsure;
    this.#ints[S.UNSURE_AT] = now;
  }

  // ---- working off the victim ----

  /** Goes on with the victim for about `budget` bytes; returns the bytes looked at, at least 1. */
  #advance(budget: number, now: number): number {
    const ints = this.#ints;
    const log = this.#log;
    const segment = ints[S.VICTIM]!;
    const end = log.fill[segment]!;
    const start = ints[S.CURSOR]!;
    let at = start;
    while (at < end && at - start < budget) {
      if (log.live[segment] === 0 && log.flushed[segment] === 0) {
        at = end;
        break;
      }
      const address = log.addressOf(segment, at);
      const next = at + this.#memory.recordBytesAt(address);
      if (!this.#workOff(address, segment, now)) {
        // Something else has to go before this can move.
        this.abandon(segment);
        log.sequence[segment] = this.#numbers[S.NEXT_SEQUENCE]!++;
        return log.segmentBytes;
      }
      at = next;
    }
    ints[S.CURSOR] = at;
    if (at >= end) {
      ints[S.VICTIM] = -1;
      log.release(segment);
    }
    return at - start + 1;
  }

  /** Deals with one record of the victim; false if there is no place to move it to. */
  #workOff(address: number, segment: number, now: number): boolean {
    const items = this.#items;
    const item = this.#itemOf(address);
    if (item === 0) return true;
    const isChunk = item !== address;
    const slot = isChunk ? this.#large.ownerOf(address) : 0;
    if (item === ARRIVES) return this.#moveChunk(slot, address, 0, now);
    if (!isChunk && items.isFlushed(item)) {
      items.unlink(item);
      return true;
    }
    if (items.isExpired(item, now)) {
      items.reclaim(item);
      return true;
    }
    const mode = this.#ints[S.MODE]!;
    const inProbation = this.#log.group[segment]! < this.#log.groups;
    if (mode === EVICT && !this.#deserves(item, inProbation) && this.#mayEvictNow(now)) {
      if (inProbation) this.#ghost.add(this.#memory.hashAt(item));
      items.evict(item, now);
      return true;
    }
    const isMoved =
      slot === 0 ? this.#moveItem(item, inProbation, now) : this.#moveChunk(slot, address, items.expiry(item), now);
    if (isMoved) return true;
    if (mode !== EVICT || item === this.#ints[S.GUARD] || !this.#mayEvictNow(now)) return false;
    items.evict(item, now);
    return true;
  }

  /** Whether an item of an evicted segment stays. */
  #deserves(item: number, inProbation: boolean): boolean {
    if (item === this.#ints[S.GUARD]) return true;
    // The last free segment is for values that are arriving, which can't go.
    if (this.#ints[S.FREE_COUNT]! <= 1 && this.#numbers[S.PROMISED]! > 0) return false;
    if (this.#ints[S.KEPT]! > this.#log.segmentBytes * KEPT_BURST) return false;
    return this.#items.frequency(item) >= (inProbation ? PROBATION_FETCHES : 1);
  }

  #moveItem(item: number, wasInProbation: boolean, now: number): boolean {
    const log = this.#log;
    const bytes = this.#memory.recordBytesAt(item);
    const frequency = this.#items.frequency(item);
    const isEvicting = this.#ints[S.MODE] === EVICT;
    const queue = wasInProbation && frequency === 0 && !isEvicting ? L.PROBATION : L.MAIN;
    const group = log.groupFor(queue, this.#items.expiry(item), now);
    // The last free segments are for what fits nowhere else: all that one victim holds fits in one.
    const to = log.append(bytes, group, L.MOVING_RESERVE) || log.appendAnywhere(bytes) || log.append(bytes, group, 0);
    if (to === 0) return false;
    let next = frequency;
    if (isEvicting) next = wasInProbation ? 0 : Math.max(frequency - 1, 0);
    this.#items.move(item, to, next);
    if (isEvicting) this.#ints[S.KEPT]! += bytes;
    return true;
  }

  /** Moves a chunk's bytes to one or more new chunks, as open segments have room. */
  #moveChunk(slot: number, chunk: number, expiry: number, now: number): boolean {
    const log = this.#log;
    const large = this.#large;
    const filled = large.filledLength(slot, chunk);
    const own = log.groupFor(large.status(slot) === ARRIVING ? L.PROBATION : L.MAIN, expiry, now);
    if (this.#ints[S.FREE_COUNT] === 0 && !this.#fitsInPieces(filled)) return false;
    for (let offset = 0; offset < filled;) {
      const group = this.#groupForPiece(own, filled - offset);
      const length = this.chunkLengthFor(filled - offset, group);
      const address = log.append(this.#memory.recordBytes(R.CHUNK_HEADER_BYTES + length), group, 0);
      large.splitOff(slot, chunk, offset, length, address);
      log.noteExpiry(log.segmentOf(address), expiry);
      offset += length;
    }
    large.cut(slot, chunk);
    if (this.#ints[S.MODE] === EVICT) this.#ints[S.KEPT]! += filled;
    return true;
  }

  /** The group that takes the next piece: its own; while free segments are few, the one with most room. */
  #groupForPiece(own: number, bytes: number): number {
    const log = this.#log;
    if (this.#ints[S.FREE_COUNT]! > L.MOVING_RESERVE) return own;
    let roomiest = 0;
    for (let group = 1; group < 2 * log.groups; group++) if (log.roomIn(group) > log.roomIn(roomiest)) roomiest = group;
    const least = this.#memory.recordBytes(R.CHUNK_HEADER_BYTES + Math.min(bytes, LEAST_CHUNK_BYTES));
    return log.roomIn(roomiest) >= least ? roomiest : own;
  }

  /** Whether the open segments can take so many bytes in pieces. */
  #fitsInPieces(bytes: number): boolean {
    const least = this.#memory.recordBytes(R.CHUNK_HEADER_BYTES + LEAST_CHUNK_BYTES);
    for (let group = 0; group < 2 * this.#log.groups && bytes > 0; group++) {
      const room = this.#log.roomIn(group);
      // A piece may leave up to `least` behind, which the next one doesn't use.
      if (room >= 2 * least) bytes -= room - least;
    }
    return bytes <= 0;
  }

  /** How many of `bytes` the next chunk of a group takes: all that fit, unless too few would. */
  chunkLengthFor(bytes: number, group: number): number {
    const most = Math.min(bytes, this.#log.maxChunkBytes);
    const room = this.#log.roomIn(group) - R.CHUNK_HEADER_BYTES;
    return room >= most || room < LEAST_CHUNK_BYTES ? most : room & -(1 << this.#memory.unitShift);
  }
}

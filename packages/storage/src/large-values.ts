// Values too large for one record: a slot in a table, and a chain of chunks in the log. A slot is arriving (a
// reservation), held by an item, or lingering (its item is gone, but a pin keeps the bytes). It doesn't make room:
// whoever appends a chunk hands in where it lies.

import { newBuffer, SLOT_WORDS, slotsFor, stateInts, stateNumbers, type StoreBuffers } from "./buffers.ts";
import type { Memory } from "./memory.ts";
import * as R from "./record.ts";
import type { SegmentLog } from "./segment-log.ts";
import * as S from "./state.ts";

export const ARRIVING = 1;
export const HELD = 2;
export const LINGERING = 3;

const STATUS = 0;
/** Counts the uses of the slot; chunks of an older one are dead. */
const GENERATION = 1;
/** The item's address; while the value arrives, the expiry that is expected of it. */
const HEAD = 2;
const FIRST = 3;
const LAST = 4;
/** Bytes of the last chunk that are not filled yet. */
const ROOM = 5;
const LENGTH = 6;
const FILLED = 7;
const PINS = 8;
const NEXT_FREE = 9;
/** Bytes that the chunks take in the log. */
const CHUNK_BYTES = 10;
/** 1 when memory ran out on the way. */
const FAILED = 11;

export class LargeValues {
  #slots!: Int32Array;
  readonly #buffers: StoreBuffers;
  readonly #ints: Int32Array;
  readonly #numbers: Float64Array;
  readonly #memory: Memory;
  readonly #log: SegmentLog;

  constructor(buffers: StoreBuffers, memory: Memory, log: SegmentLog) {
    this.#buffers = buffers;
    this.#ints = stateInts(buffers);
    this.#numbers = stateNumbers(buffers);
    this.#memory = memory;
    this.#log = log;
    this.refresh();
  }

  /** Takes a view of the slot table as it is now. */
  refresh(): void {
    this.#slots = new Int32Array(this.#buffers.slots);
  }

  // ---- slots ----

  /**
   * Takes a slot for a value of `length` bytes that is to arrive.
   *
   * @param expiry what its item is expected to have; decides what its chunks are laid beside
   * @returns a slot, or 0 if all are taken
   */
  open(length: number, expiry: number): number {
    const ints = this.#ints;
    let slot = ints[S.SLOT_FREE]!;
    if (slot !== 0) ints[S.SLOT_FREE] = this.#slots[slot * SLOT_WORDS + NEXT_FREE]!;
    else if (ints[S.SLOT_FRESH]! < ints[S.SLOT_ROOM]!) slot = ints[S.SLOT_FRESH]!++;
    else return 0;
    const at = slot * SLOT_WORDS;
    const generation = this.#slots[at + GENERATION]!;
    this.#slots.fill(0, at, at + SLOT_WORDS);
    this.#slots[at + STATUS] = ARRIVING;
    this.#slots[at + GENERATION] = generation;
    this.#slots[at + LENGTH] = length;
    this.#slots[at + HEAD] = expiry;
    this.#numbers[S.PROMISED]! += this.promiseFor(length);
    return slot;
  }

  /** What a value of `length` bytes counts for while it arrives. */
  promiseFor(length: number): number {
    return this.#memory.recordBytes(R.CHUNK_HEADER_BYTES + length);
  }

  status(slot: number): number {
    return slot > 0 && slot < this.#ints[S.SLOT_FRESH]! ? this.#slots[slot * SLOT_WORDS + STATUS]! : 0;
  }

  head(slot: number): number {
    return this.#slots[slot * SLOT_WORDS + HEAD]!;
  }

  /** What `open` was told, as long as the value arrives. */
  expectedExpiry(slot: number): number {
    return this.#slots[slot * SLOT_WORDS + HEAD]!;
  }

  setHead(slot: number, address: number): void {
    this.#slots[slot * SLOT_WORDS + HEAD] = address;
  }

  first(slot: number): number {
    return this.#slots[slot * SLOT_WORDS + FIRST]!;
  }

  length(slot: number): number {
    return this.#slots[slot * SLOT_WORDS + LENGTH]!;
  }

  filled(slot: number): number {
    return this.#slots[slot * SLOT_WORDS + FILLED]!;
  }

  /** Bytes of the last chunk that wait to be filled. */
  room(slot: number): number {
    return this.#slots[slot * SLOT_WORDS + ROOM]!;
  }

  chunkBytes(slot: number): number {
    return this.#slots[slot * SLOT_WORDS + CHUNK_BYTES]!;
  }

  hasFailed(slot: number): boolean {
    return this.#slots[slot * SLOT_WORDS + FAILED] === 1;
  }

  fail(slot: number): void {
    this.#slots[slot * SLOT_WORDS + FAILED] = 1;
  }

  /** The value is complete and belongs to the item at `head` from now on. */
  hold(slot: number, head: number, expiry: number): void {
    const at = slot * SLOT_WORDS;
    this.#numbers[S.PROMISED]! -= this.promiseFor(this.#slots[at + LENGTH]!);
    this.#slots[at + STATUS] = HELD;
    this.#slots[at + HEAD] = head;
    this.noteExpiry(slot, expiry);
  }

  /** Tells the segments of all chunks about the item's expiry. */
  noteExpiry(slot: number, expiry: number): void {
    for (let chunk = this.first(slot); chunk !== 0; chunk = this.#memory.word(chunk, R.NEXT_WORD)) {
      this.#log.noteExpiry(this.#log.segmentOf(chunk), expiry);
    }
  }

  /** The value isn't wanted any more: a pinned one lingers, any other leaves. */
  drop(slot: number): void {
    const at = slot * SLOT_WORDS;
    if (this.#slots[at + STATUS] === ARRIVING) this.#numbers[S.PROMISED]! -= this.promiseFor(this.#slots[at + LENGTH]!);
    if (this.#slots[at + PINS]! > 0) {
      this.#slots[at + STATUS] = LINGERING;
      this.#slots[at + HEAD] = 0;
      this.#numbers[S.LINGERING]! += this.#slots[at + CHUNK_BYTES]!;
      return;
    }
    for (let chunk = this.first(slot); chunk !== 0;) {
      const next = this.#memory.word(chunk, R.NEXT_WORD);
      this.#log.subtractLive(this.#log.segmentOf(chunk), this.#memory.recordBytesAt(chunk));
      chunk = next;
    }
    this.#free(slot);
  }

  // ---- chunks ----

  /** Appends a chunk of `length` bytes, at `address`, to the chain; its bytes are to be filled. */
  appendChunk(slot: number, address: number, length: number): void {
    const at = slot * SLOT_WORDS;
    const last = this.#slots[at + LAST]!;
    this.#writeChunk(slot, address, length, 0, last);
    if (last === 0) this.#slots[at + FIRST] = address;
    else this.#memory.setWord(last, R.NEXT_WORD, address);
    this.#slots[at + LAST] = address;
    this.#slots[at + ROOM] = length;
    this.#log.noteExpiry(this.#log.segmentOf(address), this.expectedExpiry(slot));
  }

  /** Fills the last chunk with `source[start, end)`, which must not be more than its room. */
  fill(slot: number, source: Uint8Array, start: number, end: number): void {
    const at = slot * SLOT_WORDS;
    const chunk = this.#slots[at + LAST]!;
    const room = this.#slots[at + ROOM]!;
    const target = this.#memory.byteAt(chunk) + R.CHUNK_HEADER_BYTES + this.chunkLength(chunk) - room;
    this.#memory.copyIn(source, start, end, this.#memory.arenaOf(chunk), target);
    this.#slots[at + ROOM] = room - (end - start);
    this.#slots[at + FILLED]! += end - start;
  }

  /** Counts bytes as arrived that found no memory. */
  skip(slot: number, bytes: number): void {
    this.#slots[slot * SLOT_WORDS + FILLED]! += bytes;
  }

  chunkLength(chunk: number): number {
    return this.#memory.word(chunk, R.LENGTH_WORD) >>> R.LENGTH_SHIFT;
  }

  /** The bytes of a chunk that have been filled. */
  filledLength(slot: number, chunk: number): number {
    const room = chunk === this.#slots[slot * SLOT_WORDS + LAST] ? this.room(slot) : 0;
    return this.chunkLength(chunk) - room;
  }

  /** Copies the value to `target` from `at` on; returns the end. */
  copyOut(slot: number, target: Uint8Array, at: number): number {
    const memory = this.#memory;
    for (let chunk = this.first(slot); chunk !== 0; chunk = this.nextChunk(chunk)) {
      const length = this.filledLength(slot, chunk);
      memory.copyOut(memory.arenaOf(chunk), memory.byteAt(chunk) + R.CHUNK_HEADER_BYTES, length, target, at);
      at += length;
    }
    return at;
  }

  nextChunk(chunk: number): number {
    return this.#memory.word(chunk, R.NEXT_WORD);
  }

  /** The slot that a chunk in the log belongs to; 0 if it is dead. */
  ownerOf(chunk: number): number {
    const slot = this.#memory.word(chunk, R.SLOT_WORD);
    const at = slot * SLOT_WORDS;
    const alive =
      this.#slots[at + STATUS] !== 0 &&
      this.#slots[at + GENERATION] === this.#memory.word(chunk, R.SLOT_GENERATION_WORD);
    return alive ? slot : 0;
  }

  /** Puts a new chunk at `address`, with `length` bytes from `offset` of `chunk`, into the chain before `chunk`. */
  splitOff(slot: number, chunk: number, offset: number, length: number, address: number): void {
    const memory = this.#memory;
    const previous = memory.word(chunk, R.PREVIOUS_WORD);
    this.#writeChunk(slot, address, length, chunk, previous);
    this.#relink(slot, previous, address);
    memory.setWord(chunk, R.PREVIOUS_WORD, address);
    const from = memory.byteAt(chunk) + R.CHUNK_HEADER_BYTES + offset;
    const bytes = memory.bytes[memory.arenaOf(chunk)]!;
    memory.copyIn(bytes, from, from + length, memory.arenaOf(address), memory.byteAt(address) + R.CHUNK_HEADER_BYTES);
  }

  /** Takes a chunk, whose bytes now lie elsewhere, out of the chain. It is dead afterwards. */
  cut(slot: number, chunk: number): void {
    const memory = this.#memory;
    const at = slot * SLOT_WORDS;
    const next = memory.word(chunk, R.NEXT_WORD);
    const previous = memory.word(chunk, R.PREVIOUS_WORD);
    const bytes = memory.recordBytesAt(chunk);
    this.#relink(slot, previous, next);
    if (next !== 0) {
      memory.setWord(next, R.PREVIOUS_WORD, previous);
    } else {
      this.#slots[at + LAST] = previous;
      this.#slots[at + ROOM] = 0;
    }
    memory.setWord(chunk, R.SLOT_WORD, 0);
    this.#slots[at + CHUNK_BYTES]! -= bytes;
    if (this.#slots[at + STATUS] === HELD) this.#numbers[S.LIVE]! -= bytes;
    this.#log.subtractLive(this.#log.segmentOf(chunk), bytes);
  }

  // ---- pins ----

  pins(slot: number): number {
    return this.#slots[slot * SLOT_WORDS + PINS]!;
  }

  pin(slot: number): void {
    if (this.#slots[slot * SLOT_WORDS + PINS]!++ > 0) return;
    for (let chunk = this.first(slot); chunk !== 0; chunk = this.nextChunk(chunk)) {
      this.#log.pins[this.#log.segmentOf(chunk)]!++;
    }
  }

  unpin(slot: number): void {
    const at = slot * SLOT_WORDS;
    if (--this.#slots[at + PINS]! > 0) return;
    for (let chunk = this.first(slot); chunk !== 0; chunk = this.nextChunk(chunk)) {
      this.#log.pins[this.#log.segmentOf(chunk)]!--;
    }
    if (this.#slots[at + STATUS] !== LINGERING) return;
    this.#numbers[S.LINGERING]! -= this.#slots[at + CHUNK_BYTES]!;
    this.drop(slot);
  }

  // ---- flush ----

  /** After all items are gone, and the live bytes of all segments are 0: what arrives stays, what is pinned lingers. */
  afterFlush(): void {
    for (let slot = 1; slot < this.#ints[S.SLOT_FRESH]!; slot++) {
      const at = slot * SLOT_WORDS;
      const status = this.#slots[at + STATUS]!;
      if (status === 0) continue;
      if (status === HELD && this.#slots[at + PINS] === 0) {
        this.#free(slot);
        continue;
      }
      if (status === HELD) {
        this.#slots[at + STATUS] = LINGERING;
        this.#slots[at + HEAD] = 0;
        this.#numbers[S.LINGERING]! += this.#slots[at + CHUNK_BYTES]!;
      }
      for (let chunk = this.first(slot); chunk !== 0; chunk = this.nextChunk(chunk)) {
        this.#log.live[this.#log.segmentOf(chunk)]! += this.#memory.recordBytesAt(chunk);
      }
    }
  }

  /** Makes the table larger, for a store of so many segments. */
  extend(segments: number): void {
    const room = slotsFor(segments);
    const old = this.#slots;
    this.#buffers.slots = newBuffer(room * SLOT_WORDS * 4, this.#buffers.shared);
    this.#ints[S.SLOT_ROOM] = room;
    this.#ints[S.GENERATION]!++;
    this.refresh();
    this.#slots.set(old.subarray(0, this.#ints[S.SLOT_FRESH]! * SLOT_WORDS));
  }

  #writeChunk(slot: number, address: number, length: number, next: number, previous: number): void {
    const memory = this.#memory;
    const at = slot * SLOT_WORDS;
    memory.setWord(address, R.NEXT_WORD, next);
    memory.setWord(address, R.PREVIOUS_WORD, previous);
    memory.setWord(address, R.SLOT_WORD, slot);
    memory.setWord(address, R.SLOT_GENERATION_WORD, this.#slots[at + GENERATION]!);
    memory.setWord(address, R.LENGTH_WORD, length << R.LENGTH_SHIFT);
    memory.setWord(address, R.LENGTH_WORD + 1, 0);
    const bytes = memory.recordBytes(R.CHUNK_HEADER_BYTES + length);
    this.#slots[at + CHUNK_BYTES]! += bytes;
    if (this.#slots[at + STATUS] === HELD) this.#numbers[S.LIVE]! += bytes;
    this.#log.live[this.#log.segmentOf(address)]! += bytes;
  }

  #relink(slot: number, previous: number, next: number): void {
    if (previous === 0) this.#slots[slot * SLOT_WORDS + FIRST] = next;
    else this.#memory.setWord(previous, R.NEXT_WORD, next);
  }

  #free(slot: number): void {
    const at = slot * SLOT_WORDS;
    this.#slots[at + STATUS] = 0;
    this.#slots[at + GENERATION] = (this.#slots[at + GENERATION]! + 1) | 0;
    this.#slots[at + NEXT_FREE] = this.#ints[S.SLOT_FREE]!;
    this.#ints[S.SLOT_FREE] = slot;
  }
}

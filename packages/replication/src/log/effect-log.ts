// The ordered log of effects: whole records in chunks, an absolute offset in bytes, the oldest chunks dropped when there
// are too many. It knows nothing of what the records mean. The memory of a dropped chunk is used again, unless a reader has
// said that it still holds a part of it: fresh memory for each would cost the collector a tenth of the master's time, and
// with values of 1 MB the kernel more than the copy.

import type { RecordSink } from "../environment.ts";
import { forEachEffect } from "./records.ts";

/** Memory, and how numbers are written into it: a DataView writes four bytes in one instruction. */
interface Room {
  readonly buffer: Buffer;
  readonly view: DataView;
}

interface Chunk {
  readonly room: Room;
  /** Offset of its first byte in the stream. */
  readonly start: number;
  length: number;
  /** How many hold a view of it for longer than a moment. */
  lent: number;
}

const NO_ROOM = roomOf(Buffer.alloc(0));

const MIN_CHUNK_BYTES = 16 * 1024;
const MAX_CHUNK_BYTES = 512 * 1024;

/** Memory of a dropped chunk is used again for one that needs as much, or so many times less. */
const MOST_TOO_LARGE = 1.125;

/** More is not kept to spare. */
const MAX_SPARE_BYTES = 2 * 1024 * 1024;

export class EffectLog implements RecordSink {
  /** Bytes kept at most; a single record may be longer. */
  readonly capacity: number;
  /** Where the next record goes, in `buffer`; after `reserve`. */
  buffer = NO_ROOM.buffer;
  view = NO_ROOM.view;
  at = 0;
  readonly #chunkBytes: number;
  #chunks: Chunk[] = [];
  #start = 0;
  #end = 0;
  /** Memory of all chunks, in bytes. */
  #held = 0;
  /** The newest chunk. */
  #last: Chunk | undefined;
  /** A dropped chunk's. */
  #spare: Room | undefined;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#chunkBytes = Math.min(MAX_CHUNK_BYTES, Math.max(MIN_CHUNK_BYTES, Math.floor(capacity / 16)));
  }

  /** Offset of the oldest byte kept. */
  get start(): number {
    return this.#start;
  }

  /** Offset behind the newest byte. */
  get end(): number {
    return this.#end;
  }

  reserve(bytes: number): void {
    if (this.at + bytes > this.buffer.length) this.#newChunk(bytes);
  }

  commit(bytes: number): void {
    this.at += bytes;
    this.#end += bytes;
    this.#last!.length += bytes;
  }

  /** Appends one record as it is. */
  append(buffer: Buffer, start: number, end: number): void {
    this.reserve(end - start);
    buffer.copy(this.buffer, this.at, start, end);
    this.commit(end - start);
  }

  /**
   * The bytes from `offset` on, as far as they lie together: whole records, at most about `most` bytes.
   *
   * @returns a view, empty at the end, good until more is appended unless `lend` is called; undefined when the log no longer
   *   reaches back so far
   */
  read(offset: number, most: number): Buffer | undefined {
    if (offset < this.#start || offset > this.#end) return undefined;
    if (offset === this.#end) return this.buffer.subarray(0, 0);
    const chunk = this.#chunkAt(offset);
    const from = offset - chunk.start;
    const { buffer } = chunk.room;
    const until = chunk.length - from <= most ? chunk.length : wholeRecords(buffer, from, chunk.length, most);
    return buffer.subarray(from, until);
  }

  /**
   * What `read` gave for `offset` is held for longer: its memory is not written again until it is given back.
   *
   * @returns gives it back, once
   */
  lend(offset: number): () => void {
    const chunk = this.#chunkAt(offset);
    chunk.lent++;
    return () => {
      chunk.lent--;
    };
  }

  /** Calls `visit` with each effect from `offset` on, in order. @returns false when the log doesn't reach back so far */
  forEachEffect(offset: number, visit: (buffer: Buffer, at: number) => void): boolean {
    if (offset < this.#start || offset > this.#end) return false;
    for (const chunk of this.#chunks) {
      const from = Math.max(0, offset - chunk.start);
      if (from < chunk.length) forEachEffect(chunk.room.buffer, from, chunk.length, visit);
    }
    return true;
  }

  /** Forgets everything and goes on at `offset`. */
  reset(offset: number): void {
    this.#chunks = [];
    this.#held = 0;
    this.#start = offset;
    this.#end = offset;
    this.#writeTo(undefined);
  }

  /** Takes back what lies behind `offset`, which must be kept still. */
  truncate(offset: number): void {
    if (offset < this.#start || offset > this.#end) {
      throw new RangeError(`offset ${offset} lies outside the log, ${this.#start} to ${this.#end}`);
    }
    this.#chunks = this.#chunks.filter((chunk) => chunk.start < offset);
    this.#held = this.#chunks.reduce((sum, chunk) => sum + chunk.room.buffer.length, 0);
    const last = this.#chunks.at(-1);
    if (last !== undefined) last.length = Math.min(last.length, offset - last.start);
    this.#end = offset;
    // What lay behind may still be read by a socket: the next record begins a new chunk.
    this.#writeTo(undefined);
  }

  #newChunk(bytes: number): void {
    const wanted = Math.max(bytes, this.#chunkBytes);
    const chunks = this.#chunks;
    const serves = ({ buffer }: Room) => buffer.length >= wanted && buffer.length <= wanted * MOST_TOO_LARGE;
    let room: Room | undefined;
    if (this.#spare !== undefined && serves(this.#spare)) {
      room = this.#spare;
      this.#spare = undefined;
    }
    let drop = 0;
    while (drop < chunks.length && this.#held + (room?.buffer.length ?? wanted) > this.capacity) {
      const dropped = chunks[drop++]!;
      this.#held -= dropped.room.buffer.length;
      if (dropped.lent > 0) continue;
      if (room === undefined && serves(dropped.room)) room = dropped.room;
      else if (dropped.room.buffer.length <= MAX_SPARE_BYTES) this.#spare = dropped.room;
    }
    if (drop > 0) chunks.splice(0, drop);
    const chunk = { room: room ?? roomOf(Buffer.allocUnsafeSlow(wanted)), start: this.#end, length: 0, lent: 0 };
    chunks.push(chunk);
    this.#writeTo(chunk);
    this.#held += chunk.room.buffer.length;
    this.#start = chunks[0]!.start;
  }

  /** The next record goes to the beginning of this chunk; undefined: it begins a new one. */
  #writeTo(chunk: Chunk | undefined): void {
    this.#last = chunk;
    const { buffer, view } = chunk?.room ?? NO_ROOM;
    this.buffer = buffer;
    this.view = view;
    this.at = 0;
  }

  #chunkAt(offset: number): Chunk {
    let low = 0;
    let high = this.#chunks.length - 1;
    // Readers are nearly always in the newest chunk.
    if (offset >= this.#chunks[high]!.start) return this.#chunks[high]!;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#chunks[middle]!.start <= offset) low = middle;
      else high = middle - 1;
    }
    return this.#chunks[low]!;
  }
}

function roomOf(buffer: Buffer): Room {
  return { buffer, view: new DataView(buffer.buffer, buffer.byteOffset, buffer.length) };
}

/** The end of the last whole record that ends at most `most` bytes behind `from`; of the first one if that is longer. */
function wholeRecords(buffer: Buffer, from: number, length: number, most: number): number {
  let at = from + buffer.readUInt32BE(from + 4);
  while (at < length) {
    const next = at + buffer.readUInt32BE(at + 4);
    if (next - from > most) break;
    at = next;
  }
  return at;
}

/** A growing buffer of records that are not in the log: those of a copy, or inside an envelope. */
export class Scratch implements RecordSink {
  buffer: Buffer;
  view: DataView;
  at = 0;

  constructor(bytes: number) {
    ({ buffer: this.buffer, view: this.view } = roomOf(Buffer.allocUnsafeSlow(bytes)));
  }

  reserve(bytes: number): void {
    if (this.at + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.buffer.length, this.at + bytes));
    this.buffer.copy(larger, 0, 0, this.at);
    ({ buffer: this.buffer, view: this.view } = roomOf(larger));
  }

  commit(bytes: number): void {
    this.at += bytes;
  }

  /** Appends one record as it is. */
  append(buffer: Buffer, start: number, end: number): void {
    this.reserve(end - start);
    buffer.copy(this.buffer, this.at, start, end);
    this.commit(end - start);
  }

  /** What was written so far, as a view. */
  get written(): Buffer {
    return this.buffer.subarray(0, this.at);
  }

  clear(): void {
    this.at = 0;
  }
}

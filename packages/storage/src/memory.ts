// The arenas as views, and what a record at an address says. It knows the layout of records, not which are alive.

import { newBuffer, stateInts, type StoreBuffers } from "./buffers.ts";
import { hashKey, hashKeyIn, hashSecrets, type HashSecrets } from "./hash.ts";
import * as R from "./record.ts";
import * as S from "./state.ts";
import { copyWords, equalWords, RepeatedView, viewOf } from "./views.ts";

/** Up to here a loop over the bytes is faster than a call of Buffer's copy (measured: about 55 ns a call). */
const LOOP_BYTES = 48;

/** Up to here a loop over words is. */
const WORD_LOOP_BYTES = 192;

type Copy = (this: Uint8Array, target: Uint8Array, at: number, start: number, end: number) => number;

/** Buffer's copy, which works on any Uint8Array. */
const copyBytes = (Buffer.prototype as { readonly copy: Copy }).copy;

/**
 * The arenas of a store.
 *
 * An address is an int32, counted in units: its upper bits choose the arena, the lower ones the place in it. `words`
 * and `bytes` at an address: `words[arenaOf(a)]` from `wordAt(a)`, `bytes[arenaOf(a)]` from `byteAt(a)`.
 */
export class Memory {
  /** Each arena as int32; empty when it isn't there yet. */
  words: Int32Array[] = [];
  /** Each arena as bytes; empty when it isn't there yet. */
  bytes: Buffer[] = [];
  /** Each arena for reading and writing words that are not aligned. */
  views: DataView[] = [];
  readonly unitShift: number;
  readonly arenaUnitShift: number;
  readonly arenaMask: number;
  readonly wordShift: number;
  readonly secrets: HashSecrets;
  readonly #buffers: StoreBuffers;
  readonly #ints: Int32Array;
  readonly #keys = new RepeatedView();
  readonly #sources = new RepeatedView();
  readonly #targets = new RepeatedView();

  constructor(buffers: StoreBuffers) {
    const ints = stateInts(buffers);
    this.#buffers = buffers;
    this.#ints = ints;
    this.unitShift = ints[S.UNIT_SHIFT]!;
    this.arenaUnitShift = ints[S.ARENA_SHIFT]! - this.unitShift;
    this.arenaMask = 2 ** this.arenaUnitShift - 1;
    this.wordShift = this.unitShift - 2;
    this.secrets = hashSecrets(ints[S.SEED]!);
    this.refresh();
  }

  /** Takes views of the arenas as they are now. */
  refresh(): void {
    const empty = new ArrayBuffer(0);
    const arenas = Array.from(this.#buffers.arenas, (arena) => arena ?? empty);
    this.words = arenas.map((arena) => new Int32Array(arena));
    this.bytes = arenas.map((arena) => Buffer.from(arena));
    this.views = this.bytes.map(viewOf);
  }

  /** Makes sure that an arena is there. */
  ensureArena(arena: number): void {
    const { arenas } = this.#buffers;
    if (arenas[arena]) return;
    while (arenas.length < arena) arenas.push(undefined);
    arenas[arena] = newBuffer(2 ** this.#ints[S.ARENA_SHIFT]!, this.#buffers.shared);
    this.#ints[S.GENERATION]!++;
    this.refresh();
  }

  arenaOf(address: number): number {
    return address >>> this.arenaUnitShift;
  }

  wordAt(address: number): number {
    return (address & this.arenaMask) << this.wordShift;
  }

  byteAt(address: number): number {
    return (address & this.arenaMask) << this.unitShift;
  }

  /** One of the words of a record's header. */
  word(address: number, word: number): number {
    return this.words[address >>> this.arenaUnitShift]![((address & this.arenaMask) << this.wordShift) + word]!;
  }

  setWord(address: number, word: number, value: number): void {
    this.words[address >>> this.arenaUnitShift]![((address & this.arenaMask) << this.wordShift) + word] = value;
  }

  keyLength(address: number): number {
    return this.bytes[address >>> this.arenaUnitShift]![
      ((address & this.arenaMask) << this.unitShift) + R.KEY_LENGTH_BYTE
    ]!;
  }

  /** The hash of the key `key[start, end)`. */
  hashOf(key: Uint8Array, start: number, end: number): number {
    const view = this.#keys.of(key);
    return view === undefined ? hashKey(key, start, end, this.secrets) : hashKeyIn(view, start, end, this.secrets);
  }

  /** Whether the item at `address` has the key `key[start, end)`. */
  hasKey(address: number, key: Uint8Array, start: number, end: number): boolean {
    const arena = address >>> this.arenaUnitShift;
    const bytes = this.bytes[arena]!;
    const length = end - start;
    let at = ((address & this.arenaMask) << this.unitShift) + R.KEY_LENGTH_BYTE;
    if (bytes[at++] !== length) return false;
    if (length >= 4) {
      const view = this.#keys.of(key);
      if (view !== undefined) return equalWords(this.views[arena]!, at, view, start, end);
    }
    for (let i = start; i < end; i++) if (bytes[at++] !== key[i]) return false;
    return true;
  }

  /** The hash of the key of the item at `address`. */
  hashAt(address: number): number {
    const at = this.byteAt(address) + R.ITEM_HEADER_BYTES;
    return hashKey(this.bytes[this.arenaOf(address)]!, at, at + this.keyLength(address), this.secrets);
  }

  /** Bytes that a record of `bytes` takes, padding included. */
  recordBytes(bytes: number): number {
    const unit = 1 << this.unitShift;
    return bytes <= R.MIN_RECORD_BYTES ? R.MIN_RECORD_BYTES : (bytes + unit - 1) & -unit;
  }

  /** Bytes that the record at `address` takes, padding included. */
  recordBytesAt(address: number): number {
    const words = this.words[address >>> this.arenaUnitShift]!;
    const at = (address & this.arenaMask) << this.wordShift;
    const length = words[at + R.LENGTH_WORD]!;
    const keyLength = this.bytes[address >>> this.arenaUnitShift]![(at << 2) + R.KEY_LENGTH_BYTE]!;
    if (keyLength === 0) return this.recordBytes(R.CHUNK_HEADER_BYTES + (length >>> R.LENGTH_SHIFT));
    const flags = (words[at + R.EXPIRY_WORD]! & 1) << 2;
    const tail = (length & R.LARGE) !== 0 ? 4 : length >>> R.LENGTH_SHIFT;
    return this.recordBytes(R.ITEM_HEADER_BYTES + keyLength + flags + tail);
  }

  /** Where, in its arena, the value of the item at `address` starts (or its slot number, if it is large). */
  valueAt(address: number): number {
    const words = this.words[address >>> this.arenaUnitShift]!;
    const at = (address & this.arenaMask) << this.wordShift;
    const keyLength = this.bytes[address >>> this.arenaUnitShift]![(at << 2) + R.KEY_LENGTH_BYTE]!;
    return (at << 2) + R.ITEM_HEADER_BYTES + keyLength + ((words[at + R.EXPIRY_WORD]! & 1) << 2);
  }

  /** The four bytes at `at`, lowest first, as int32. */
  readInt(arena: number, at: number): number {
    const bytes = this.bytes[arena]!;
    return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  }

  writeInt(arena: number, at: number, value: number): void {
    const bytes = this.bytes[arena]!;
    bytes[at] = value;
    bytes[at + 1] = value >>> 8;
    bytes[at + 2] = value >>> 16;
    bytes[at + 3] = value >>> 24;
  }

  /** Copies `source[start, end)` into an arena from byte `at` on. */
  copyIn(source: Uint8Array, start: number, end: number, arena: number, at: number): void {
    const length = end - start;
    if (length >= 4 && length <= WORD_LOOP_BYTES) {
      const view = this.#sources.of(source);
      if (view !== undefined) {
        copyWords(view, start, end, this.views[arena]!, at);
        return;
      }
    }
    copyRange(source, start, end, this.bytes[arena]!, at);
  }

  /** Copies `length` bytes from byte `at` of an arena to `target`. */
  copyOut(arena: number, at: number, length: number, target: Uint8Array, targetAt: number): void {
    if (length >= 4 && length <= WORD_LOOP_BYTES) {
      const view = this.#targets.of(target);
      if (view !== undefined) {
        copyWords(this.views[arena]!, at, at + length, view, targetAt);
        return;
      }
    }
    copyRange(this.bytes[arena]!, at, at + length, target, targetAt);
  }

  /** Copies whole words of a record to another place; `bytes` is a multiple of 4 and the places don't overlap. */
  moveRecord(from: number, to: number, bytes: number): void {
    const source = this.words[this.arenaOf(from)]!;
    const sourceAt = this.wordAt(from);
    const target = this.words[this.arenaOf(to)]!;
    const targetAt = this.wordAt(to);
    const count = bytes >>> 2;
    if (count <= 64) {
      for (let i = 0; i < count; i++) target[targetAt + i] = source[sourceAt + i]!;
    } else if (source === target) {
      target.copyWithin(targetAt, sourceAt, sourceAt + count);
    } else {
      copyBytes.call(
        this.bytes[this.arenaOf(from)]!,
        this.bytes[this.arenaOf(to)]!,
        targetAt << 2,
        sourceAt << 2,
        (sourceAt + count) << 2,
      );
    }
  }
}

/** Copies `source[start, end)` to `target` from `at` on; allocates nothing on Node 22 and newer. */
export function copyRange(source: Uint8Array, start: number, end: number, target: Uint8Array, at: number): void {
  if (end - start > LOOP_BYTES) {
    copyBytes.call(source, target, at, start, end);
    return;
  }
  for (let i = start; i < end; i++) target[at++] = source[i]!;
}

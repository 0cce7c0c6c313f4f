// The memory of a store: which buffers there are, how large, and how they grow. What lies in them is told by the
// classes that take views of them.

import { bucketsFor, firstBuckets, geometryFor, growsAt } from "./geometry.ts";
import type { ResolvedOptions } from "./options.ts";
import * as S from "./state.ts";

/**
 * All memory of a store. Opaque: made by `createStore`, handed to `openStore`. Untouched pages of these buffers cost
 * no memory, so they are asked for in full size at once.
 */
export interface StoreBuffers {
  readonly shared: boolean;
  /** Scalars and the counters of the virtual slab classes. */
  readonly state: ArrayBufferLike;
  /** Fingerprints of keys that were evicted. */
  readonly ghost: ArrayBufferLike;
  segments: ArrayBufferLike;
  slots: ArrayBufferLike;
  index: readonly ArrayBufferLike[];
  nextIndex: readonly ArrayBufferLike[];
  /** Up to 1 GiB each, asked for when their first segment is opened. */
  readonly arenas: (ArrayBufferLike | undefined)[];
}

/** Bytes of state before the class counters. */
export const CLASS_COUNTERS_AT = S.NUMBER_COUNT * 8 + S.INT_COUNT * 4;

/** Bytes per segment in the segment table: float64 sequence, seven int32, one for three bytes. */
export const SEGMENT_ENTRY_BYTES = 8 + 7 * 4 + 4;

/** int32 per slot in the slot table of large values. */
export const SLOT_WORDS = 12;

/** int32 of an index bucket: addresses, tags, overflow count. */
export const BUCKET_WORDS = 16;

/** Buckets per piece of the index, so that a piece is at most 1 GiB. */
export const PIECE_SHIFT = 24;

// calloc hands out large blocks 16 bytes into a page: from here on, buckets start on cache lines.
const LINE_OFFSET_BYTES = 48;

export function newBuffer(bytes: number, shared: boolean): ArrayBufferLike {
  return shared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes);
}

/** Scalars of `state` as int32. */
export function stateInts(buffers: StoreBuffers): Int32Array {
  return new Int32Array(buffers.state, S.NUMBER_COUNT * 8, S.INT_COUNT);
}

/** Scalars of `state` as float64. */
export function stateNumbers(buffers: StoreBuffers): Float64Array {
  return new Float64Array(buffers.state, 0, S.NUMBER_COUNT);
}

/** Buffers of an empty store, its sizes and options written into `state`. */
export function createBuffers(options: ResolvedOptions, classBytes: number): StoreBuffers {
  const { maxBytes, shared } = options;
  const geometry = geometryFor(maxBytes);
  const segments = Math.floor(maxBytes / 2 ** geometry.segmentShift);
  const slots = slotsFor(segments);
  // Two bytes a fingerprint: a power of two of them, in at most 0.5 % of the store.
  const ghostRoom = 2 ** Math.floor(Math.log2(maxBytes / 200 / 2));
  const most = bucketsFor(maxBytes);
  const buckets = firstBuckets(most);
  const buffers: StoreBuffers = {
    shared,
    state: newBuffer(CLASS_COUNTERS_AT + classBytes, shared),
    ghost: newBuffer(ghostRoom * 2, shared),
    segments: newBuffer(segments * SEGMENT_ENTRY_BYTES, shared),
    slots: newBuffer(slots * SLOT_WORDS * 4, shared),
    index: indexPieces(buckets, shared),
    nextIndex: [],
    arenas: [],
  };
  const ints = stateInts(buffers);
  ints[S.SEGMENT_SHIFT] = geometry.segmentShift;
  ints[S.UNIT_SHIFT] = geometry.unitShift;
  ints[S.ARENA_SHIFT] = geometry.arenaShift;
  ints[S.TTL_GROUPS] = geometry.ttlGroups;
  ints[S.EVICT] = options.evict ? 1 : 0;
  ints[S.CAS] = options.cas ? 1 : 0;
  ints[S.SEED] = options.seed;
  ints[S.MAX_ITEM_BYTES] = options.maxItemBytes;
  ints[S.INDEX_BUCKETS] = buckets;
  ints[S.INDEX_GROWS_AT] = buckets < most ? growsAt(buckets) : S.NO_GROWTH;
  ints[S.SEGMENT_ROOM] = ints[S.ACTIVE] = ints[S.GOAL] = ints[S.FREE_COUNT] = segments;
  ints[S.FREE_HEAD] = ints[S.RETIRED_HEAD] = ints[S.VICTIM] = ints[S.UNSURE_AT] = -1;
  ints[S.FLUSH_AT] = S.NO_FLUSH;
  ints[S.SLOT_FRESH] = 1;
  ints[S.SLOT_ROOM] = slots;
  ints[S.GHOST_ROOM] = ghostRoom;
  ints.fill(-1, S.OPEN, S.OPEN + 16);
  stateNumbers(buffers)[S.MAX_BYTES] = maxBytes;
  return buffers;
}

/** Large values that so many segments can hold, and a good number of small ones that are still arriving. */
export function slotsFor(segments: number): number {
  return segments * 16 + 16384;
}

/** The pieces of an index of so many buckets. */
export function indexPieces(buckets: number, shared: boolean): ArrayBufferLike[] {
  const pieces: ArrayBufferLike[] = [];
  for (let left = buckets; left > 0; left -= 2 ** PIECE_SHIFT) {
    pieces.push(newBuffer(Math.min(left, 2 ** PIECE_SHIFT) * BUCKET_WORDS * 4 + LINE_OFFSET_BYTES, shared));
  }
  return pieces;
}

/** Views of the pieces of an index, each bucket on a cache line of its own. */
export function indexViews(pieces: readonly ArrayBufferLike[]): Int32Array[] {
  return pieces.map((piece) => new Int32Array(piece, LINE_OFFSET_BYTES));
}

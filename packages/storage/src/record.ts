// The two kinds of record that lie in segments, and nothing about where: an item (header, key, flags, value) and a
// chunk (a piece of a value too large for one record). A record starts with five words and a byte:
//
//   word 0      item: expiry << 1 | has flags            chunk: address of the next chunk, 0 = last
//   word 1      item: last access << 2 | frequency       chunk: address of the one before, 0 = first
//   word 2, 3   item: cas number, low and high half      chunk: slot, generation of the slot
//   word 4      length of the value or piece << 5 | bits
//   byte 20     length of the key; 0 = a chunk
//   from 21     item: key, flags (4 bytes, only if not 0), value, or the slot (4 bytes) when it is LARGE
//   from 24     chunk: bytes of the value

/** Bytes before the key. */
export const ITEM_HEADER_BYTES = 21;
/** Bytes before the piece of a value. */
export const CHUNK_HEADER_BYTES = 24;
/** No record is shorter, so that the number of items, and with it the index, is bounded. */
export const MIN_RECORD_BYTES = 64;

export const EXPIRY_WORD = 0;
export const ACCESS_WORD = 1;
export const CAS_LOW_WORD = 2;
export const CAS_HIGH_WORD = 3;
export const LENGTH_WORD = 4;
export const KEY_LENGTH_BYTE = 20;

export const NEXT_WORD = 0;
export const PREVIOUS_WORD = 1;
export const SLOT_WORD = 2;
export const SLOT_GENERATION_WORD = 3;

/** In the index; a record without it is dead. Chunks don't use it. */
export const LINKED = 1;
export const STALE = 2;
export const WIN_SENT = 4;
/** The value lies in chunks. */
export const LARGE = 8;
export const FETCHED = 16;
export const LENGTH_SHIFT = 5;

/** The highest frequency that fits beside the last access. */
export const MAX_FREQUENCY = 3;

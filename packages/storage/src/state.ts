// Where each scalar of a store lies in its state buffer, so that several instances over one set of buffers agree.
// Numbers only: what they mean for each other is told by the files that keep them.

// ---- int32 ----

/** Counts changes of the set of buffers; an instance that lags behind takes new views. */
export const GENERATION = 0;
/** log2 of a segment's bytes. */
export const SEGMENT_SHIFT = 1;
/** log2 of the bytes that one step of an address spans. */
export const UNIT_SHIFT = 2;
/** log2 of an arena's bytes. */
export const ARENA_SHIFT = 3;
/** 1 when live items may be evicted. */
export const EVICT = 4;
/** 1 when items carry cas numbers. */
export const CAS = 5;
export const SEED = 6;
export const MAX_ITEM_BYTES = 7;
export const INDEX_BUCKETS = 8;
/** Buckets of the index that takes over; 0 when there is none. */
export const NEXT_BUCKETS = 9;
/** Home buckets below this one have moved to the next index. */
export const MIGRATED = 10;
/** Segments that the segment table has room for. */
export const SEGMENT_ROOM = 11;
/** First segment that was never used. */
export const FRESH = 12;
/** Segments that may be used at present. */
export const ACTIVE = 13;
/** What ACTIVE shall become; less than it while the store shrinks. */
export const GOAL = 14;
export const FREE_HEAD = 15;
/** Free segments, the fresh ones included. */
export const FREE_COUNT = 16;
export const RETIRED_HEAD = 17;
/** The segment being worked off, or -1. */
export const VICTIM = 18;
/** Byte offset in the victim of the next record to look at. */
export const CURSOR = 19;
export const MODE = 20;
/** The item that a running call works on: never evicted, and followed when it moves. */
export const GUARD = 22;
/** The second at which a delayed flush fires, or NO_FLUSH. */
export const FLUSH_AT = 23;
/** 1 during the second in which a delayed flush has fired: nothing can be found. */
export const BLACKOUT = 24;
export const SLOT_FREE = 25;
/** First slot that was never used; slot 0 is not used. */
export const SLOT_FRESH = 26;
export const SLOT_ROOM = 27;
export const CAS_LOW = 28;
/** Bits 32 to 39 of the cas counter. */
export const CAS_HIGH = 29;
export const ROUND = 30;
export const RANK = 31;
/** The second for which UNSURE holds, or -1. */
export const UNSURE_AT = 32;
/** Bytes that evicted segments have kept lately, less the share that they may keep. */
export const KEPT = 33;
export const CLASS_COUNT = 34;
/** How many groups of remaining time there are. */
export const TTL_GROUPS = 35;
export const GHOST_ROOM = 36;
/** Entries of the index, those of flushed items included. */
export const INDEX_ENTRIES = 37;
/** Entries at which the index is followed by a larger one; NO_GROWTH when it has a place for every record. */
export const INDEX_GROWS_AT = 38;
/** The open segment of each group, or -1; 16 places. */
export const OPEN = 48;
export const INT_COUNT = 64;

export const NO_FLUSH = 0x7fff_ffff;
export const NO_GROWTH = 0x7fff_ffff;

// ---- float64 ----

export const MAX_BYTES = 0;
export const LIVE = 1;
export const PROMISED = 2;
/** Bytes of values that are gone but still pinned. */
export const LINGERING = 3;
export const CURR_ITEMS = 4;
export const TOTAL_ITEMS = 5;
export const REQUESTED = 6;
export const EVICTIONS = 7;
export const EVICTED_UNFETCHED = 8;
export const EXPIRED_UNFETCHED = 9;
export const RECLAIMED = 10;
export const NEXT_SEQUENCE = 11;
/** Live bytes in segments in which something may have expired, as of UNSURE_AT. */
export const UNSURE = 12;
export const NUMBER_COUNT = 16;

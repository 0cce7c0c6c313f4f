// The limits of memcached's protocol and store that more than one layer checks.

/** Longest key in bytes (memcached.h: KEY_MAX_LENGTH). */
export const MAX_KEY_BYTES = 250;

/** `-I` when nothing is said: the largest item, key and header included, in bytes. */
export const DEFAULT_MAX_ITEM_BYTES = 1024 * 1024;

/** The largest `-I` in bytes. memcached takes up to 1 GiB; here a length has 27 bits. */
export const MAX_ITEM_BYTES = 128 * 1024 * 1024;

/** The smallest `-I` in bytes. */
export const MIN_ITEM_BYTES = 1024;

/** `-m` when nothing is said, in bytes. */
export const DEFAULT_MEMORY_BYTES = 64 * 1024 * 1024;

/** Port of memcached's protocol when nothing is said. */
export const DEFAULT_PORT = 11211;

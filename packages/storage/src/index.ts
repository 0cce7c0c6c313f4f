export { Cache, createCache, type Bytes, type CacheEntry, type CacheOptions, type StoreItemOptions } from "./cache.ts";
export {
  createStore,
  INCREMENT_NON_NUMERIC,
  INCREMENT_OK,
  INCREMENT_OUT_OF_MEMORY,
  MISS_EXPIRED,
  MISS_FLUSHED,
  MISS_NONE,
  openStore,
  Store,
} from "./store.ts";
export { ItemFields } from "./items.ts";
export { type StoreBuffers } from "./buffers.ts";
export { type ClassCounter, type SlabClasses } from "./slab-classes.ts";
export { type StoreOptions } from "./options.ts";

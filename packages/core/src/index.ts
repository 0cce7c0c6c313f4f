export { CacheError, isCacheError, type CacheErrorCode } from "./errors.ts";
export { checkTextKey, isTextKey } from "./keys.ts";
export { FIRST_SECOND, SystemClock, type Clock } from "./clock.ts";
export { ALREADY_EXPIRED, LAST_EXPIRY, MAX_RELATIVE_EXPTIME_SEC, NEVER, toExpiry } from "./exptime.ts";
export { formatEndpoint, parseEndpoint, type Endpoint } from "./endpoint.ts";
export { formatSize, parseSize } from "./size.ts";
export { TypedEvents } from "./events.ts";
export { type Metric, type MetricsSource } from "./metrics.ts";
export {
  DEFAULT_MAX_ITEM_BYTES,
  DEFAULT_MEMORY_BYTES,
  DEFAULT_PORT,
  MAX_ITEM_BYTES,
  MAX_KEY_BYTES,
  MIN_ITEM_BYTES,
} from "./limits.ts";

// zlib streams (RFC 1950) with a bound on what they may unpack to.

import { deflateSync, inflateSync } from "node:zlib";
import { tooLarge, undecodable } from "./codec.ts";

/** What most programs, PHP among them, call the default. */
export const DEFAULT_ZLIB_LEVEL = 6;

/** @param level 0 (store) to 9 (smallest) */
export function zlibCompress(bytes: Uint8Array, level: number): Buffer {
  return deflateSync(bytes, { level });
}

/**
 * Unpacks a zlib stream; bytes behind its end are ignored, as zlib's uncompress() does.
 *
 * @param limit      most bytes it may unpack to
 * @param likelySize how many it is likely to be; spares allocations, nothing else
 * @throws CacheError `value_too_large` beyond the limit, `value_undecodable` for bytes that are no zlib stream
 */
export function zlibUncompress(bytes: Uint8Array, limit: number, likelySize = bytes.length * 4): Buffer {
  const chunkSize = Math.min(Math.max(likelySize, 64), 64 * 1024);
  try {
    return inflateSync(bytes, { maxOutputLength: Math.max(limit, 1), chunkSize });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") {
      throw tooLarge("the uncompressed value", limit + 1, limit);
    }
    throw undecodable(`${bytes.length} bytes are no zlib stream`, error);
  }
}

// The compressed body of class Memcached: the original length in four bytes, little endian, then zlib or FastLZ.
// Bits of the flags: 4 compressed, 5 zlib, 6 FastLZ, 7 zstd (3.3 only).

import * as zlib from "node:zlib";
import { tooLarge, undecodable } from "./codec.ts";
import { fastlzCompress, fastlzDecompress } from "./fastlz.ts";
import { zlibCompress, zlibUncompress } from "./zlib.ts";

const COMPRESSED = 0x10;
const ZLIB = 0x20;
const FASTLZ = 0x40;
const ZSTD = 0x80;
const HEADER_BYTES = 4;

export interface Compression {
  readonly type: "fastlz" | "zlib";
  /** Shorter values, in bytes, are left alone. */
  readonly threshold: number;
  /** The compressed body is kept when the value is longer than this times its length, header not counted. */
  readonly factor: number;
  /** zlib's, 0 to 9. */
  readonly level: number;
}

/** The compressed body and its bits for the flags; undefined when the value is to stay as it is. */
export function packBody(
  bytes: Uint8Array,
  { type, threshold, factor, level }: Compression,
): { readonly flags: number; readonly bytes: Buffer } | undefined {
  if (bytes.length === 0 || bytes.length < threshold) return undefined;
  const packed = type === "fastlz" ? fastlzCompress(bytes) : zlibCompress(bytes, level);
  if (bytes.length <= packed.length * factor) return undefined;
  const body = Buffer.allocUnsafe(HEADER_BYTES + packed.length);
  body.writeUInt32LE(bytes.length, 0);
  body.set(packed, HEADER_BYTES);
  return { flags: COMPRESSED | (type === "fastlz" ? FASTLZ : ZLIB), bytes: body };
}

/**
 * The bytes of a value, uncompressed if the flags say so. Otherwise `body` itself.
 *
 * A zlib stream shorter than the header says is taken, as PHP does; a FastLZ block is not: PHP would fill up the value
 * with whatever its memory held.
 *
 * @param limit most bytes a value may have
 * @throws CacheError `value_undecodable`, `value_too_large`
 */
export function unpackBody(flags: number, body: Buffer, limit: number): Buffer {
  if ((flags & COMPRESSED) === 0) {
    if (body.length > limit) throw tooLarge("the value", body.length, limit);
    return body;
  }
  if ((flags & (ZLIB | FASTLZ | ZSTD)) === 0) {
    throw undecodable(`flags ${flags} say compressed but not how; php-memcached 1.0 wrote so, no later one reads it`);
  }
  if (body.length < HEADER_BYTES) throw undecodable(`a compressed value of ${body.length} bytes has no length header`);
  const size = body.readUInt32LE(0);
  if (size > limit) throw tooLarge("the uncompressed value", size, limit);
  const packed = body.subarray(HEADER_BYTES);
  if ((flags & FASTLZ) !== 0) return fastlzDecompress(packed, size);
  if ((flags & ZSTD) !== 0) return unpackZstd(packed, size);
  return unpackZlib(packed, size);
}

function unpackZlib(packed: Buffer, size: number): Buffer {
  try {
    const value = zlibUncompress(packed, size, size);
    if (value.length <= size) return value;
  } catch (error) {
    throw undecodable(`a zlib body is broken, or holds more than the ${size} bytes its header says`, error);
  }
  throw undecodable(`a zlib body holds something, its header says nothing`);
}

/** Node has zstd since 22.15; the older ones say so. */
function unpackZstd(packed: Buffer, size: number): Buffer {
  const { zstdDecompressSync } = zlib as {
    zstdDecompressSync?: (bytes: Uint8Array, options: { maxOutputLength: number }) => Buffer;
  };
  if (!zstdDecompressSync) throw undecodable(`the value is compressed by zstd, which needs Node 22.15 or later`);
  try {
    return zstdDecompressSync(packed, { maxOutputLength: Math.max(size, 1) });
  } catch (error) {
    throw undecodable(`a zstd body is broken, or holds more than the ${size} bytes its header says`, error);
  }
}

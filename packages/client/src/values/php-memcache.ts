// Values as PHP's class Memcache (pecl-memcache 3.0 to 8.x) stores and reads them.
// Not class Memcached: the two read nothing of each other but plain strings. Not keys: those are hashing's.

import { checkRange, checkWhole, tooLarge, unencodable, type EncodedValue, type ValueCodec } from "./codec.ts";
import { noPhpValue, sort } from "./php-kinds.ts";
import { decodeBool, decodeFloat, decodeInt, isIntNumber, memcacheFloatText, phpIntText } from "./php-numbers.ts";
import { resolvePhpValueOptions, type PhpValueOptions, type PhpValueSettings } from "./php-options.ts";
import { phpSerialize } from "./php-serialize.ts";
import { phpUnserialize } from "./php-unserialize.ts";
import { asBuffer, checkWellFormed, toStringOrBytes } from "./text.ts";
import { DEFAULT_ZLIB_LEVEL, zlibCompress, zlibUncompress } from "./zlib.ts";

const SERIALIZED = 0x1;
/** PHP's MEMCACHE_COMPRESSED. */
export const MEMCACHE_COMPRESSED = 0x2;
const TYPE_MASK = 0xf00;
const BOOL = 0x100;
const INT = 0x300;
const FLOAT = 0x700;

/** The extension doubles its buffer, from twice the input, at most to 2^15 times. */
const MAX_GROWTH = 2 ** 15;

export interface PhpMemcacheValueOptions extends PhpValueOptions {
  /**
   * `Memcache::setCompressThreshold`: from how many bytes on strings and serialized values are compressed; 0 = never.
   * Default 20000 (`memcache.compress_threshold`).
   */
  readonly compressThreshold?: number;
  /** Its second parameter: the share that must be saved, 0 to 1, or the value stays as it is. Default 0.2. */
  readonly minSavings?: number;
}

/** `encode` of this codec takes the `$flag` of `Memcache::set` as well. */
export interface PhpMemcacheValues extends ValueCodec {
  /** @param flag 0, or MEMCACHE_COMPRESSED (2) to compress whatever the length; bits 16 to 31 are the application's own */
  encode(value: unknown, flag?: number): EncodedValue;
}

/**
 * The values of class Memcache. Flags: bit 0 serialized, bit 1 zlib, bits 8 to 11 the type (0 string, 1 bool, 3 int,
 * 7 float), bits 16 to 31 the application's. null is written as PHP does, serialized; PHP's get makes false of it, here
 * it stays null. Floats lose digits (`%.14g`), as in PHP.
 *
 * Where PHP silently reads something else than what was meant (an int of `abc` is 0), `decode` throws.
 *
 * Source: pecl-memcache 8.0, src/memcache_pool.c, mmc_pack_value and mmc_unpack_value.
 *
 * @throws CacheError `invalid_option`
 */
export function phpMemcacheValues(options: PhpMemcacheValueOptions = {}): PhpMemcacheValues {
  const settings = resolvePhpValueOptions(options);
  const compressThreshold = checkWhole("compressThreshold", options.compressThreshold ?? 20_000, 0, 2 ** 31 - 1);
  const minSavings = checkRange("minSavings", options.minSavings ?? 0.2, 0, 1);

  const pack = (bytes: Buffer, flags: number, forced: boolean): EncodedValue => {
    if (bytes.length > settings.maxValueBytes) throw tooLarge("the value", bytes.length, settings.maxValueBytes);
    if (forced || (compressThreshold > 0 && bytes.length >= compressThreshold)) {
      const packed = zlibCompress(bytes, DEFAULT_ZLIB_LEVEL);
      if (packed.length <= Math.trunc(bytes.length * (1 - minSavings))) {
        return { flags: (flags | MEMCACHE_COMPRESSED) >>> 0, bytes: packed };
      }
    }
    return { flags: flags >>> 0, bytes };
  };

  const encode = (value: unknown, flag = 0): EncodedValue => {
    if ((flag & 0xffff & ~MEMCACHE_COMPRESSED) !== 0) {
      throw unencodable(`flag is ${flag}: its low 16 bits are the extension's own, but for MEMCACHE_COMPRESSED (2)`);
    }
    const forced = (flag & MEMCACHE_COMPRESSED) !== 0;
    const user = flag & ~MEMCACHE_COMPRESSED;
    const scalar = (type: number, text: string) => ({
      flags: (user | type) >>> 0,
      bytes: Buffer.from(text, "latin1"),
    });
    switch (typeof value) {
      case "string":
        checkWellFormed(value);
        return pack(Buffer.from(value), user, forced);
      case "number":
        return isIntNumber(value) ? scalar(INT, String(value)) : scalar(FLOAT, memcacheFloatText(value));
      case "bigint":
        return scalar(INT, phpIntText(value));
      case "boolean":
        return scalar(BOOL, value ? "1" : "0");
      case "object": {
        const sorted = value === null ? undefined : sort(value);
        if (sorted?.kind === "float") return scalar(FLOAT, memcacheFloatText(sorted.value));
        if (sorted?.kind === "bytes") return pack(asBuffer(sorted.bytes), user, forced);
        if (sorted?.kind === "other") return encode(sorted.value, flag);
        return pack(phpSerialize(value, settings), user | SERIALIZED, forced);
      }
      default:
        return noPhpValue(value);
    }
  };
  return { encode, decode: (flags, bytes) => decode(flags, bytes, settings) };
}

function decode(flags: number, bytes: Uint8Array, settings: PhpValueSettings): unknown {
  let data = asBuffer(bytes);
  if ((flags & MEMCACHE_COMPRESSED) !== 0) {
    data = zlibUncompress(data, Math.min(settings.maxValueBytes, data.length * MAX_GROWTH));
  }
  if (data.length > settings.maxValueBytes) throw tooLarge("the value", data.length, settings.maxValueBytes);
  if ((flags & SERIALIZED) !== 0) return phpUnserialize(data, settings);
  switch (flags & TYPE_MASK) {
    case INT:
      return decodeInt(data, "class Memcache");
    case FLOAT:
      return decodeFloat(data.toString("latin1"), "class Memcache", settings.floats);
    case BOOL:
      return decodeBool(data.toString("latin1"), "class Memcache");
    default:
      return toStringOrBytes(data, 0, data.length, settings.strings);
  }
}

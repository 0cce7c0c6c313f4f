// Values as PHP's class Memcached (php-memcached 2.x and 3.x) stores and reads them.
// Not class Memcache: the two read nothing of each other but plain strings.

import { CacheError } from "@marugoto/core";
import {
  checkChoice,
  checkRange,
  checkWhole,
  tooLarge,
  undecodable,
  type EncodedValue,
  type ValueCodec,
} from "./codec.ts";
import { packBody, unpackBody, type Compression } from "./memcached-compression.ts";
import { phpJsonDecode, phpJsonEncode } from "./php-json.ts";
import { noPhpValue, sort } from "./php-kinds.ts";
import { decodeBool, decodeFloat, decodeInt, isIntNumber, memcachedFloatText, phpIntText } from "./php-numbers.ts";
import { resolvePhpValueOptions, type PhpValueOptions } from "./php-options.ts";
import { phpSerialize } from "./php-serialize.ts";
import { phpUnserialize } from "./php-unserialize.ts";
import { asBuffer, checkWellFormed, toStringOrBytes } from "./text.ts";
import { DEFAULT_ZLIB_LEVEL } from "./zlib.ts";

/** The types in bits 0 to 3. */
export const memcachedTypes = {
  string: 0,
  int: 1,
  float: 2,
  bool: 3,
  php: 4,
  igbinary: 5,
  json: 6,
  msgpack: 7,
} as const;
const TYPE_MASK = 0xf;

/**
 * A serializer that this package does not bring: igbinary and msgpack. It must write what the PHP extension of that
 * name reads: class Memcached may crash on anything else.
 */
export interface SerializerPlugin {
  serialize(value: unknown): Uint8Array;
  /** `bytes` may be part of a receive buffer: keep nothing of it. */
  unserialize(bytes: Uint8Array): unknown;
}

export interface PhpMemcachedValueOptions extends PhpValueOptions {
  /**
   * `Memcached::OPT_SERIALIZER`: what arrays, objects and null are written with. All formats are read whatever is set,
   * igbinary and msgpack if there is a plug-in. Default "php".
   */
  readonly serializer?: "php" | "json" | "json_array" | "igbinary" | "msgpack";
  /** `OPT_COMPRESSION`. Default true. */
  readonly compression?: boolean;
  /** `OPT_COMPRESSION_TYPE`. All types are read whatever is set. Default "fastlz". */
  readonly compressionType?: "fastlz" | "zlib";
  /** `memcached.compression_threshold`: from how many bytes on strings and serialized values are compressed. Default 2000. */
  readonly compressionThreshold?: number;
  /** `memcached.compression_factor`: kept if the value is longer than this times the compressed one. Default 1.3. */
  readonly compressionFactor?: number;
  /** `OPT_COMPRESSION_LEVEL` of 3.3 for zlib, 0 to 9; 3.2 knows only the default, 6. */
  readonly compressionLevel?: number;
  /** `OPT_USER_FLAGS`, 0 to 65535, in bits 16 to 31. Default 0. */
  readonly userFlags?: number;
  readonly plugins?: { readonly igbinary?: SerializerPlugin; readonly msgpack?: SerializerPlugin };
}

/** `OPT_USER_FLAGS` of an item, from its flags: 0 to 65535. */
export function memcachedUserFlags(flags: number): number {
  return flags >>> 16;
}

/**
 * The values of class Memcached. Flags: bits 0 to 3 the type (see `memcachedTypes`), bits 4 to 7 the compression,
 * bits 16 to 31 the application's.
 *
 * Where PHP silently reads something else than what was meant (an int of `abc` is 0, broken JSON is null), `decode`
 * throws. A float is written with the shortest digits that read back as itself.
 *
 * Source: php-memcached 3.2.0, php_memcached.c, s_zval_to_payload and s_memcached_result_to_zval.
 *
 * @throws CacheError `invalid_option`
 */
export function phpMemcachedValues(options: PhpMemcachedValueOptions = {}): ValueCodec {
  const settings = resolvePhpValueOptions(options);
  const serializer = checkChoice("serializer", options.serializer ?? "php", [
    "php",
    "json",
    "json_array",
    "igbinary",
    "msgpack",
  ]);
  const compression: Compression | undefined =
    (options.compression ?? true)
      ? {
          type: checkChoice("compressionType", options.compressionType ?? "fastlz", ["fastlz", "zlib"]),
          threshold: checkWhole("compressionThreshold", options.compressionThreshold ?? 2000, 0, 2 ** 31 - 1),
          factor: checkRange("compressionFactor", options.compressionFactor ?? 1.3, 0, Number.MAX_VALUE),
          level: checkWhole("compressionLevel", options.compressionLevel ?? DEFAULT_ZLIB_LEVEL, 0, 9),
        }
      : undefined;
  const user = checkWhole("userFlags", options.userFlags ?? 0, 0, 0xffff) << 16;
  const { plugins = {} } = options;
  if ((serializer === "igbinary" || serializer === "msgpack") && plugins[serializer] === undefined) {
    throw new CacheError(
      "invalid_option",
      `serializer is ${serializer}, which needs a plug-in: plugins: { ${serializer}: … }`,
    );
  }

  const pack = (bytes: Uint8Array, type: number): EncodedValue => {
    if (bytes.length > settings.maxValueBytes) throw tooLarge("the value", bytes.length, settings.maxValueBytes);
    const packed = compression && packBody(bytes, compression);
    return packed
      ? { flags: (user | type | packed.flags) >>> 0, bytes: packed.bytes }
      : { flags: (user | type) >>> 0, bytes };
  };
  const scalar = (type: number, text: string) => ({ flags: (user | type) >>> 0, bytes: Buffer.from(text, "latin1") });
  const serialize = (value: unknown): EncodedValue => {
    switch (serializer) {
      case "php":
        return pack(phpSerialize(value, settings), memcachedTypes.php);
      case "json":
      case "json_array":
        return pack(phpJsonEncode(value, settings), memcachedTypes.json);
      default:
        return pack(plugged(serializer, plugins[serializer]).serialize(value), memcachedTypes[serializer]);
    }
  };

  const encode = (value: unknown): EncodedValue => {
    switch (typeof value) {
      case "string":
        checkWellFormed(value);
        return pack(Buffer.from(value), memcachedTypes.string);
      case "number":
        return isIntNumber(value)
          ? scalar(memcachedTypes.int, String(value))
          : scalar(memcachedTypes.float, memcachedFloatText(value));
      case "bigint":
        return scalar(memcachedTypes.int, phpIntText(value));
      case "boolean":
        return scalar(memcachedTypes.bool, value ? "1" : "");
      case "object": {
        const sorted = value === null ? undefined : sort(value);
        if (sorted?.kind === "float") return scalar(memcachedTypes.float, memcachedFloatText(sorted.value));
        if (sorted?.kind === "bytes") return pack(sorted.bytes, memcachedTypes.string);
        if (sorted?.kind === "other") return encode(sorted.value);
        return serialize(value);
      }
      default:
        return noPhpValue(value);
    }
  };
  return {
    encode,
    decode(flags, bytes) {
      const data = unpackBody(flags, asBuffer(bytes), settings.maxValueBytes);
      const type = flags & TYPE_MASK;
      switch (type) {
        case memcachedTypes.string:
          return toStringOrBytes(data, 0, data.length, settings.strings);
        case memcachedTypes.int:
          return decodeInt(data, "class Memcached");
        case memcachedTypes.float:
          return decodeFloat(data.toString("latin1"), "class Memcached", settings.floats);
        case memcachedTypes.bool:
          return decodeBool(data.toString("latin1"), "class Memcached");
        case memcachedTypes.php:
          return phpUnserialize(data, settings);
        case memcachedTypes.json:
          return phpJsonDecode(data, settings);
        case memcachedTypes.igbinary:
          return unserializePlugged("igbinary", plugins.igbinary, data);
        case memcachedTypes.msgpack:
          return unserializePlugged("msgpack", plugins.msgpack, data);
        default:
          throw undecodable(`flags ${flags} say type ${type}, class Memcached knows 0 to 7`);
      }
    },
  };
}

function plugged(name: string, plugin: SerializerPlugin | undefined): SerializerPlugin {
  if (plugin) return plugin;
  throw undecodable(`the value is in the format of ${name}, which needs a plug-in: plugins: { ${name}: … }`);
}

function unserializePlugged(name: string, plugin: SerializerPlugin | undefined, bytes: Buffer): unknown {
  const found = plugged(name, plugin);
  try {
    return found.unserialize(bytes);
  } catch (error) {
    throw undecodable(`the plug-in for ${name} cannot read ${bytes.length} bytes`, error);
  }
}

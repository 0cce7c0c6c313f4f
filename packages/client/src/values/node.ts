// Values of pools that only Node programs use: fast, and every JavaScript value comes back as what it was. The flags
// are those of PHP's class Memcached as far as they go, so a PHP program that looks in reads them as well.

import { isPhpInt, isIntNumber, decodeBool, decodeFloat, decodeInt, memcachedFloatText } from "./php-numbers.ts";
import {
  checkChoice,
  checkRange,
  checkWhole,
  DEFAULT_MAX_VALUE_BYTES,
  tooLarge,
  undecodable,
  unencodable,
  type EncodedValue,
  type ValueCodec,
} from "./codec.ts";
import { packBody, unpackBody, type Compression } from "./memcached-compression.ts";
import { memcachedTypes } from "./php-memcached.ts";
import { asBuffer, checkWellFormed, toBytes, toStringOrBytes } from "./text.ts";

const TYPE_MASK = 0xf;
/** Beside type string: bytes, not text. Neither PHP class looks at the bits 12 to 15. */
export const NODE_BYTES = 0x1000;
/** Beside type int or string: a bigint. */
export const NODE_BIGINT = 0x2000;

export interface NodeValueOptions {
  /** "zlib", "fastlz" (both readable by class Memcached), or false. All are read whatever is set. Default "zlib". */
  readonly compression?: "zlib" | "fastlz" | false;
  /** From how many bytes on values are compressed. Default 2000. */
  readonly compressionThreshold?: number;
  /** The share of the bytes that must be saved, 0 to below 1, or the value stays as it is. Default 0.2. */
  readonly minSaving?: number;
  /** zlib's level, 0 to 9. Default 1: a cache reads and writes more than it keeps. */
  readonly compressionLevel?: number;
  /** Largest value, uncompressed, in bytes, both ways. Default 128 MiB. */
  readonly maxValueBytes?: number;
}

/**
 * Values for Node. string and Buffer (any view of memory comes back as a Buffer), number, bigint and boolean are stored
 * as such; null, arrays and objects as JSON.stringify sees them: a Date comes back as its text, a Map or Set as `{}`.
 * Refused: undefined, functions, symbols, cycles, a bigint inside an object.
 *
 * Flags: bits 0 to 3 the type as class Memcached has it (0 string, 1 int, 2 float, 3 bool, 6 JSON); bits 4 to 6 its
 * compression; bit 12 bytes, bit 13 bigint. A bigint of more than 64 bits is its digits as type string.
 *
 * Of PHP's other formats (serialize, igbinary, msgpack) `decode` throws an error that names them.
 *
 * @throws CacheError `invalid_option`
 */
export function nodeValues(options: NodeValueOptions = {}): ValueCodec {
  const type = checkChoice("compression", options.compression ?? "zlib", ["zlib", "fastlz", false]);
  const minSaving = checkRange("minSaving", options.minSaving ?? 0.2, 0, 0.999);
  const limit = checkWhole("maxValueBytes", options.maxValueBytes ?? DEFAULT_MAX_VALUE_BYTES, 1, 2 ** 30);
  const threshold = checkWhole("compressionThreshold", options.compressionThreshold ?? 2000, 0, 2 ** 31 - 1);
  const level = checkWhole("compressionLevel", options.compressionLevel ?? 1, 0, 9);
  const compression: Compression | undefined =
    type === false ? undefined : { type, threshold, factor: 1 / (1 - minSaving), level };

  const pack = (bytes: Uint8Array, flags: number): EncodedValue => {
    if (bytes.length > limit) throw tooLarge("the value", bytes.length, limit);
    const packed = compression && bytes.length >= threshold ? packBody(bytes, compression) : undefined;
    return packed ? { flags: flags | packed.flags, bytes: packed.bytes } : { flags, bytes };
  };
  const ascii = (flags: number, text: string): EncodedValue => ({ flags, bytes: Buffer.from(text, "latin1") });

  return {
    plainText: { flags: memcachedTypes.string, below: Math.min(compression?.threshold ?? limit, limit) },
    encode(value) {
      switch (typeof value) {
        case "string":
          checkWellFormed(value);
          return pack(Buffer.from(value), memcachedTypes.string);
        case "number":
          return isIntNumber(value)
            ? ascii(memcachedTypes.int, String(value))
            : ascii(memcachedTypes.float, memcachedFloatText(value));
        case "bigint":
          return isPhpInt(value)
            ? ascii(memcachedTypes.int | NODE_BIGINT, String(value))
            : pack(Buffer.from(String(value)), memcachedTypes.string | NODE_BIGINT);
        case "boolean":
          return ascii(memcachedTypes.bool, value ? "1" : "");
        case "object": {
          const bytes = value === null ? undefined : toBytes(value);
          return bytes
            ? pack(bytes, memcachedTypes.string | NODE_BYTES)
            : pack(Buffer.from(stringify(value)), memcachedTypes.json);
        }
        default:
          throw unencodable(`${typeof value} cannot be stored`);
      }
    },
    decode(flags, body) {
      const bytes = unpackBody(flags, asBuffer(body), limit);
      switch (flags & TYPE_MASK) {
        case memcachedTypes.string:
          if ((flags & NODE_BIGINT) !== 0) return toBigInt(bytes);
          return toStringOrBytes(bytes, 0, bytes.length, (flags & NODE_BYTES) === 0 ? "text" : "bytes");
        case memcachedTypes.int:
          return (flags & NODE_BIGINT) === 0 ? decodeInt(bytes, "this pool") : toBigInt(bytes);
        case memcachedTypes.float:
          return decodeFloat(bytes.toString("latin1"), "this pool", "number");
        case memcachedTypes.bool:
          return decodeBool(bytes.toString("latin1"), "this pool");
        case memcachedTypes.json:
          return parse(bytes);
        case memcachedTypes.php:
          throw undecodable("the value is in PHP's serialize format; read it with phpMemcachedValues");
        case memcachedTypes.igbinary:
          throw undecodable("the value is in the format of igbinary; read it with phpMemcachedValues and a plug-in");
        case memcachedTypes.msgpack:
          throw undecodable("the value is in the format of msgpack; read it with phpMemcachedValues and a plug-in");
        default:
          throw undecodable(`flags ${flags} say type ${flags & TYPE_MASK}, there are 0 to 7`);
      }
    },
  };
}

function stringify(value: unknown): string {
  let json: unknown;
  try {
    json = JSON.stringify(value);
  } catch (error) {
    throw unencodable(`JSON.stringify refuses the value: ${(error as Error).message}`, error);
  }
  if (typeof json !== "string") throw unencodable("the value's toJSON returns nothing");
  return json;
}

function parse(bytes: Buffer): unknown {
  const text = toStringOrBytes(bytes, 0, bytes.length, "text");
  if (typeof text !== "string") throw undecodable("broken JSON: not UTF-8");
  try {
    return JSON.parse(text);
  } catch (error) {
    throw undecodable(`broken JSON: ${(error as Error).message}`, error);
  }
}

/** BigInt takes quadratic time: what is longer was not written by a program in its senses. */
const MAX_BIGINT_DIGITS = 100_000;

function toBigInt(bytes: Buffer): bigint {
  if (bytes.length > MAX_BIGINT_DIGITS) throw undecodable(`flags say a bigint, of ${bytes.length} digits`);
  const text = bytes.toString("latin1").trim();
  if (!/^-?\d+$/.test(text)) throw undecodable(`flags say a bigint, the bytes are no digits`);
  return BigInt(text);
}

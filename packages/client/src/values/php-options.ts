// What the PHP codecs leave to choice: how a PHP value looks in JavaScript, and what JavaScript may write.

import { checkChoice, checkWhole, DEFAULT_MAX_VALUE_BYTES } from "./codec.ts";

/**
 * How PHP values and JavaScript values stand for each other.
 *
 * | PHP | read as | written from |
 * |---|---|---|
 * | null | null | null |
 * | bool | boolean | boolean |
 * | int | number; bigint beyond 2^53 | a whole number up to 2^53, a bigint of 64 bits |
 * | float | number (see `floats`) | any other number, -0, NaN and the infinities too; PhpFloat |
 * | string | string if it is UTF-8, else Buffer (see `strings`) | string as UTF-8; Buffer, Uint8Array, other views |
 * | array with the keys 0, 1, 2 … | Array | Array; a hole or undefined becomes null |
 * | any other array | plain object or Map (see `arrays`) | Map; plain object and class instance (see `plainObjects`) |
 * | stdClass | PhpObject or plain object (see `objects`) | PhpObject |
 * | object of another class | PhpObject | PhpObject, if `writeClasses` allows it |
 * | enum case | PhpEnum | PhpEnum, if `writeClasses` allows it |
 * | the same object twice | the same JavaScript object twice | the same PhpObject twice |
 * | reference (`&`) | refused | – |
 *
 * A text key that is a decimal int becomes an int key, as PHP itself does. A value with `toJSON` (a Date) is written
 * as what that returns. Undefined properties are left out. Refused: undefined, functions, symbols, Set, RegExp and
 * other objects with an inner state, half surrogate pairs, cycles.
 */
export interface PhpValueOptions {
  /** What an array that is no list becomes. Only "map" keeps the order of int keys. Default "object". */
  readonly arrays?: "object" | "map";
  /** What stdClass becomes. A plain object is written back as an array unless `plainObjects` says otherwise. Default "php". */
  readonly objects?: "php" | "plain";
  /** "exact" reads 1.0 as PhpFloat, so that it is written back as a float. Default "number". */
  readonly floats?: "number" | "exact";
  /** "bytes" reads every string as a Buffer; keys stay text. Default "text". */
  readonly strings?: "text" | "bytes";
  /** What a plain JavaScript object is written as. Default "array". */
  readonly plainObjects?: "array" | "stdClass";
  /**
   * Classes besides stdClass that may be written; true for any. PHP may fail to read an object that its class does not
   * expect, and class Memcached 3.2 has been seen to crash on what it cannot read: name only what PHP itself wrote.
   * Default none.
   */
  readonly writeClasses?: readonly string[] | boolean;
  /**
   * How deep arrays and objects may nest, both ways; at most 1024, for the stack's sake. PHP's own limits: serialize
   * 4096, JSON 511 (so much is written, whatever is set here). Default 512.
   */
  readonly maxDepth?: number;
  /** Largest value, uncompressed, in bytes, both ways. Default 128 MiB. */
  readonly maxValueBytes?: number;
}

export type PhpValueSettings = Required<PhpValueOptions>;

const defaults: PhpValueSettings = {
  arrays: "object",
  objects: "php",
  floats: "number",
  strings: "text",
  plainObjects: "array",
  writeClasses: [],
  maxDepth: 512,
  maxValueBytes: DEFAULT_MAX_VALUE_BYTES,
};

/** Well within what Node's stack takes (about 2500 levels) and PHP reads (unserialize_max_depth is 4096). */
const MAX_DEPTH = 1024;

/** @throws CacheError `invalid_option` */
export function resolvePhpValueOptions(options: PhpValueOptions): PhpValueSettings {
  const d = defaults;
  return {
    arrays: checkChoice("arrays", options.arrays ?? d.arrays, ["object", "map"]),
    objects: checkChoice("objects", options.objects ?? d.objects, ["php", "plain"]),
    floats: checkChoice("floats", options.floats ?? d.floats, ["number", "exact"]),
    strings: checkChoice("strings", options.strings ?? d.strings, ["text", "bytes"]),
    plainObjects: checkChoice("plainObjects", options.plainObjects ?? d.plainObjects, ["array", "stdClass"]),
    writeClasses: options.writeClasses ?? d.writeClasses,
    maxDepth: checkWhole("maxDepth", options.maxDepth ?? d.maxDepth, 1, MAX_DEPTH),
    maxValueBytes: checkWhole("maxValueBytes", options.maxValueBytes ?? d.maxValueBytes, 1, 2 ** 30),
  };
}

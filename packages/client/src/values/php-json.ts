// JSON as PHP's json_encode() writes it with no options, and as json_decode() reads it; ints of 64 bits survive.

import { isUtf8 } from "node:buffer";
import { unencodable, undecodable } from "./codec.ts";
import { ByteWriter } from "./byte-writer.ts";
import { JsonReader, needsReader } from "./json-reader.ts";
import { mapEntries, noPhpValue, sort, type ArrayKey } from "./php-kinds.ts";
import { isIntNumber, jsonFloatText, phpIntText } from "./php-numbers.ts";
import type { PhpValueSettings } from "./php-options.ts";
import type { PhpObject } from "./php-types.ts";
import { asBuffer, checkWellFormed } from "./text.ts";

/** PHP writes 512 levels but reads 511: deeper JSON comes back as null, without a word. */
const PHP_JSON_DEPTH = 511;

/**
 * Encodes as PHP does: `/` and everything beyond ASCII escaped, 3.0 as `3`, a Map with the keys 0, 1, 2 … and an empty
 * one as a list, of a PhpObject the public properties. A plain object is an object even when it is empty.
 *
 * @throws CacheError `value_unencodable`, for NaN, the infinities and bytes that are not UTF-8 too; `value_too_large`
 */
export function phpJsonEncode(value: unknown, settings: PhpValueSettings): Buffer {
  const encoder = new JsonEncoder(settings);
  encoder.write(value, 0);
  return encoder.out.finish();
}

/** Decodes; objects become what `arrays` says, since JSON has but one kind. @throws CacheError `value_undecodable` */
export function phpJsonDecode(bytes: Buffer, settings: PhpValueSettings): unknown {
  if (!isUtf8(bytes)) throw undecodable("broken JSON: not UTF-8");
  const text = bytes.toString("utf8");
  if (settings.arrays === "map" || settings.floats === "exact" || needsReader(bytes, settings.maxDepth)) {
    return new JsonReader(text, settings).readAll();
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw undecodable(`broken JSON: ${(error as Error).message}`, error);
  }
}

class JsonEncoder {
  readonly out: ByteWriter;
  readonly #maxDepth: number;

  constructor(settings: PhpValueSettings) {
    this.out = new ByteWriter(settings.maxValueBytes);
    this.#maxDepth = Math.min(settings.maxDepth, PHP_JSON_DEPTH);
  }

  write(value: unknown, depth: number): void {
    switch (typeof value) {
      case "string":
        this.out.ascii(quote(value));
        return;
      case "number":
        this.#number(value, isIntNumber(value));
        return;
      case "bigint":
        this.out.ascii(phpIntText(value));
        return;
      case "boolean":
        this.out.ascii(value ? "true" : "false");
        return;
      case "object":
        if (value === null) this.out.ascii("null");
        else this.#compound(value, depth);
        return;
      default:
        noPhpValue(value);
    }
  }

  #compound(value: object, depth: number): void {
    const sorted = sort(value);
    if (sorted.kind === "bytes") {
      this.out.ascii(quote(utf8(sorted.bytes)));
      return;
    }
    if (sorted.kind === "float") {
      this.#number(sorted.value, false);
      return;
    }
    if (sorted.kind === "enum") {
      throw unencodable(`enum case ${sorted.value.className}:${sorted.value.caseName} has no JSON that PHP reads back`);
    }
    if (depth >= this.#maxDepth) {
      throw unencodable(
        `the value nests deeper than ${this.#maxDepth}, or in a circle; PHP reads no deeper JSON than 511`,
      );
    }
    switch (sorted.kind) {
      case "list":
        this.#list(sorted.items, depth);
        return;
      case "map":
        if (isListMap(sorted.map)) this.#list([...sorted.map.values()], depth);
        else this.#object(mapEntries(sorted.map), depth);
        return;
      case "plain":
        this.#object(
          sorted.names.map((name) => [{ text: name }, sorted.object[name]]),
          depth,
        );
        return;
      case "object":
        this.#object(publicProperties(sorted.object), depth);
        return;
      case "other":
        this.write(sorted.value, depth + 1);
    }
  }

  #number(value: number, isInt: boolean): void {
    if (!Number.isFinite(value)) throw unencodable(`${value} has no JSON`);
    this.out.ascii(isInt ? String(value) : jsonFloatText(value));
  }

  #list(items: readonly unknown[], depth: number): void {
    this.out.ascii("[");
    for (let i = 0; i < items.length; i++) {
      if (i > 0) this.out.ascii(",");
      this.write(items[i] ?? null, depth + 1);
    }
    this.out.ascii("]");
  }

  #object(entries: readonly (readonly [ArrayKey, unknown])[], depth: number): void {
    this.out.ascii("{");
    entries.forEach(([key, value], i) => {
      this.out.ascii(`${i > 0 ? "," : ""}${quote(keyText(key))}:`);
      this.write(value, depth + 1);
    });
    this.out.ascii("}");
  }
}

function keyText(key: ArrayKey): string {
  if ("int" in key) return key.int;
  return "text" in key ? key.text : utf8(key.bytes);
}

function isListMap(map: ReadonlyMap<unknown, unknown>): boolean {
  let i = 0;
  for (const key of map.keys()) if (key !== i++) return false;
  return true;
}

function publicProperties(object: PhpObject): [ArrayKey, unknown][] {
  const entries: [ArrayKey, unknown][] = [];
  for (const [key, value] of object.properties) {
    const text = key instanceof Uint8Array ? utf8(key) : String(key);
    if (!text.startsWith("\0")) entries.push([{ text }, value]);
  }
  return entries;
}

function utf8(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw unencodable(`${bytes.length} bytes that are not UTF-8 have no JSON`);
  return asBuffer(bytes).toString("utf8");
}

const shortEscapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "/": "\\/",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

function quote(text: string): string {
  checkWellFormed(text);
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  const escaped = text.replace(/["\\/\u0000-\u001f]|[^\u0000-\u007f]/g, (c) => {
    return shortEscapes[c] ?? `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
  return `"${escaped}"`;
}

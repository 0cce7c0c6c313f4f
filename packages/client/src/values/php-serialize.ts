// PHP's serialize() for what JavaScript can hold. It writes no reference, no class that was not asked for, and nothing
// that unserialize() refuses: class Memcached has been seen to crash on that.
// Own code, because the point is to give PHP's own bytes: byte strings, ordered int keys, 1.0 beside 1, r: for objects.

import { tooLarge, unencodable } from "./codec.ts";
import { ByteWriter } from "./byte-writer.ts";
import { mapEntries, noPhpValue, propertyName, sort, arrayKey, type ArrayKey } from "./php-kinds.ts";
import { isIntNumber, phpIntText, serializedFloatText } from "./php-numbers.ts";
import type { PhpValueSettings } from "./php-options.ts";
import type { PhpEnum, PhpKey, PhpObject } from "./php-types.ts";
import { checkWellFormed } from "./text.ts";

/**
 * Serializes a value as PHP 8 does with `serialize_precision` -1. What stands for what: see PhpValueOptions.
 *
 * @throws CacheError `value_unencodable`, `value_too_large`
 */
export function phpSerialize(value: unknown, settings: PhpValueSettings): Buffer {
  const serializer = new Serializer(settings);
  serializer.write(value, 0);
  return serializer.out.finish();
}

class Serializer {
  readonly out: ByteWriter;
  readonly #settings: PhpValueSettings;
  /** How many values were begun: PHP numbers them so, keys not counted, and names an object seen before by its number. */
  #count = 0;
  readonly #numbers = new Map<object, number>();

  constructor(settings: PhpValueSettings) {
    this.#settings = settings;
    this.out = new ByteWriter(settings.maxValueBytes);
  }

  write(value: unknown, depth: number): void {
    this.#count++;
    switch (typeof value) {
      case "string":
        this.#text(value);
        this.out.ascii(";");
        return;
      case "number":
        this.out.ascii(isIntNumber(value) ? `i:${value};` : `d:${serializedFloatText(value)};`);
        return;
      case "bigint":
        this.out.ascii(`i:${phpIntText(value)};`);
        return;
      case "boolean":
        this.out.ascii(value ? "b:1;" : "b:0;");
        return;
      case "object":
        if (value === null) this.out.ascii("N;");
        else this.#compound(value, depth);
        return;
      default:
        noPhpValue(value);
    }
  }

  #compound(value: object, depth: number): void {
    const sorted = sort(value);
    switch (sorted.kind) {
      case "bytes":
        this.#bytes(sorted.bytes);
        this.out.ascii(";");
        return;
      case "float":
        this.out.ascii(`d:${serializedFloatText(sorted.value)};`);
        return;
      case "list": {
        const { items } = sorted;
        this.#open(`a:${items.length}:{`, depth);
        for (let i = 0; i < items.length; i++) {
          this.out.ascii(`i:${i};`);
          this.write(items[i] ?? null, depth + 1);
        }
        break;
      }
      case "map":
        this.#open(`a:${sorted.map.size}:{`, depth);
        for (const [key, item] of mapEntries(sorted.map)) {
          this.#key(key);
          this.write(item, depth + 1);
        }
        break;
      case "plain": {
        const asObject = this.#settings.plainObjects === "stdClass";
        if (asObject && this.#wasSeen(value)) return;
        this.#open(`${asObject ? 'O:8:"stdClass"' : "a"}:${sorted.names.length}:{`, depth);
        for (const name of sorted.names) {
          this.#key(asObject ? checkedProperty(name) : arrayKey(name));
          this.write(sorted.object[name], depth + 1);
        }
        break;
      }
      case "object":
        if (this.#wasSeen(value)) return;
        this.#object(sorted.object, depth);
        break;
      case "enum":
        if (!this.#wasSeen(value)) this.#enum(sorted.value);
        return;
      case "other":
        this.#count--;
        // A toJSON that returns itself for ever ends here too.
        this.#checkDepth(depth);
        this.write(sorted.value, depth + 1);
        return;
    }
    this.out.ascii("}");
  }

  #object(object: PhpObject, depth: number): void {
    const { className, properties } = object;
    this.#checkClass(className);
    this.out.ascii("O:");
    this.#text(className, "");
    this.#open(`:${properties.size}:{`, depth);
    for (const [key, item] of properties) {
      this.#key(checkedProperty(key));
      this.write(item, depth + 1);
    }
  }

  #enum({ className, caseName }: PhpEnum): void {
    this.#checkClass(className);
    if (!isPhpName(caseName)) throw unencodable(`${JSON.stringify(caseName)} can be no case of a PHP enum`);
    this.out.ascii("E:");
    this.#text(`${className}:${caseName}`, "");
    this.out.ascii(";");
  }

  /** Writes `r:n;` for an object that was written before. */
  #wasSeen(object: object): boolean {
    const number = this.#numbers.get(object);
    if (number === undefined) this.#numbers.set(object, this.#count);
    else this.out.ascii(`r:${number};`);
    return number !== undefined;
  }

  #open(head: string, depth: number): void {
    this.#checkDepth(depth);
    this.out.ascii(head);
  }

  #checkDepth(depth: number): void {
    const { maxDepth } = this.#settings;
    if (depth >= maxDepth) throw unencodable(`the value nests deeper than ${maxDepth} (maxDepth), or in a circle`);
  }

  #checkClass(className: string): void {
    if (className === "stdClass") return;
    if (!className.split("\\").every(isPhpName)) {
      throw unencodable(`${JSON.stringify(className)} can be no name of a PHP class`);
    }
    const allowed = this.#settings.writeClasses;
    if (allowed === true || (allowed !== false && allowed.includes(className))) return;
    throw unencodable(`objects of PHP class ${className} are not written, unless writeClasses names it`);
  }

  #key(key: ArrayKey): void {
    if ("int" in key) {
      this.out.ascii(`i:${key.int};`);
      return;
    }
    if ("text" in key) this.#text(key.text);
    else this.#bytes(key.bytes);
    this.out.ascii(";");
  }

  #text(text: string, tag = "s:"): void {
    checkWellFormed(text);
    const byteLength = Buffer.byteLength(text);
    if (byteLength > this.#settings.maxValueBytes) throw tooLarge("a string", byteLength, this.#settings.maxValueBytes);
    this.out.ascii(`${tag}${byteLength}:"`);
    this.out.utf8(text, byteLength);
    this.out.ascii('"');
  }

  #bytes(bytes: Uint8Array): void {
    this.out.ascii(`s:${bytes.length}:"`);
    this.out.bytes(bytes);
    this.out.ascii('"');
  }
}

/** PHP refuses a name that begins like a private one but has no class in it. */
function checkedProperty(key: PhpKey): ArrayKey {
  const text = key instanceof Uint8Array ? Buffer.from(key).toString("latin1") : String(key);
  if (text.startsWith("\0") && !/^\0[^\0]+\0./s.test(text)) {
    throw unencodable(`${JSON.stringify(text)} can be no property of a PHP object`);
  }
  return propertyName(key);
}

/** A PHP label: letters, digits, underscores and bytes from 0x80, no digit first. */
function isPhpName(name: string): boolean {
  return /^[a-z_\u0080-\u{10ffff}][\w\u0080-\u{10ffff}]*$/iu.test(name);
}

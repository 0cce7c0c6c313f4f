// PHP's unserialize() for data, not for behaviour: no class is loaded, no code runs. Built for hostile bytes: every
// length is checked against what is left before anything is allocated, depth is bounded, work is linear.

import { undecodable } from "./codec.ts";
import { isPhpInt, parseFloatText, toJsFloat } from "./php-numbers.ts";
import type { PhpValueSettings } from "./php-options.ts";
import { PhpEnum, PhpObject, setOwn, type PhpKey } from "./php-types.ts";
import { toStringOrBytes, toText } from "./text.ts";

/**
 * Reads one serialized value that fills `bytes` to the end. What stands for what: see PhpValueOptions.
 *
 * Refused, with the reason: PHP references (`R:`), objects that serialize themselves in a format of their own (`C:`),
 * and whatever unserialize() would refuse.
 *
 * @throws CacheError `value_undecodable`
 */
export function phpUnserialize(bytes: Buffer, settings: PhpValueSettings): unknown {
  return new Unserializer(bytes, settings).readAll();
}

/** The shortest entry of an array or object is `i:0;N;`. */
const MIN_ENTRY_BYTES = 6;

/** Stands in the table of values for everything that is no object: only objects can be named again. */
const NOT_AN_OBJECT = Symbol("not an object");

class Unserializer {
  readonly #bytes: Buffer;
  readonly #settings: PhpValueSettings;
  #at = 0;
  /** Values in the order they began, as PHP numbers them from 1; a back reference takes a number as well. */
  readonly #values: unknown[] = [];

  constructor(bytes: Buffer, settings: PhpValueSettings) {
    this.#bytes = bytes;
    this.#settings = settings;
  }

  readAll(): unknown {
    const value = this.#value(0);
    if (this.#at !== this.#bytes.length) this.#fail("the value has ended");
    return value;
  }

  #value(depth: number): unknown {
    const tag = this.#bytes[this.#at++];
    if (tag === 0x4e /* N */) {
      this.#expect(0x3b);
      this.#values.push(NOT_AN_OBJECT);
      return null;
    }
    this.#expect(0x3a);
    switch (tag) {
      case 0x69 /* i */:
        this.#values.push(NOT_AN_OBJECT);
        return this.#int();
      case 0x73 /* s */: {
        this.#values.push(NOT_AN_OBJECT);
        const { start, end } = this.#quoted();
        this.#expect(0x3b);
        return toStringOrBytes(this.#bytes, start, end, this.#settings.strings);
      }
      case 0x62 /* b */: {
        this.#values.push(NOT_AN_OBJECT);
        const digit = this.#bytes[this.#at++];
        if (digit !== 0x30 && digit !== 0x31) this.#fail("a bool is 0 or 1");
        this.#expect(0x3b);
        return digit === 0x31;
      }
      case 0x64 /* d */: {
        this.#values.push(NOT_AN_OBJECT);
        const text = this.#untilSemicolon();
        const value = /^(?:-?INF|NAN|[+-]?[\d.]+(?:[eE][+-]?\d+)?)$/.test(text) ? parseFloatText(text) : undefined;
        return toJsFloat(value ?? this.#fail("not a float"), this.#settings.floats);
      }
      case 0x61 /* a */:
        this.#values.push(NOT_AN_OBJECT);
        return this.#array(depth);
      case 0x4f /* O */:
        return this.#object(depth);
      case 0x45 /* E */:
        return this.#enum();
      case 0x72 /* r */:
        return this.#backReference();
      case 0x52 /* R */:
        return this.#fail("a PHP reference (R:) cannot be held in JavaScript");
      case 0x43 /* C */: {
        const { start, end } = this.#quoted();
        return this.#fail(
          `class ${this.#bytes.toString("utf8", start, end)} serializes itself (C:), in a format of its own`,
        );
      }
      default:
        return this.#fail("no type of a serialized value begins so");
    }
  }

  #array(depth: number): unknown {
    const count = this.#open(depth);
    const asMap = this.#settings.arrays === "map";
    const list: unknown[] = [];
    let i = 0;
    // A list as long as the keys are 0, 1, 2 …
    for (; i < count; i++) {
      const key = this.#key();
      if (key !== i) {
        const rest = asMap ? new Map<PhpKey, unknown>(list.entries()) : Object.fromEntries(list.entries());
        this.#put(rest, key, this.#value(depth + 1));
        for (i++; i < count; i++) this.#put(rest, this.#key(), this.#value(depth + 1));
        this.#expect(0x7d);
        return rest;
      }
      list.push(this.#value(depth + 1));
    }
    this.#expect(0x7d);
    return list;
  }

  #object(depth: number): unknown {
    const { start, end } = this.#quoted();
    const className = this.#name(start, end);
    this.#expect(0x3a);
    const plain = className === "stdClass" && this.#settings.objects === "plain";
    // In the table before its properties: one of them may point back to it.
    const object = plain ? {} : new PhpObject(className);
    this.#values.push(object);
    const count = this.#open(depth);
    const target = object instanceof PhpObject ? object.properties : object;
    for (let i = 0; i < count; i++) this.#put(target, this.#key(), this.#value(depth + 1));
    this.#expect(0x7d);
    return object;
  }

  #enum(): PhpEnum {
    const { start, end } = this.#quoted();
    const name = this.#name(start, end);
    const colon = name.indexOf(":");
    if (colon < 1) this.#fail("an enum case is Enum:Case");
    this.#expect(0x3b);
    const value = new PhpEnum(name.slice(0, colon), name.slice(colon + 1));
    this.#values.push(value);
    return value;
  }

  #backReference(): unknown {
    const text = this.#untilSemicolon();
    const value = /^\d{1,10}$/.test(text) ? this.#values[Number(text) - 1] : undefined;
    if (value === undefined || value === NOT_AN_OBJECT) this.#fail(`r:${text} names no object`);
    this.#values.push(value);
    return value;
  }

  /** Reads `n:{` and checks that n entries can follow. */
  #open(depth: number): number {
    const { maxDepth } = this.#settings;
    if (depth >= maxDepth) this.#fail(`nested deeper than ${maxDepth} (maxDepth)`);
    const count = this.#length();
    this.#expect(0x7b);
    const left = this.#bytes.length - this.#at;
    if (count * MIN_ENTRY_BYTES > left) this.#fail(`${count} entries cannot fit into the ${left} bytes left`);
    return count;
  }

  #key(): PhpKey {
    const tag = this.#bytes[this.#at++];
    this.#expect(0x3a);
    if (tag === 0x69) return this.#int();
    if (tag !== 0x73) this.#fail("a key is an int or a string");
    const { start, end } = this.#quoted();
    this.#expect(0x3b);
    return toStringOrBytes(this.#bytes, start, end, "text");
  }

  #put(target: Map<PhpKey, unknown> | Record<string, unknown>, key: PhpKey, value: unknown): void {
    if (target instanceof Map) target.set(key, value);
    else if (key instanceof Uint8Array)
      this.#fail('a key is not UTF-8; only the options arrays: "map" and objects: "php" can hold it');
    else setOwn(target, String(key), value);
  }

  #int(): number | bigint {
    let at = this.#at;
    const negative = this.#bytes[at] === 0x2d;
    if (negative || this.#bytes[at] === 0x2b) at++;
    const first = at;
    let value = 0;
    for (let digit = this.#bytes[at]!; digit >= 0x30 && digit <= 0x39; digit = this.#bytes[++at]!) {
      value = value * 10 + (digit - 0x30);
    }
    if (at === first) this.#fail("not an int");
    if (value > Number.MAX_SAFE_INTEGER) return this.#bigInt(at);
    this.#at = at;
    this.#expect(0x3b);
    return negative && value !== 0 ? -value : value;
  }

  #bigInt(end: number): bigint {
    // No int of 64 bits has more than 20 characters; leading zeros are not worth a BigInt of any length.
    if (end - this.#at > 20) this.#fail("an int beyond 64 bits");
    const value = BigInt(this.#bytes.toString("latin1", this.#at, end).replace("+", ""));
    if (!isPhpInt(value)) this.#fail("an int beyond 64 bits");
    this.#at = end;
    this.#expect(0x3b);
    return value;
  }

  /** Reads `n:"…"` and gives where the n bytes lie. */
  #quoted(): { start: number; end: number } {
    const length = this.#length();
    this.#expect(0x22);
    const start = this.#at;
    const end = start + length;
    if (end > this.#bytes.length) this.#fail(`${length} bytes of text, only ${this.#bytes.length - start} left`);
    this.#at = end;
    this.#expect(0x22);
    return { start, end };
  }

  /** Reads a length and the colon after it. */
  #length(): number {
    let at = this.#at;
    let value = 0;
    for (let digit = this.#bytes[at]!; digit >= 0x30 && digit <= 0x39; digit = this.#bytes[++at]!) {
      value = value * 10 + (digit - 0x30);
    }
    if (at === this.#at || at - this.#at > 10) this.#fail("not a length");
    this.#at = at;
    this.#expect(0x3a);
    return value;
  }

  #name(start: number, end: number): string {
    const name = toText(this.#bytes, start, end);
    return name === undefined || name === "" ? this.#fail("not the name of a class") : name;
  }

  #untilSemicolon(): string {
    const end = this.#bytes.indexOf(0x3b, this.#at);
    // The longest float has 24 characters; be generous, but do not let one scan decide over a megabyte.
    if (end < 0 || end - this.#at > 400) this.#fail("no semicolon ends the value");
    const text = this.#bytes.toString("latin1", this.#at, end);
    this.#at = end + 1;
    return text;
  }

  #expect(byte: number): void {
    if (this.#bytes[this.#at] !== byte) this.#fail(`${JSON.stringify(String.fromCharCode(byte))} was expected`);
    this.#at++;
  }

  #fail(what: string): never {
    throw undecodable(`broken PHP serialize at byte ${this.#at} of ${this.#bytes.length}: ${what}`);
  }
}

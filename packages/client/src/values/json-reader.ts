// A JSON reader for what JSON.parse would get wrong: ints beyond 2^53, 3.0 beside 3, Maps, a bound on nesting.

import { undecodable } from "./codec.ts";
import { isPhpInt, toJsFloat } from "./php-numbers.ts";
import type { PhpFloat } from "./php-types.ts";
import { setOwn } from "./php-types.ts";

export interface JsonReaderSettings {
  readonly arrays: "object" | "map";
  readonly floats: "number" | "exact";
  readonly maxDepth: number;
}

/** Digits that a number may lose nothing with. */
const SAFE_DIGITS = 15;

/** True when JSON.parse might round an int or build something nested deeper than `maxDepth`. */
export function needsReader(bytes: Uint8Array, maxDepth: number): boolean {
  let digits = 0;
  let opened = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte >= 0x30 && byte <= 0x39) {
      if (++digits > SAFE_DIGITS) return true;
    } else {
      digits = 0;
      if ((byte === 0x5b || byte === 0x7b) && ++opened > maxDepth) return true;
    }
  }
  return false;
}

const number = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
// eslint-disable-next-line no-control-regex -- a raw control character ends a JSON string as an error
const string = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const blank = /[ \t\n\r]*/y;

export class JsonReader {
  readonly #text: string;
  readonly #settings: JsonReaderSettings;
  #at = 0;

  constructor(text: string, settings: JsonReaderSettings) {
    this.#text = text;
    this.#settings = settings;
  }

  /** @throws CacheError `value_undecodable` */
  readAll(): unknown {
    this.#blank();
    const value = this.#value(0);
    if (this.#at < this.#text.length) this.#fail("the value has ended");
    return value;
  }

  /** Reads a value and the blanks behind it. */
  #value(depth: number): unknown {
    const value = this.#bare(depth);
    this.#blank();
    return value;
  }

  #bare(depth: number): unknown {
    switch (this.#text[this.#at]) {
      case "{":
        return this.#object(depth);
      case "[":
        return this.#list(depth);
      case '"':
        return this.#string();
      case "t":
        return this.#word("true", true);
      case "f":
        return this.#word("false", false);
      case "n":
        return this.#word("null", null);
      default:
        return this.#number();
    }
  }

  #list(depth: number): unknown[] {
    this.#open(depth);
    const list: unknown[] = [];
    if (this.#takes("]")) return list;
    do {
      this.#blank();
      list.push(this.#value(depth + 1));
    } while (this.#takes(","));
    this.#expect("]");
    return list;
  }

  #object(depth: number): unknown {
    this.#open(depth);
    const map = new Map<string, unknown>();
    if (!this.#takes("}")) {
      do {
        this.#blank();
        const name = this.#string();
        this.#blank();
        this.#expect(":");
        this.#blank();
        map.set(name, this.#value(depth + 1));
      } while (this.#takes(","));
      this.#expect("}");
    }
    if (this.#settings.arrays === "map") return map;
    const object: Record<string, unknown> = {};
    for (const [name, value] of map) setOwn(object, name, value);
    return object;
  }

  #open(depth: number): void {
    const { maxDepth } = this.#settings;
    if (depth >= maxDepth) this.#fail(`nested deeper than ${maxDepth} (maxDepth)`);
    this.#at++;
    this.#blank();
  }

  #string(): string {
    // The engine's own parser unescapes, once the text is known to be a string and where it ends.
    return JSON.parse(this.#match(string)?.[0] ?? this.#fail("not a string")) as string;
  }

  #number(): number | bigint | PhpFloat {
    const match = this.#match(number) ?? this.#fail("not a value");
    const [text, fraction, exponent] = match;
    const value = Number(text);
    if (fraction !== undefined || exponent !== undefined) return toJsFloat(value, this.#settings.floats);
    // PHP reads -0 as the int 0.
    if (Number.isSafeInteger(value)) return value + 0;
    // As in PHP, an int beyond 64 bits is a float.
    const int = text.length <= 20 ? BigInt(text) : undefined;
    return int !== undefined && isPhpInt(int) ? int : value;
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) this.#fail("not a value");
    this.#at += word.length;
    return value;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match) this.#at = pattern.lastIndex;
    return match;
  }

  #blank(): void {
    this.#match(blank);
  }

  #takes(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #expect(character: string): void {
    if (!this.#takes(character)) this.#fail(`"${character}" was expected`);
  }

  #fail(what: string): never {
    throw undecodable(`broken JSON at character ${this.#at} of ${this.#text.length}: ${what}`);
  }
}

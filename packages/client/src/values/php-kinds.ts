// What a JavaScript value is to PHP. Both writers, serialize and JSON, ask here, so that they agree.

import { unencodable } from "./codec.ts";
import { isPhpInt } from "./php-numbers.ts";
import { PhpEnum, PhpFloat, PhpObject, type PhpKey } from "./php-types.ts";
import { toBytes } from "./text.ts";

/** A value that is not a string, number, bigint, boolean or null, sorted. */
export type Compound =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "list"; readonly items: readonly unknown[] }
  | { readonly kind: "map"; readonly map: ReadonlyMap<unknown, unknown> }
  | { readonly kind: "plain"; readonly object: Record<string, unknown>; readonly names: readonly string[] }
  | { readonly kind: "object"; readonly object: PhpObject }
  | { readonly kind: "enum"; readonly value: PhpEnum }
  /** The value stands for another one, which its toJSON gave. */
  | { readonly kind: "other"; readonly value: unknown };

/** @throws CacheError `value_unencodable` for an object whose content would be lost */
export function sort(value: object): Compound {
  if (Array.isArray(value)) return { kind: "list", items: value };
  if (value instanceof Map) return { kind: "map", map: value };
  if (value instanceof PhpFloat) return { kind: "float", value: value.value };
  if (value instanceof PhpObject) return { kind: "object", object: value };
  if (value instanceof PhpEnum) return { kind: "enum", value };
  const bytes = toBytes(value);
  if (bytes) return { kind: "bytes", bytes };
  const object = value as Record<string, unknown>;
  if (typeof object.toJSON === "function") return { kind: "other", value: standIn(object) };
  const tag = Object.prototype.toString.call(value);
  if (tag !== "[object Object]") throw unencodable(`${tag.slice(8, -1)} has no PHP value; turn it into one first`);
  return { kind: "plain", object, names: Object.keys(object).filter((name) => object[name] !== undefined) };
}

/** What toJSON gives, at last: something that has no toJSON of its own, or that PHP has a value for. */
function standIn(value: object): unknown {
  let result: unknown = value;
  for (let tries = 0; tries < 8; tries++) {
    if (typeof result !== "object" || result === null) return result;
    if (result instanceof PhpFloat || result instanceof PhpObject || toBytes(result)) return result;
    const { toJSON } = result as { toJSON?: unknown };
    if (typeof toJSON !== "function") return result;
    result = (toJSON as () => unknown).call(result);
  }
  throw unencodable("toJSON leads to nothing but another toJSON");
}

/** The error for what no PHP value stands for: undefined, a function, a symbol. */
export function noPhpValue(value: unknown): never {
  throw unencodable(`${typeof value} has no PHP value`);
}

/** An array key: an int for numbers and for decimal text, as PHP itself turns it. */
export type ArrayKey = { readonly int: string } | { readonly text: string } | { readonly bytes: Uint8Array };

/** @throws CacheError `value_unencodable` for anything but text, bytes, whole numbers and bigints of 64 bits */
export function arrayKey(key: unknown): ArrayKey {
  if (typeof key === "string") return isIntKey(key) ? { int: key } : { text: key };
  if (typeof key === "number" && Number.isSafeInteger(key)) return { int: String(key) };
  if (typeof key === "bigint" && isPhpInt(key)) return { int: String(key) };
  if (key instanceof Uint8Array) {
    const text = key.length <= 20 ? Buffer.from(key).toString("latin1") : "";
    return isIntKey(text) ? { int: text } : { bytes: key };
  }
  const which =
    typeof key === "number" || typeof key === "bigint" ? `the number ${key}` : `a value of type ${typeof key}`;
  throw unencodable(`${which} can be no key of a PHP array`);
}

/** True for the decimal text of an int: PHP makes such a text key an int. */
function isIntKey(key: string): boolean {
  const first = key.charCodeAt(0);
  if (!(first <= 0x39 && (first >= 0x30 || first === 0x2d)) || !/^(?:0|-?[1-9]\d{0,18})$/.test(key)) return false;
  return key.length < 16 || isPhpInt(BigInt(key));
}

/**
 * The entries of a Map under their PHP keys.
 *
 * @throws CacheError `value_unencodable` when two keys are one key in PHP, such as 5 and "5"
 */
export function mapEntries(map: ReadonlyMap<unknown, unknown>): [ArrayKey, unknown][] {
  const entries: [ArrayKey, unknown][] = [];
  for (const [key, value] of map) {
    const phpKey = arrayKey(key);
    if ("int" in phpKey && typeof key !== "number") {
      const number = Number(phpKey.int);
      if (map.has(number) || (typeof key !== "bigint" && map.has(BigInt(phpKey.int)))) {
        throw unencodable(`two keys of a Map are the key ${phpKey.int} in PHP`);
      }
    }
    entries.push([phpKey, value]);
  }
  return entries;
}

/** A property name as bytes or text; numbers are themselves. */
export function propertyName(key: PhpKey): ArrayKey {
  if (typeof key === "string") return { text: key };
  if (key instanceof Uint8Array) return { bytes: key };
  return arrayKey(key);
}

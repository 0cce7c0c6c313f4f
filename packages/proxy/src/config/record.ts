// Maps with known keys. Every key carries its line of the reference, so that the reader, the messages and the
// documentation can't disagree.

import { isMap, type Node } from "yaml";
import { nearest } from "./nearest.ts";
import type { Reader } from "./reader.ts";
import { quote, type Shape } from "./shape.ts";

/** One key of a map. */
export interface Key<T> {
  readonly shape: Shape<T>;
  /** What holds without it, in words; "required" when nothing does. */
  readonly fallback: string;
  /** What it is for, in one sentence. */
  readonly help: string;
  /** True for nutcracker's own keys. */
  readonly nutcracker: boolean;
}

/** A key that nutcracker knows too. */
export function theirs<T>(shape: Shape<T>, fallback: string, help: string): Key<T> {
  return { shape, fallback, help, nutcracker: true };
}

/** A key of this proxy alone. */
export function ours<T>(shape: Shape<T>, fallback: string, help: string): Key<T> {
  return { shape, fallback, help, nutcracker: false };
}

/** What a map with these keys reads as; a key that isn't there is undefined. */
export type Fields<Keys> = { readonly [Name in keyof Keys]: Keys[Name] extends Key<infer T> ? T | undefined : never };

/** A map. A problem inside it is reported and leaves that key undefined. */
export function record<Keys extends Readonly<Record<string, Key<unknown>>>>(keys: Keys): Shape<Fields<Keys>> {
  const names = Object.keys(keys);
  return {
    allowed: `a map of ${names.join(", ")}`,
    keys,
    read(node, path, reader) {
      if (!isMap<Node, Node | null>(node)) {
        reader.fail(path, `is ${quote(reader.textOf(node))}; it must be a map of ${names.join(", ")}`);
        return undefined;
      }
      const fields: Record<string, unknown> = {};
      for (const [name, value, at] of pairsOf(node, path, reader)) {
        const key = Object.hasOwn(keys, name) ? keys[name] : undefined;
        if (key === undefined) reader.fail(at, unknownKey(name, names));
        else fields[name] = key.shape.read(value, at, reader);
      }
      return fields as Fields<Keys>;
    },
  };
}

/** The pairs of a map with the path of each; a key that stands there twice is reported. */
export function pairsOf(
  map: { readonly items: readonly { readonly key: Node; readonly value: Node | null }[] },
  path: string,
  reader: Reader,
): [name: string, value: Node | undefined, at: string][] {
  const seen = new Map<string, number>();
  const pairs: [string, Node | undefined, string][] = [];
  for (const { key, value } of map.items) {
    const name = reader.textOf(key) ?? "";
    const at = path === "" ? name : `${path}.${name}`;
    const first = seen.get(name);
    if (name === "") reader.fail(path, "has an empty key", key);
    else if (first !== undefined) reader.fail(at, `is there twice; the first is in line ${first}`, key);
    else {
      reader.note(at, key);
      seen.set(name, reader.lineOf(at));
      pairs.push([name, reader.resolve(value), at]);
    }
  }
  return pairs;
}

function unknownKey(name: string, known: readonly string[]): string {
  const guess = nearest(name, known);
  return guess === undefined
    ? `is not a key; the keys are ${known.join(", ")}`
    : `is not a key; did you mean "${guess}"?`;
}

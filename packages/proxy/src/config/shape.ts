// What may stand as a value in a config file: each shape reads one node, says in words what it allows, and reports what
// it refuses. Maps with known keys are in record.ts.

import { isSeq, type Node } from "yaml";
import { CacheError, formatSize, parseSize } from "@marugoto/core";
import { nearest } from "./nearest.ts";
import type { Reader } from "./reader.ts";
import type { Key } from "./record.ts";

export interface Shape<T> {
  /** Completes "must be …", for messages and for the reference. */
  readonly allowed: string;
  /** The keys below, for a map. */
  readonly keys?: Readonly<Record<string, Key<unknown>>>;
  /** @returns the value; undefined after a problem was reported at `path` */
  read(node: Node | undefined, path: string, reader: Reader): T | undefined;
}

/** A shape of plain text: `parse` gives the value, or undefined for a text that is refused. */
export function scalar<T>(allowed: string, parse: (text: string) => T | undefined): Shape<T> {
  return {
    allowed,
    read(node, path, reader) {
      const text = reader.textOf(node);
      const value = text === undefined ? undefined : parse(text);
      if (value === undefined) reader.fail(path, `is ${quote(text)}; it must be ${allowed}`);
      return value;
    },
  };
}

/** How a refused text is shown: short, and in one line. */
export function quote(text: string | undefined): string {
  if (text === undefined) return "a list or a map";
  if (text === "") return "empty";
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text);
}

/** Exactly `true` or `false`: nutcracker takes nothing else. */
export const flag: Shape<boolean> = scalar("true or false", (text) =>
  text === "true" ? true : text === "false" ? false : undefined,
);

/** Digits only, as nutcracker reads numbers. */
export function count(least = 0, most = 2 ** 31 - 1): Shape<number> {
  const allowed =
    most === 2 ** 31 - 1 && least <= 1
      ? `a whole number${least === 1 ? " above 0" : ""}`
      : `a whole number from ${least} to ${most}`;
  return scalar(allowed, (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    return value >= least && value <= most ? value : undefined;
  });
}

/** nutcracker's milliseconds: digits only, no upper limit of its own. */
export const milliseconds: Shape<number> = scalar("a whole number of milliseconds", (text) =>
  /^\d+$/.test(text) ? Math.min(Number(text), Number.MAX_SAFE_INTEGER) : undefined,
);

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Longest duration, what a timer can take: 24 days and a bit. */
const MAX_DURATION_MS = 2 ** 31 - 1;

export interface DurationLimits {
  /** What a bare number counts in. */
  readonly bare: "ms" | "s";
  /** In ms. Default 0. */
  readonly least?: number;
  /** In ms. */
  readonly most?: number;
  /** Whether `never` may be written; it reads as `Infinity`. */
  readonly never?: boolean;
}

/** `500ms`, `2s`, `5m`, `1h`, `1d` or a bare number. @returns ms */
export function duration({ bare, least = 0, most = MAX_DURATION_MS, never = false }: DurationLimits): Shape<number> {
  const unit = bare === "ms" ? "milliseconds" : "seconds";
  const limit = least > 0 ? `, at least ${sayMs(least)}` : "";
  const allowed = `a time such as 500ms, 2s or 5m${limit}${never ? ", or never" : ""}; a bare number counts ${unit}`;
  return scalar(allowed, (text) => {
    if (never && text === "never") return Infinity;
    const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text);
    const value = match ? Math.round(Number(match[1]) * unitsMs[match[2] ?? bare]!) : Number.NaN;
    return value >= least && value <= most ? value : undefined;
  });
}

function sayMs(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

/** `64m`, `1k` or a bare number of bytes. */
export function size(least: number, most: number): Shape<number> {
  return scalar(`a size from ${formatSize(least)} to ${formatSize(most)}, such as 64m`, (text) => {
    try {
      const bytes = parseSize(text);
      return bytes >= least && bytes <= most ? bytes : undefined;
    } catch (error) {
      if (error instanceof CacheError) return undefined;
      throw error;
    }
  });
}

/** One of a few words. */
export function word<const T extends string>(...known: readonly T[]): Shape<T> {
  const allowed = known.length === 1 ? known[0]! : `${known.slice(0, -1).join(", ")} or ${known.at(-1)!}`;
  return {
    allowed,
    read(node, path, reader) {
      const text = reader.textOf(node);
      const found = known.find((candidate) => candidate === text);
      if (found === undefined) {
        const guess = text === undefined ? undefined : nearest(text, known);
        const hint = guess === undefined ? "" : `; did you mean ${guess}?`;
        reader.fail(path, `is ${quote(text)}; it must be ${allowed}${hint}`);
      }
      return found;
    },
  };
}

/** A list, or a single element in its place where `orOne` is set. */
export function list<T>(of: Shape<T>, allowed: string): Shape<readonly T[]> {
  return {
    allowed,
    ...(of.keys === undefined ? {} : { keys: of.keys }),
    read(node, path, reader) {
      if (!isSeq<Node>(node) || node.items.length === 0) {
        reader.fail(path, `is ${isSeq(node) ? "an empty list" : quote(reader.textOf(node))}; it must be ${allowed}`);
        return undefined;
      }
      const read = node.items.map((item, i) => {
        const at = `${path}[${i}]`;
        reader.note(at, item);
        return of.read(reader.resolve(item), at, reader);
      });
      return read.every((value) => value !== undefined) ? read : undefined;
    },
  };
}

/** A short form for those who need no more, or the map itself. */
export function either<S, T>(
  short: Shape<S>,
  full: Shape<T>,
  isShort: (node: Node | undefined) => boolean,
): Shape<S | T> {
  return {
    allowed: `${short.allowed}, or a map`,
    ...(full.keys === undefined ? {} : { keys: full.keys }),
    read: (node, path, reader): S | T | undefined =>
      isShort(node) ? short.read(node, path, reader) : full.read(node, path, reader),
  };
}

// What a flag of the command line is, and how its text becomes a value that is checked. The flags themselves are in
// flags.ts, the sub-options of -o in extended-options.ts.

import { CacheError, parseSize } from "@marugoto/core";
import type { Settings } from "./settings.ts";

/** One flag: how it is spelled, how it reads in `-h`, and what it sets. */
export interface Flag {
  /** Without its dash; undefined for a flag that has only a long form. */
  readonly short?: string;
  /** Without its dashes. */
  readonly long?: string;
  /** What stands for the value in `-h`, e.g. `<num>`; undefined for a flag that takes none. */
  readonly value?: string;
  /** Its line in `-h`, unit and range included; undefined keeps it out. */
  readonly help?: string;
  /** The default in words; undefined when there is none. */
  readonly fallback?: string;
  /** What the short flag means when a number follows: another program's flag of the same letter. */
  readonly withNumber?: NumberedFlag;
  /** Sets what the flag is for. `text` is "" for a flag without a value; `name` is the flag as it was written. */
  readonly apply: (settings: Settings, text: string, name: string) => void;
}

/** A second meaning of a letter, told from the first by the number behind it. */
export type NumberedFlag = Pick<Flag, "help" | "fallback" | "apply"> & { readonly value: string };

/** A wrong flag or value: one line that names the flag, and the numbers where there are any. */
export function wrong(message: string): CacheError {
  return new CacheError("invalid_option", message);
}

/** A whole number from `least` to `most`. @throws CacheError that names the flag and the three numbers */
export function wholeNumber(text: string, name: string, least: number, most: number): number {
  const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw wrong(`${name} is ${text === "" ? "empty" : text}, must be a whole number from ${least} to ${most}`);
}

/** One of a few words. @throws CacheError that names the flag and the words */
export function oneOf<Word extends string>(text: string, name: string, words: readonly Word[]): Word {
  const word = words.find((candidate) => candidate === text);
  if (word !== undefined) return word;
  throw wrong(`${name} is ${text}, must be ${words.join(" or ")}`);
}

/** Bytes from `least` to `most`; a bare number counts in `unit`. @throws CacheError that names the flag and the numbers */
export function bytes(text: string, name: string, unit: "b" | "m", least: number, most: number): number {
  let value: number;
  try {
    value = parseSize(text, unit);
  } catch (cause) {
    throw new CacheError("invalid_option", `${name} is "${text}", must be a number, with k, m or g if need be`, {
      cause,
    });
  }
  if (value >= least && value <= most) return value;
  throw wrong(`${name} is ${value} bytes, must be from ${least} to ${most}`);
}

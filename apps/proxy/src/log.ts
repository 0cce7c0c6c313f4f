// The log: one line per event, `time event field=value …`, on stderr or in the file of -o. Which events are written depends
// on -v, by nutcracker's levels.

import { closeSync, openSync, writeSync } from "node:fs";
import { isCacheError } from "@marugoto/core";

/** nutcracker's names for its levels, as far as they are used here. */
export const Level = { error: 3, warning: 4, notice: 5, info: 6 } as const;

const MAX_LEVEL = 11;

/** Prints one line on stderr. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Errors as one line: the message of whatever was thrown. */
export function reason(error: unknown): string {
  const text = error instanceof Error || isCacheError(error) ? error.message : String(error);
  return text.split("\n", 1)[0] ?? text;
}

export class Log {
  readonly #file: string | undefined;
  #verbosity: number;
  #fd: number | undefined;

  /**
   * @param file undefined = stderr
   * @throws Error when the file can't be opened
   */
  constructor(file: string | undefined, verbosity: number) {
    this.#file = file;
    this.#verbosity = verbosity;
    this.reopen();
  }

  /** Opens the file anew, for those who have moved it away. @throws Error; the old one stays in use then */
  reopen(): void {
    if (this.#file === undefined) return;
    const before = this.#fd;
    this.#fd = openSync(this.#file, "a");
    if (before !== undefined) closeSync(before);
  }

  /** More or less, by one level. */
  turn(levels: number): void {
    this.#verbosity = Math.min(Math.max(this.#verbosity + levels, 0), MAX_LEVEL);
  }

  /** Writes an event, if its level is asked for. Fields that are undefined are left out. */
  write(level: number, event: string, fields: Readonly<Record<string, unknown>> = {}): void {
    if (level > this.#verbosity) return;
    const line = [new Date().toISOString(), event, ...fieldTexts(fields)].join(" ");
    if (this.#fd === undefined) say(line);
    else writeSync(this.#fd, `${line}\n`);
  }
}

function fieldTexts(fields: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${valueText(value)}`],
  );
}

/** Bare where nothing could be misread, else in quotes. */
function valueText(value: unknown): string {
  if (Array.isArray(value)) return valueText(value.map(String).join(","));
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  const text = typeof value === "string" ? value : reason(value);
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}

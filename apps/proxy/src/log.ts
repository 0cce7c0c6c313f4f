// The log: one line per event, `time event field=value …`, on stderr or in the file of -o. Which events are written depends
// on -v, by nutcracker's levels.

import { closeSync, openSync, writeSync } from "node:fs";
import { CacheError, isCacheError } from "@marugoto/core";

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
  /** The last line could not be written. */
  #failed = false;

  /**
   * @param file undefined = stderr
   * @throws CacheError `invalid_option` when the file can't be opened
   */
  constructor(file: string | undefined, verbosity: number) {
    this.#file = file;
    this.#verbosity = verbosity;
    this.reopen();
  }

  /**
   * Opens the file anew, for those who have moved it away.
   *
   * @throws CacheError `invalid_option`; the old one stays in use then
   */
  reopen(): void {
    if (this.#file === undefined) return;
    const before = this.#fd;
    try {
      this.#fd = openSync(this.#file, "a");
    } catch (cause) {
      throw new CacheError("invalid_option", `-o ${this.#file}: ${reason(cause)}`, { cause });
    }
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
    else this.#append(this.#fd, `${line}\n`);
  }

  /** A full disk must not end the proxy: stderr is told once, and the next line is tried again. */
  #append(fd: number, line: string): void {
    try {
      writeSync(fd, line);
      this.#failed = false;
    } catch (error) {
      if (!this.#failed) say(`${this.#file ?? ""}: ${reason(error)}; lines of the log are lost`);
      this.#failed = true;
    }
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

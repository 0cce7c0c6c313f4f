// A request that does not take the short way to its server: kept as words, so that it can be asked under another key or
// with a shorter life, and its answer told as if it had been asked as it came. Outages only: it allocates.

import { Expect } from "@marugoto/client";
import { Command, Reply, type TextRequest } from "@marugoto/protocol";
import { answerBytes, type Answer } from "./ask.ts";

/** A relative exptime is at most 30 days; what is more is a Unix time. */
const MAX_RELATIVE_SEC = 30 * 24 * 3600;

/** What a request does to the value of its key. */
export type Effect =
  /** Nothing. */
  | "read"
  /** It changes how long the value lives. */
  | "touch"
  /** It changes or removes the value, or may. */
  | "write";

export class DetourRequest {
  readonly command: Command;
  /** Latin1. */
  readonly key: string;
  readonly effect: Effect;
  /** See `Expect`. */
  readonly expect: number;
  /** By `performance.now()`. */
  readonly deadlineMs: number;
  /** The words of its line. */
  readonly words: readonly string[];
  /** What stands behind its line. */
  readonly rest: Buffer;

  constructor(
    command: Command,
    key: string,
    words: readonly string[],
    rest: Buffer,
    { expect, deadlineMs }: { readonly expect: number; readonly deadlineMs: number },
  ) {
    this.command = command;
    this.key = key;
    this.words = words;
    this.effect = effectOf(command, words);
    this.rest = rest;
    this.expect = expect;
    this.deadlineMs = deadlineMs;
  }

  /** @param bytes the request at `[start, end)`, as it is to be sent on */
  static of(
    request: TextRequest,
    bytes: Buffer,
    start: number,
    end: number,
    options: { readonly expect: number; readonly deadlineMs: number },
  ): DetourRequest {
    const lineEnd = bytes.indexOf(0x0a, start) + 1;
    const words = bytes.toString("latin1", start, lineEnd).trimEnd().split(/ +/);
    return new DetourRequest(
      request.command,
      request.keyText(),
      words,
      Buffer.from(bytes.subarray(lineEnd, end)),
      options,
    );
  }

  /** As it came. */
  get bytes(): Buffer {
    return this.#join(this.words);
  }

  get isMeta(): boolean {
    switch (this.command) {
      case Command.metaGet:
      case Command.metaSet:
      case Command.metaDelete:
      case Command.metaArithmetic:
      case Command.metaDebug:
        return true;
      default:
        return false;
    }
  }

  /**
   * The same under another key, with no value living longer than `ttlSec`.
   *
   * @param key latin1, without blanks
   * @param unixSec now
   */
  under(key: string, ttlSec: number, unixSec: number): Buffer {
    const words = [...this.words];
    const cap = (exptime: string | undefined) => String(cappedExptime(Number(exptime), ttlSec, unixSec));
    switch (this.command) {
      case Command.gat:
      case Command.gats:
        words[1] = cap(words[1]);
        words[2] = key;
        return this.#join(words);
      case Command.touch:
        words[2] = cap(words[2]);
        break;
      case Command.set:
      case Command.add:
      case Command.replace:
      case Command.append:
      case Command.prepend:
      case Command.cas:
        words[3] = cap(words[3]);
        break;
      case Command.metaGet:
      case Command.metaSet:
      case Command.metaArithmetic:
        return this.#join([words[0]!, key, ...this.#cappedFlags(words.slice(2), ttlSec, unixSec)]);
      case Command.metaDelete:
      case Command.metaDebug:
        return this.#join([words[0]!, key, ...words.slice(2).filter((flag) => flag !== "b")]);
      default:
        break;
    }
    words[1] = key;
    return this.#join(words);
  }

  /** What the client is told: `answer`, which was given under `key`. */
  told(answer: Answer, key: string): Buffer {
    const encoded = this.isMeta && this.words.includes("b", 2);
    return answerBytes(
      answer.map((part) => {
        let { line } = part;
        if (part.reply === Reply.value || part.reply === Reply.metaDebug) {
          line = line.replace(` ${key}`, () => ` ${this.words[this.#keyWord]!}`);
        } else if (this.isMeta) {
          line = line.replace(` k${key}`, () => ` k${this.words[1]!}${encoded ? " b" : ""}`);
        }
        return { ...part, line };
      }),
    );
  }

  /** Whether an answer is that of a key which is not there. */
  static isMiss(answer: Answer): boolean {
    const first = answer[0]?.reply;
    return first === Reply.end || first === Reply.metaMiss || (first === Reply.metaNoop && answer.length === 1);
  }

  /** Of the words, which is the key. */
  get #keyWord(): number {
    return this.command === Command.gat || this.command === Command.gats ? 2 : 1;
  }

  #cappedFlags(flags: readonly string[], ttlSec: number, unixSec: number): string[] {
    const capped = flags
      .filter((flag) => flag !== "b")
      .map((flag) =>
        flag.startsWith("T") || flag.startsWith("N")
          ? `${flag[0]!}${cappedExptime(Number(flag.slice(1)), ttlSec, unixSec)}`
          : flag,
      );
    if (this.command === Command.metaSet && !flags.some((flag) => flag.startsWith("T"))) capped.push(`T${ttlSec}`);
    return capped;
  }

  #join(words: readonly string[]): Buffer {
    const line = Buffer.from(`${words.join(" ")}\r\n`, "latin1");
    return this.rest.length === 0 ? line : Buffer.concat([line, this.rest]);
  }
}

/** Whether answers of this request end with the MN that was put behind it. */
export function endsWithNoop(expect: number): boolean {
  return (expect & Expect.noop) !== 0;
}

/** An exptime under which nothing lives longer than `ttlSec`. */
export function cappedExptime(exptime: number, ttlSec: number, unixSec: number): number {
  if (exptime < 0) return exptime;
  if (exptime === 0) return ttlSec;
  const leftSec = exptime > MAX_RELATIVE_SEC ? exptime - unixSec : exptime;
  return leftSec <= 0 ? -1 : Math.min(leftSec, ttlSec);
}

/** What a command does. */
function effectOf(command: Command, words: readonly string[]): Effect {
  switch (command) {
    case Command.get:
    case Command.gets:
    case Command.metaDebug:
      return "read";
    case Command.metaGet:
      // With N, a miss makes an item.
      return words.some((word, index) => index > 1 && /^[NT]/.test(word)) ? "touch" : "read";
    case Command.gat:
    case Command.gats:
    case Command.touch:
      return "touch";
    default:
      return "write";
  }
}

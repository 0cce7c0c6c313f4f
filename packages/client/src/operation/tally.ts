// One write that goes to several servers, and what their answers make together, as in pecl-memcache (memcache.c, its
// response handlers): who says no has the last word, a server that can't be reached has none. Of a counter it is the
// answer of the last server that gave one.

import type { CacheError } from "@marugoto/core";
import { OpCode } from "./op-code.ts";
import type { Op, OpOwner } from "./op.ts";

const NO_ANSWER = Symbol("no answer");

/** Gathers the ends of the parts of one op: those of its first server and of its copies. */
export class Tally implements OpOwner {
  /** null: the caller has given it up. */
  #op: Op | null;
  readonly #answers: unknown[];
  #waiting: number;
  #error: CacheError | undefined;

  /** @param parts how many ops will end with this as their owner, `index` from 0 */
  constructor(op: Op, parts: number) {
    this.#op = op;
    this.#answers = new Array<unknown>(parts).fill(NO_ANSWER);
    this.#waiting = parts;
  }

  /** Nobody waits for the result any more. */
  leave(): void {
    this.#op = null;
  }

  done(part: Op, value: unknown): void {
    this.#answers[part.index] = value;
    part.host.recycle(part);
    this.#count();
  }

  failed(part: Op, error: CacheError): void {
    this.#error ??= error;
    part.host.recycle(part);
    this.#count();
  }

  #count(): void {
    if (--this.#waiting > 0 || this.#op === null) return;
    const op = this.#op;
    const answers = this.#answers.filter((answer) => answer !== NO_ANSWER);
    if (answers.length === 0) op.host.giveUp(op, this.#error!);
    else if (op.code === OpCode.incr || op.code === OpCode.decr) op.settle(answers.at(-1));
    else op.settle(answers.find((answer) => answer !== true && answer !== "stored") ?? answers[0]);
  }
}

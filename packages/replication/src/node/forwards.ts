// Requests of our clients that the master has to execute: numbered, kept until their answers are here, and sent again to
// whoever is master then. What the master does with those of others is `executor.ts`.

import type { Timers } from "../environment.ts";
import { writeForward } from "../wire/messages.ts";

/** What a client hears when nobody can say whether its request was executed. */
export const OUTCOME_UNKNOWN = Buffer.from("SERVER_ERROR replication: outcome unknown\r\n", "latin1");

/** Bytes of requests kept at most; more are refused. */
export const MAX_FORWARDED_BYTES = 64 * 1024 * 1024;

interface Outstanding {
  readonly number: number;
  readonly request: Buffer;
  readonly deadlineMs: number;
  readonly resolve: (answer: Buffer) => void;
  /** It is executed, and its answer comes as a message. */
  answerIsComing: boolean;
}

export class Forwards {
  /** Bytes of requests that wait for an answer. */
  bytes = 0;
  /** Requests forwarded so far, and how many of them ended without a known outcome. */
  count = 0;
  unknown = 0;
  readonly #id: Buffer;
  readonly #timers: Timers;
  readonly #timeoutMs: number;
  readonly #outstanding = new Map<number, Outstanding>();
  #next = 1;
  #cancelTimer: (() => void) | undefined;

  /** @param id the node's, 16 bytes */
  constructor(id: Buffer, timers: Timers, timeoutMs: number) {
    this.#id = id;
    this.#timers = timers;
    this.#timeoutMs = timeoutMs;
  }

  get waiting(): number {
    return this.#outstanding.size;
  }

  /** All requests below this number have their answers. */
  get floor(): number {
    for (const number of this.#outstanding.keys()) return number;
    return this.#next;
  }

  /** Takes a request over; the promise never rejects. */
  add(request: Buffer): { readonly number: number; readonly answer: Promise<Buffer> } {
    const number = this.#next++;
    this.count++;
    this.bytes += request.length;
    const answer = new Promise<Buffer>((resolve) => {
      const deadlineMs = this.#timers.nowMs() + this.#timeoutMs;
      this.#outstanding.set(number, { number, request, deadlineMs, resolve, answerIsComing: false });
    });
    this.#arm();
    return { number, answer };
  }

  /** The messages that say requests `from` and later to the master. */
  messages(from = 0): Buffer[] {
    const messages: Buffer[] = [];
    const { floor } = this;
    for (const { number, request } of this.#outstanding.values()) {
      if (number >= from) messages.push(writeForward(this.#id, number, floor, request));
    }
    return messages;
  }

  /** Request `number` was executed, with this answer; undefined = it comes by itself. */
  executed(number: number, answer: Buffer | undefined): void {
    const found = this.#outstanding.get(number);
    if (found === undefined) return;
    if (answer === undefined) found.answerIsComing = true;
    else this.#settle(found, Buffer.from(answer));
  }

  /** Another master will answer now; answers that were to come by themselves are lost with the one before. */
  masterChanged(): void {
    for (const each of [...this.#outstanding.values()]) if (each.answerIsComing) this.#lose(each);
  }

  /** A copy has replaced the stream: requests up to `last` are executed, and their answers were in what we don't get. */
  skippedTo(last: number): void {
    for (const each of [...this.#outstanding.values()]) if (each.number <= last) this.#lose(each);
  }

  /** We are master: executes what nobody has executed yet, in order. @returns what gives the answers */
  replay(execute: (request: Buffer) => Buffer): () => void {
    const answered = [...this.#outstanding.values()].map((each) => {
      // From now on its outcome is known, however long the answer waits.
      this.#outstanding.delete(each.number);
      return { each, answer: Buffer.from(execute(each.request)) };
    });
    return () => {
      for (const { each, answer } of answered) {
        this.bytes -= each.request.length;
        each.resolve(answer);
      }
    };
  }

  /** Ends all waiting. */
  close(): void {
    for (const each of [...this.#outstanding.values()]) this.#lose(each);
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #lose(each: Outstanding): void {
    this.unknown++;
    this.#settle(each, OUTCOME_UNKNOWN);
  }

  #settle(each: Outstanding, answer: Buffer): void {
    if (!this.#outstanding.delete(each.number)) return;
    this.bytes -= each.request.length;
    each.resolve(answer);
  }

  /** One timer for the oldest; deadlines come in the order of the numbers. */
  #arm(): void {
    if (this.#cancelTimer !== undefined) return;
    for (const { deadlineMs } of this.#outstanding.values()) {
      this.#cancelTimer = this.#timers.after(Math.max(1, deadlineMs - this.#timers.nowMs()), () => {
        this.#cancelTimer = undefined;
        const now = this.#timers.nowMs();
        for (const each of [...this.#outstanding.values()]) {
          if (each.deadlineMs > now) break;
          this.#lose(each);
        }
        this.#arm();
      });
      return;
    }
  }
}

// The gets of one tick as one line of many keys: `get a b c`. Answers are matched to keys by their bytes, in order where
// the server keeps the order and by search where it doesn't (nutcracker). A key that was not asked for ends the
// connection: from there on nothing could be trusted.

import { Command, Reply, writeCrlf, writeManyHead, writeNextKey, type TextResponse } from "@marugoto/protocol";
import { MAX_KEY_BYTES, type CacheError } from "@marugoto/core";
import type { Connection } from "../connection/connection.ts";
import { Expect, type Sink } from "../connection/sink.ts";
import type { FailureReason } from "../failover/failover.ts";
import type { KeyEncoder } from "./keys.ts";
import type { Op } from "./op.ts";
import { writePlainKey } from "./write-request.ts";

/** "gets" and a space. */
const HEAD_BYTES = 5;
const CRLF_BYTES = 2;

/** Caps of one line. 100 keys and 8000 bytes suit memcached of any age and nutcracker. */
export interface LineLimits {
  readonly maxKeys: number;
  readonly maxBytes: number;
}

/** One line: written key by key while it is its connection's `openLine`, then waiting for its answers. Used again after. */
export class GetLine implements Sink {
  readonly #connection: Connection;
  readonly #limits: LineLimits;
  #withCas = false;
  #ticket = -1;
  /** How many keys it has. What lies behind them in the lists is of earlier lines. */
  #count = 0;
  /** null: answered, or nobody waits any more. */
  readonly #ops: (Op | null)[] = [];
  /** Where each key ends, counted from the first space of the line. A space stands before each. */
  readonly #ends: number[] = [];
  /** Where the first space stands in the output, while the line is open. */
  #begin = 0;
  /** The keys and their spaces, as they were sent. */
  #keys: Buffer = Buffer.alloc(0);
  #deadlineMs = Infinity;
  /** Where the next answer is looked for first. */
  #cursor = 0;

  private constructor(connection: Connection, limits: LineLimits) {
    this.#connection = connection;
    this.#limits = limits;
  }

  /** Adds the key to the connection's open line, or to a new one when it has none that fits. */
  static join(connection: Connection, limits: LineLimits, withCas: boolean, op: Op, keys: KeyEncoder): void {
    let line = connection.openLine as GetLine | null;
    if (line === null || line.#withCas !== withCas || !line.#hasRoom(keys.end)) {
      line = (connection.spareLine as GetLine | null) ?? new GetLine(connection, limits);
      connection.spareLine = null;
      line.#open(withCas, op.deadlineMs);
    }
    line.#add(op, keys);
  }

  /** Begins a line with no key; `add` follows at once. */
  #open(withCas: boolean, deadlineMs: number): void {
    const connection = this.#connection;
    const output = connection.begin();
    this.#withCas = withCas;
    this.#deadlineMs = deadlineMs;
    this.#count = 0;
    this.#cursor = 0;
    // The line lies in one piece, so that its keys can be copied at once when it ends: at least the first has room.
    output.reserve(HEAD_BYTES + MAX_KEY_BYTES + CRLF_BYTES);
    this.#begin = output.end = writeManyHead(output.buffer, output.end, withCas ? Command.gets : Command.get);
    this.#ticket = connection.push(this, deadlineMs, Expect.one);
    connection.waiting--;
    connection.openLine = this;
  }

  /** May another key of this many bytes join? */
  #hasRoom(keyBytes: number): boolean {
    const { buffer, end } = this.#connection.output;
    const { maxKeys, maxBytes } = this.#limits;
    const length = end - this.#begin + 1 + keyBytes;
    return this.#count < maxKeys && length <= maxBytes && end + 1 + keyBytes + CRLF_BYTES <= buffer.length;
  }

  #add(op: Op, keys: KeyEncoder): void {
    const connection = this.#connection;
    const { output } = connection;
    // First: it throws for what is no key, and then nothing has been added.
    output.end = keys.plain
      ? writePlainKey(output.buffer, output.end, keys)
      : writeNextKey(output.buffer, output.end, keys.bytes, 0, keys.end);
    const place = this.#count++;
    this.#ends[place] = output.end - this.#begin;
    this.#ops[place] = op;
    op.place = place;
    op.line = this;
    connection.waiting++;
    if (op.deadlineMs < this.#deadlineMs) {
      this.#deadlineMs = op.deadlineMs;
      connection.ring.bringForward(this.#ticket, op.deadlineMs);
    }
  }

  /** Ends the line; no key can join any more. */
  close(): void {
    const { output } = this.#connection;
    const length = output.end - this.#begin;
    if (length > this.#keys.length) this.#keys = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#keys.length));
    output.buffer.copy(this.#keys, 0, this.#begin, output.end);
    output.end = writeCrlf(output.buffer, output.end);
    this.#connection.openLine = null;
  }

  /** Nobody waits for this key any more. */
  drop(op: Op): void {
    this.#ops[op.place] = null;
    op.line = null;
  }

  onAnswer(response: TextResponse, last: boolean): void {
    if (this.#connection.openLine === this) {
      this.#connection.violation("an answer to keys that were not sent yet");
      return;
    }
    if (response.reply === Reply.value) {
      const at = this.#find(response);
      if (at < 0) {
        const key = (
          this.#connection.largeKey ?? response.input.subarray(response.keyStart, response.keyEnd)
        ).toString();
        this.#connection.violation(`a value for ${JSON.stringify(key)}, which was not asked for`);
        return;
      }
      this.#cursor = at + 1;
      this.#release(at)?.receiveValue(response);
      return;
    }
    if (!last) return;
    this.#connection.waiting -= this.#count - 1;
    const isEnd = response.reply === Reply.end;
    const isError = response.reply >= Reply.error;
    for (let i = 0; i < this.#count; i++) {
      const op = this.#release(i);
      if (op === null) continue;
      if (isEnd) op.receiveMiss();
      else op.receiveRefusal(response);
    }
    if (isEnd) this.#connection.spareLine = this;
    else if (!isError) this.#connection.violation(`an answer of another command (kind ${response.reply})`);
  }

  /** Takes an op out of its place. */
  #release(place: number): Op | null {
    const op = this.#ops[place] as Op | null;
    this.#ops[place] = null;
    if (op !== null) op.line = null;
    return op;
  }

  onFailure(error: CacheError, reason?: FailureReason): void {
    for (let i = 0; i < this.#count; i++) this.#release(i)?.onFailure(error, reason);
  }

  onDeadline(nowMs: number): number {
    let next = Infinity;
    for (let i = 0; i < this.#count; i++) {
      const op = this.#ops[i] as Op | null;
      if (op === null) continue;
      if (op.deadlineMs <= nowMs) {
        this.drop(op);
        op.expired();
      } else if (op.deadlineMs < next) {
        next = op.deadlineMs;
      }
    }
    // Even when nobody waits any more the line stays, to count its keys off when it is answered.
    return next === Infinity ? Number.MAX_VALUE : next;
  }

  /** Which key the answer is for; -1: none. An answer to a key that nobody waits for any more is found, too. */
  #find(response: TextResponse): number {
    const large = this.#connection.largeKey;
    const input = large ?? response.input;
    const start = large ? 0 : response.keyStart;
    const end = large ? large.length : response.keyEnd;
    const count = this.#count;
    for (let i = this.#cursor; i < count; i++) if (this.#is(i, input, start, end)) return i;
    // Out of order. A key asked for twice is answered twice: prefer one that still waits.
    let found = -1;
    for (let i = 0; i < this.#cursor && i < count; i++) {
      if (this.#is(i, input, start, end)) {
        found = i;
        if (this.#ops[i] !== null) break;
      }
    }
    return found;
  }

  #is(at: number, input: Buffer, start: number, end: number): boolean {
    const from = at === 0 ? 1 : this.#ends[at - 1]! + 1;
    const length = end - start;
    if (this.#ends[at]! - from !== length) return false;
    const keys = this.#keys;
    for (let i = 0; i < length; i++) if (keys[from + i] !== input[start + i]) return false;
    return true;
  }
}

// Who takes the answers of one request: the contract of the pool's lower door. A sink is called synchronously while the
// answer stands in the read buffer, keeps no reference to what it is given, and must not throw.

import type { CacheError } from "@marugoto/core";
import type { TextResponse } from "@marugoto/protocol";
import type { FailureReason } from "../failover/failover.ts";

/** Takes the answers of one request, in order; the last of them or `onFailure` is the last call. */
export interface Sink {
  /**
   * One answer. With a value: the whole block is in `response.input` at `[valueStart, valueEnd)`.
   *
   * @param response the connection's own object, valid inside this call
   * @param last nothing more comes for this request
   */
  onAnswer(response: TextResponse, last: boolean): void;

  /**
   * The request will get no (further) answer. Not called for what a server answers: errors of a server are answers.
   *
   * @param reason how it ended; undefined: the caller's own side (closed, queue full)
   */
  onFailure(error: CacheError, reason?: FailureReason): void;

  /**
   * The request's deadline has passed.
   *
   * @param nowMs by `performance.now()`
   * @returns when to be called again, by the same clock; Infinity: the sink is detached, and what is still to come for the
   *   request is read and dropped
   */
  onDeadline(nowMs: number): number;

  /**
   * Present: large values may come in pieces, `onValueStart` (the head, without a block), `onValuePiece` any number of
   * times, then `onAnswer` with `valueStart` = `valueEnd` = -1. Absent: values are always whole.
   */
  onValueStart?(response: TextResponse): void;

  /** The next bytes of the value that has started: `buffer[start, end)`. */
  onValuePiece?(buffer: Buffer, start: number, end: number): void;
}

/** Takes the place of a sink that was detached. */
export const DRAIN: Sink = {
  onAnswer() {
    // Nobody waits for it.
  },
  onFailure() {
    // Nobody waits for it.
  },
  onDeadline: () => Infinity,
  onValueStart() {
    // Nobody waits for it.
  },
  onValuePiece() {
    // Nobody waits for it.
  },
};

/** How many answers end a request, and what its failure means for those behind it. Small integers, or-ed. */
export const Expect = {
  /** The first answer that is no row (VALUE, STAT, a row of a dump) is the last. */
  one: 0,
  /** All answers up to and with MN: quiet meta requests with an `mn` behind them. */
  noop: 1,
  /**
   * The request has a data block. ERROR and CLIENT_ERROR don't tell whether the server has taken the block for commands,
   * so the connection is closed behind such an answer.
   */
  block: 2,
} as const;

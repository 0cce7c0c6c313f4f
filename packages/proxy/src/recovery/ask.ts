// Requests that the proxy itself makes of a server: the whole answer as a promise. What clients ask does not come this
// way while all is well.

import { CacheError, isCacheError } from "@marugoto/core";
import type { Sink } from "@marugoto/client";
import { Expect } from "@marugoto/client";
import { Command, commands, Reply, type TextResponse } from "@marugoto/protocol";
import { fittingReplies } from "../session/fitting-replies.ts";
import { NodeCount, type Node } from "../routing/node.ts";
import type { ProxyPool } from "../routing/proxy-pool.ts";

/** One line of an answer, with the block that follows it. */
export interface AnswerPart {
  readonly reply: Reply;
  /** Latin1, without CRLF. */
  readonly line: string;
  /** Without its CRLF; undefined: there is none. */
  readonly value: Buffer | undefined;
}

/** All lines of an answer, the last of which ends it. */
export type Answer = readonly AnswerPart[];

/** The bytes of an answer, as they came. */
export function answerBytes(parts: Answer): Buffer {
  const pieces: Buffer[] = [];
  for (const { line, value } of parts) {
    pieces.push(Buffer.from(`${line}\r\n`, "latin1"));
    if (value !== undefined) pieces.push(value, CRLF);
  }
  return Buffer.concat(pieces);
}

const CRLF = Buffer.from("\r\n", "latin1");

export interface AskOptions {
  /** By `performance.now()`. */
  readonly deadlineMs: number;
  /** See `Expect`. Default `Expect.one`. */
  readonly expect?: number;
  /** Called when the answer has come, before any that comes behind it is looked at: the promise is kept later. */
  readonly onEnd?: () => void;
}

/**
 * Asks `node` on the connection that `key` keeps to.
 *
 * @param key latin1; "" for a question of the proxy's own, which is not counted among the requests
 * @param request whole requests, that are answered as `options.expect` says
 * @throws CacheError when no answer comes
 */
export function ask(
  pool: ProxyPool,
  node: Node,
  key: string,
  request: Buffer,
  { deadlineMs, expect = Expect.one, onEnd }: AskOptions,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const link = pool.linkOfText(node, key);
    const isCounted = key !== "";
    const asked = request.toString("latin1", 0, request.indexOf("\r\n")).split(" ");
    const fitting = fittingReplies(codes.get(asked[0]!) ?? Command.unknown);
    const isWrite = !/^(?:get|gets|gat|gats|touch|mg|me|stats)\s/.test(request.toString("latin1", 0, 6));
    const sink = new AnswerSink(
      pool,
      node,
      { sentBytes: request.length, isCounted, isWrite, words: asked, fitting, link, onEnd },
      resolve,
      reject,
    );
    try {
      pool.send(node, link, request, 0, request.length, sink, deadlineMs, expect);
      if (isCounted) return;
      node.counts[NodeCount.requests]!--;
      node.counts[NodeCount.requestBytes]! -= request.length;
    } catch (error) {
      if (!isCacheError(error)) throw error;
      reject(error);
    }
  });
}

/** Whether a server has refused to do what it was asked. */
export function isError(reply: Reply): boolean {
  return reply === Reply.error || reply === Reply.clientError || reply === Reply.serverError;
}

const codes = new Map(commands.map(({ word, code }) => [word, code]));

interface Asked {
  readonly sentBytes: number;
  /** Among the requests of clients. */
  readonly isCounted: boolean;
  readonly isWrite: boolean;
  /** Of the request's line. */
  readonly words: readonly string[];
  /** Bits `1 << Reply` of the answers that fit. */
  readonly fitting: number;
  readonly link: number;
  readonly onEnd: (() => void) | undefined;
}

class AnswerSink implements Sink {
  readonly #parts: AnswerPart[] = [];
  readonly #pool: ProxyPool;
  readonly #node: Node;
  readonly #asked: Asked;
  readonly #resolve: (answer: Answer) => void;
  readonly #reject: (error: Error) => void;
  /** A value that comes in pieces. */
  #head: { reply: Reply; line: string } | undefined;
  #value = Buffer.alloc(0);
  #filled = 0;

  constructor(
    pool: ProxyPool,
    node: Node,
    asked: Asked,
    resolve: (answer: Answer) => void,
    reject: (error: Error) => void,
  ) {
    this.#pool = pool;
    this.#node = node;
    this.#asked = asked;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onAnswer(response: TextResponse, last: boolean): void {
    if (!this.#fits(response)) {
      this.#pool.violated(this.#node, this.#asked.link);
      if (last) this.onFailure(new CacheError("protocol_violation", `${this.#node.name}: an answer that does not fit`));
      return;
    }
    const { reply, input, lineStart, lineEnd, valueStart, valueEnd } = response;
    if (response.valueBytes >= 0 && valueStart < 0) {
      this.#parts.push({ ...this.#head!, value: this.#value });
      this.#head = undefined;
    } else {
      const line = input.toString("latin1", lineStart, lineEnd).trimEnd();
      const value = response.valueBytes < 0 ? undefined : Buffer.from(input.subarray(valueStart, valueEnd));
      this.#parts.push({ reply, line, value });
    }
    if (!last) return;
    const { counts } = this.#node;
    if (this.#asked.isCounted) counts[NodeCount.responses]!++;
    if (this.#asked.isWrite && !isError(reply)) counts[NodeCount.writes]!++;
    this.#countOff();
    this.#asked.onEnd?.();
    this.#resolve(this.#parts);
  }

  #fits(response: TextResponse): boolean {
    const { fitting, words } = this.#asked;
    if (((fitting >> response.reply) & 1) === 0) return false;
    if (response.reply !== Reply.value || response.valueStart < 0) return true;
    return words.includes(response.keyText(), 1);
  }

  onValueStart({ reply, input, lineStart, lineEnd, valueBytes }: TextResponse): void {
    this.#head = { reply, line: input.toString("latin1", lineStart, lineEnd).trimEnd() };
    this.#value = Buffer.allocUnsafeSlow(valueBytes);
    this.#filled = 0;
  }

  onValuePiece(buffer: Buffer, start: number, end: number): void {
    buffer.copy(this.#value, this.#filled, start, end);
    this.#filled += end - start;
  }

  onFailure(error: CacheError): void {
    this.#countOff();
    if (this.#asked.isWrite) this.#node.counts[NodeCount.lostWrites]!++;
    this.#node.failed(error);
    this.#reject(error);
  }

  onDeadline(): number {
    this.#countOff();
    if (this.#asked.isWrite) this.#node.counts[NodeCount.lostWrites]!++;
    this.#pool.timedOut(this.#node);
    this.#reject(new CacheError("timeout", `${this.#node.name}: no answer in time`));
    return Infinity;
  }

  #countOff(): void {
    this.#node.counts[NodeCount.unansweredBytes]! -= this.#asked.sentBytes;
  }
}

// flush_all: sent to every server of the pool, answered OK when all of them have done it. What was sent before it is
// flushed, what comes after it is not: each connection is flushed behind what it was given, and the client's next request
// waits for the answer.

import { isCacheError, type CacheError } from "@marugoto/core";
import { Expect, type Sink } from "@marugoto/client";
import { Lines, Reply, type TextRequest, type TextResponse } from "@marugoto/protocol";
import { NodeCount, type Node } from "../routing/node.ts";
import type { ProxyPool } from "../routing/proxy-pool.ts";
import { errorLine } from "./error-lines.ts";
import type { Session } from "./session.ts";
import { Show, type Slot } from "./slot.ts";

/** Sees to a client's flush_all. */
export function flushAll(session: Session, request: TextRequest): void {
  const { pool } = session;
  if (!pool.config.flushAll) {
    if (!request.noreply) session.answer(Lines.flushNotAllowed);
    return;
  }
  const slot = session.core.slots.take();
  slot.pool = pool;
  slot.inFlight = true;
  if (request.noreply) slot.show = Show.nothing;
  session.enqueue(slot);
  session.waitFor(slot);
  pool.flights.clear();
  new Flush(pool, slot).send(Buffer.from(`flush_all ${request.exptime}\r\n`, "latin1"));
}

class Flush {
  readonly #pool: ProxyPool;
  readonly #slot: Slot;
  /** Answers that are awaited, and one for the sending. */
  #open = 1;
  /** What the first server that has not done it said. */
  #failure: Uint8Array | undefined;

  constructor(pool: ProxyPool, slot: Slot) {
    this.#pool = pool;
    this.#slot = slot;
  }

  send(line: Buffer): void {
    this.#sendTo(this.#pool, line);
    // What stands in for a server must not outlive it.
    const gutter = this.#pool.gutter?.pool;
    if (gutter !== undefined) this.#sendTo(gutter, line);
    this.#ended(undefined);
  }

  #sendTo(pool: ProxyPool, line: Buffer): void {
    const deadlineMs = pool.deadlineMs();
    for (const node of pool.nodes) {
      if (!node.inUse) {
        pool.wanted(node);
        pool.owesFlush(node);
        this.#failed(node.errorLine);
        continue;
      }
      for (let i = 0; i < pool.connections; i++) {
        this.#open++;
        try {
          const link = node.index * pool.connections + i;
          pool.send(node, link, line, 0, line.length, this.#sink(pool, node, line.length), deadlineMs, Expect.one);
        } catch (error) {
          if (!isCacheError(error)) throw error;
          pool.counts.forwardErrors++;
          pool.owesFlush(node);
          this.#ended(errorLine(error));
        }
      }
    }
  }

  #sink(pool: ProxyPool, node: Node, bytes: number): Sink {
    const countOff = () => {
      node.counts[NodeCount.unansweredBytes]! -= bytes;
    };
    return {
      onAnswer: (response: TextResponse) => {
        countOff();
        const line = response.input.subarray(response.lineStart, response.lineEnd);
        node.counts[NodeCount.responses]!++;
        node.counts[NodeCount.writes]!++;
        node.counts[NodeCount.responseBytes]! += line.length;
        this.#ended(response.reply === Reply.ok ? undefined : Buffer.from(line));
      },
      onFailure: (error: CacheError) => {
        countOff();
        pool.owesFlush(node);
        this.#ended(node.failed(error));
      },
      onDeadline: () => {
        countOff();
        pool.owesFlush(node);
        pool.timedOut(node);
        this.#ended(node.errorLine);
        return Infinity;
      },
    };
  }

  #ended(failure: Uint8Array | undefined): void {
    if (failure !== undefined) this.#failed(failure);
    if (--this.#open > 0) return;
    const slot = this.#slot;
    const line = this.#failure ?? Lines.ok;
    slot.give(line, 0, line.length);
    slot.land();
  }

  #failed(line: Uint8Array): void {
    this.#failure ??= line;
  }
}

// What all sessions of a proxy share: buffers, slots, the pass of the loop, events. No module-level state, so that a
// process can hold several proxies.

import { TypedEvents } from "@marugoto/core";
import { Lines, RequestScratch, type RequestParserOptions, type TextRequest } from "@marugoto/protocol";
import type { ProxyEvents } from "./events.ts";
import { LoopPass } from "./loop-pass.ts";
import { BufferPool } from "./session/byte-queue.ts";
import { JoinPool } from "./session/multi-get.ts";
import type { Session } from "./session/session.ts";
import { SlotPool } from "./session/slot.ts";

/** A get line longer than this ends the connection. */
const MAX_GET_LINE_BYTES = 2 * 1024 * 1024;

export class ProxyCore {
  readonly events = new TypedEvents<ProxyEvents>();
  readonly pass = new LoopPass();
  readonly buffers = new BufferPool();
  readonly slots = new SlotPool(this.buffers);
  readonly joins = new JoinPool(this.buffers);
  /** Number of the configuration in force: 1 at first, one more with every reload. */
  generation = 1;
  /** By `performance.now()`. */
  readonly startedAtMs = performance.now();
  /** What `version` tells. */
  readonly version: string;
  readonly parserOptions: RequestParserOptions = {
    scratch: new RequestScratch(),
    maxGetLineBytes: MAX_GET_LINE_BYTES,
  };

  /** Answers lines that are no request of memcached: `config get cluster`. */
  answerUnknown: ((session: Session, request: TextRequest) => Uint8Array | undefined) | undefined;

  constructor(version: string) {
    this.version = version;
  }

  /** The answer to `stats`. */
  showStats(_session: Session, _request: TextRequest): Uint8Array {
    return Lines.end;
  }
}

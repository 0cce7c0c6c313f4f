// What all sessions of a proxy share: buffers, slots, the pass of the loop, events. No module-level state, so that a
// process can hold several proxies.

import { TypedEvents } from "@marugoto/core";
import { RequestScratch, type RequestParserOptions } from "@marugoto/protocol";
import type { ProxyEvents } from "./events.ts";
import { LoopPass } from "./loop-pass.ts";
import type { ProxyPool } from "./routing/proxy-pool.ts";
import { BufferPool } from "./session/byte-queue.ts";
import { JoinPool } from "./session/multi-get.ts";
import { SlotPool } from "./session/slot.ts";

/** A get line longer than this ends the connection. */
const MAX_GET_LINE_BYTES = 2 * 1024 * 1024;

export class ProxyCore {
  readonly events = new TypedEvents<ProxyEvents>();
  readonly pass = new LoopPass();
  readonly buffers = new BufferPool();
  readonly slots = new SlotPool(this.buffers);
  readonly joins = new JoinPool(this.buffers);
  /** All pools, in the order of the configuration. */
  pools: readonly ProxyPool[] = [];
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

  constructor(version: string) {
    this.version = version;
  }
}

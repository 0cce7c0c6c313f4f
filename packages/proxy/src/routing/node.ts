// One server of a pool as the proxy sees it: whether it is in use, what its clients are told while it is not, and what
// was counted. Who finds out is node-policy.ts; what happens before it is used again is recovery/.

import type { CacheError, Endpoint } from "@marugoto/core";
import type { ServerConfig } from "../config/types.ts";
import type { Absence } from "../recovery/absence.ts";
import { Fence } from "../recovery/fence.ts";
import type { WarmSource } from "../recovery/warm-source.ts";
import { WritesOfOthers } from "../recovery/writes-of-others.ts";
import type { Pair } from "./pair.ts";
import { errorLine, ErrorLines } from "../session/error-lines.ts";

/** Places in `Node.counts`. */
export const NodeCount = {
  requests: 0,
  requestBytes: 1,
  responses: 2,
  responseBytes: 3,
  eofs: 4,
  errors: 5,
  timeouts: 6,
  /** Writes without an answer that found no server to take them. */
  lostNoreplies: 7,
  /** Reads that shared the answer of another. */
  shared: 8,
  /** Bytes of requests without their answer yet. */
  unansweredBytes: 9,
  /** Writes that it has answered, other than with an error. */
  writes: 10,
  /** Writes that it may have done without an answer, since others' writes were looked for. */
  lostWrites: 11,
} as const;

const COUNTERS = 12;

export class Node {
  readonly counts = new Float64Array(COUNTERS);
  config: ServerConfig;
  /** Its place in the pool's list of servers. */
  index: number;
  /** Two servers that are one; null: it is one server. */
  pair: Pair | null = null;
  /** Requests are sent to it. */
  inUse = true;
  /** Requests for it take the short way: in use, and nothing to heed besides. Kept by `refresh`. */
  direct = true;
  /** Failures in a row. */
  failures = 0;
  /** What a client is told while it is out of use. */
  errorLine: Buffer = ErrorLines.unknown;
  /** By `performance.now()`: since when it is out of use. */
  outSinceMs = 0;
  /** Microseconds since 1970 of the last time it was put out of use; 0 = never. */
  ejectedAtUs = 0;

  // ---- what its return needs ----

  /** Which process it was when it was in use last; undefined: not known. */
  identity: string | undefined;
  readonly writesOfOthers = new WritesOfOthers(this);
  /** While it was out of use, its host has said that nobody listens: the process was dead, for everybody. */
  wasRefused = false;
  /** Somebody is finding out whether it can be used again. */
  isRejoining = false;
  /** Keys that are not to be read from it as they are. */
  readonly fence: Fence;
  /** In use, and not to be read: more was written elsewhere than could be remembered. */
  isUnread = false;
  /** After its return: where misses are looked for. */
  warm: WarmSource | null = null;
  /** A flush_all has not reached it: it has to be flushed before it is read. */
  owesFlush = false;
  /** Of its keys that are elsewhere; null: the pool writes nothing elsewhere. */
  absence: Absence | null = null;
  /** Some proxy has lost it: where a key is, its ledger says. */
  hasLedger = false;
  /** Until when nobody can have written its keys elsewhere without this proxy's knowing, by `performance.now()`. */
  freshUntilMs = Infinity;
  /** Connections of an earlier configuration are still to answer: what is asked now waits for this; null: none are. */
  settled: Promise<void> | null = null;
  /** Requests under way that do not take the short way. */
  #detours = 0;

  /** @param fencedKeys most keys that are remembered for its return */
  constructor(config: ServerConfig, index: number, fencedKeys: number) {
    this.config = config;
    this.index = index;
    this.fence = new Fence(fencedKeys);
  }

  /** To be called when anything has changed that `direct` depends on. */
  refresh(): void {
    const isPlain =
      this.fence.size === 0 && !this.isUnread && this.warm === null && !this.hasLedger && this.settled === null;
    this.direct = this.inUse && this.#detours === 0 && isPlain;
  }

  /** Whether a request that comes now may take the short way. */
  get isDirect(): boolean {
    return this.direct && (this.freshUntilMs === Infinity || performance.now() < this.freshUntilMs);
  }

  detourBegins(): void {
    this.#detours++;
    this.direct = false;
  }

  detourEnds(): void {
    this.#detours--;
    this.refresh();
  }

  /** Where it is dialled. */
  get endpoint(): Endpoint {
    return this.pair === null ? this.config.endpoint : this.pair.endpoint;
  }

  get name(): string {
    return this.config.name;
  }

  /** An error of a try at it, in words for a client. */
  failed(error: CacheError): Buffer {
    this.errorLine = errorLine(error);
    return this.errorLine;
  }
}

// What the sessions of one thread share: store, clock, counters, options, hooks, the output they write into. No
// module-level state, so that a process can hold several servers, and one server several threads later.

import type { Clock, TypedEvents } from "@marugoto/core";
import { RequestScratch, type RequestParserOptions } from "@marugoto/protocol";
import type { Store } from "@marugoto/storage";
import { AnswerBatch } from "./answer-batch.ts";
import { Counters } from "./counters.ts";
import type { ServerEvents } from "./events.ts";
import type { ServerHooks } from "./hooks.ts";
import type { Mutation, MutationKind } from "./mutation.ts";
import type { ServerOptions } from "./options.ts";
import { Output } from "./output.ts";
import { READ_BUFFER_BYTES } from "./transport/transport.ts";
import { PendingPool } from "./pending-bytes.ts";
import { PrefixStats } from "./stats/prefix-stats.ts";
import type { Session } from "./session.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** A get line longer than this ends the connection; memcached has no such bound, and grows until it dies. */
const MAX_GET_LINE_BYTES = 2 * 1024 * 1024;

const noKey = Buffer.alloc(0);

export interface ServerCoreParts {
  readonly options: ServerOptions;
  readonly store: Store;
  readonly clock: Clock;
  readonly events: TypedEvents<ServerEvents>;
  readonly hooks: ServerHooks;
}

export class ServerCore {
  readonly options: ServerOptions;
  readonly store: Store;
  readonly clock: Clock;
  readonly events: TypedEvents<ServerEvents>;
  readonly hooks: ServerHooks;
  readonly counters = new Counters();
  /** The counters' numbers, for the hot path. */
  readonly counts: Float64Array;
  readonly output = new Output();
  /** Where answers wait for the end of a pass of the loop; undefined = no hook is asked before they leave. */
  readonly batch: AnswerBatch | undefined;
  readonly pendingPool = new PendingPool();
  /** Small room for one number in digits; whoever uses it fills it first. */
  readonly scratch = Buffer.alloc(32);
  readonly sessions = new Set<Session>();
  readonly prefixStats: PrefixStats;
  readonly parserOptions: RequestParserOptions;
  readonly requestsPerEvent: number;
  /** Size of the buffer that all sessions read into. */
  readonly readBufferBytes = READ_BUFFER_BYTES;
  /** `-m` now; `cache_memlimit` changes it. */
  memoryBytes: number;
  verbosity: number;
  /** Second of the clock of the last flush_all, for `stats settings`. */
  oldestLive = 0;
  readonly #mutation: Writable<Mutation> = { kind: 1, key: noKey, keyStart: 0, keyEnd: 0, item: 0, flushAt: 0 };

  constructor({ options, store, clock, events, hooks }: ServerCoreParts) {
    this.options = options;
    this.store = store;
    this.clock = clock;
    this.events = events;
    this.hooks = hooks;
    this.batch = hooks.beforeAnswers === undefined ? undefined : new AnswerBatch(hooks);
    this.counts = this.counters.values;
    this.memoryBytes = options.memoryBytes;
    this.verbosity = options.verbosity;
    this.requestsPerEvent = options.requestsPerEvent;
    this.parserOptions = { scratch: new RequestScratch(), maxGetLineBytes: MAX_GET_LINE_BYTES };
    this.prefixStats = new PrefixStats(options.prefixDelimiter, options.detailEnabled);
  }

  /** Tells the hook, if there is one, what a command did to an item. */
  mutated(kind: MutationKind, key: Buffer, keyStart: number, keyEnd: number, item: number): void {
    if (this.hooks.onMutation === undefined) return;
    const mutation = this.#mutation;
    mutation.kind = kind;
    mutation.key = key;
    mutation.keyStart = keyStart;
    mutation.keyEnd = keyEnd;
    mutation.item = item;
    mutation.flushAt = 0;
    this.hooks.onMutation(mutation);
  }

  /** Tells the hook of a flush_all. */
  flushed(flushAt: number): void {
    if (this.hooks.onMutation === undefined) return;
    const mutation = this.#mutation;
    mutation.kind = 4;
    mutation.key = noKey;
    mutation.keyStart = 0;
    mutation.keyEnd = 0;
    mutation.item = 0;
    mutation.flushAt = flushAt;
    this.hooks.onMutation(mutation);
  }

  sessionClosed(session: Session): void {
    if (!this.sessions.delete(session)) return;
    this.events.emit("disconnected", {
      id: session.id,
      remote: session.transport.remote,
      reason: session.disconnectReason,
    });
  }
}

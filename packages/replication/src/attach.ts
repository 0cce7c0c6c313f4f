// Binds a node to a server: the server's hooks, its store as the node's content, sockets as its links.

import { DEFAULT_MAX_ITEM_BYTES, TypedEvents } from "@marugoto/core";
import { commandInfo, MetaFlag, type Command, type TextRequest } from "@marugoto/protocol";
import type { Admission, Mutation, Server, ServerHooks, Session, StatRows } from "@marugoto/server";
import type { Store } from "@marugoto/storage";
import { LocalClient } from "./content/local-client.ts";
import { StoreContent } from "./content/store-content.ts";
import type { Network, Timers } from "./environment.ts";
import type { ReplicationEvents, Role } from "./events.ts";
import { NetNetwork } from "./net/net-network.ts";
import { SystemTimers } from "./net/system-timers.ts";
import type { CopyIn } from "./node/copy-in.ts";
import { MAX_FORWARDED_BYTES } from "./node/forwards.ts";
import { ReplicationNode } from "./node/node.ts";
import { resolveOptions, type ReplicationOptions } from "./options.ts";
import type { Replication } from "./replication.ts";
import { addStatus } from "./stats.ts";

/** Requests of one session that may wait for the master at a time. */
const MAX_WAITING_PER_SESSION = 1000;

/** The default backlog, in bytes; four of the largest items if that is more. */
const BACKLOG_BYTES = 16 * 1024 * 1024;

/** How long `handover` waits for a successor unless told otherwise, in milliseconds. */
const HANDOVER_MS = 3000;

/** Commands that a replica must not execute by itself, by code; meta get is looked at more closely. */
const mutates: boolean[] = [];
for (let code = 1; ; code++) {
  const info = commandInfo(code as Command);
  if (info === undefined) break;
  mutates[code] = info.mutating;
}

/** Means of a node that tests replace. */
export interface ReplicationMeans {
  readonly network?: Network;
  readonly timers?: Timers;
  readonly randomBytes?: (count: number) => Buffer;
  /** The server's store holds the group's content already: the node is master from the start. */
  readonly hasContent?: boolean;
}

/** Replication over our own protocol: any number of nodes, each with a server of this package's. */
export class AttachedReplication implements Replication {
  readonly options: ReplicationOptions;
  readonly events = new TypedEvents<ReplicationEvents>();
  readonly hooks: ServerHooks;
  readonly #means: ReplicationMeans;
  readonly #timers: Timers;
  #node: ReplicationNode | undefined;
  #content: StoreContent | undefined;
  #client: LocalClient | undefined;
  #store: Store | undefined;
  /** Requests that a session has forwarded and that have no answer yet. */
  readonly #waiting = new WeakMap<Session, Waiting>();

  /** @throws CacheError `invalid_option` */
  constructor(options: Partial<ReplicationOptions>, means: ReplicationMeans = {}) {
    this.options = resolveOptions(options);
    this.#means = means;
    this.#timers = means.timers ?? new SystemTimers();
    this.hooks = {
      onMutation: (mutation) => {
        this.#onMutation(mutation);
      },
      beforeExecute: (request, session) => this.#beforeExecute(request, session),
      beforeAnswers: () => (this.#client?.isExecuting === true ? undefined : this.#node?.beforeAnswers()),
      addStats: (section, rows) => this.#addStats(section, rows),
    };
  }

  get role(): Role {
    return this.#node?.role ?? "starting";
  }

  /** The node itself, for who must look inside: tests and benchmarks. */
  get node(): ReplicationNode | undefined {
    return this.#node;
  }

  async start(server: Server): Promise<void> {
    if (this.#node !== undefined) throw new TypeError("replication has been started already");
    const { options } = this;
    const client = new LocalClient(server);
    const content = new StoreContent({
      store: server.store,
      clock: server.clock,
      unixMs: () => this.#timers.unixMs(),
      execute: (request) => client.execute(request),
    });
    const maxItemBytes = server.options.maxItemBytes;
    const node = new ReplicationNode({
      options,
      content,
      network: this.#means.network ?? new NetNetwork(),
      timers: this.#timers,
      events: this.events,
      backlogBytes: options.backlogBytes ?? Math.max(BACKLOG_BYTES, 4 * maxItemBytes),
      maxRequestBytes: Math.max(maxItemBytes, DEFAULT_MAX_ITEM_BYTES),
      hasContent: this.#means.hasContent === true,
      ...(this.#means.randomBytes === undefined ? {} : { randomBytes: this.#means.randomBytes }),
    });
    this.#store = server.store;
    this.#client = client;
    this.#content = content;
    this.#node = node;
    await node.start();
  }

  handover({ withinMs = HANDOVER_MS }: { readonly withinMs?: number } = {}): Promise<boolean> {
    return this.#node === undefined ? Promise.resolve(false) : this.#node.handover(withinMs);
  }

  close(): Promise<void> {
    this.#node?.close();
    return Promise.resolve();
  }

  // ---- hooks ----

  #onMutation(mutation: Mutation): void {
    const node = this.#node;
    const sink = node?.sink();
    if (node === undefined || sink === undefined) return;
    this.#content!.record(mutation, sink, node.effectTimeMs(), node.rank);
  }

  #beforeExecute(request: TextRequest, session: Session): Admission {
    const node = this.#node;
    if (node === undefined) return "run";
    if (node.copyIn.isSweeping) confirmKeys(node.copyIn, request);
    if (this.#client!.isExecuting) return "run";
    if (node.role === "master") {
      if (!node.isConditional || !this.#mayChange(request) || node.mayWrite()) return "run";
      return { refuse: node.refusal };
    }
    const waiting = this.#waiting.get(session);
    if (!this.#mayChange(request)) {
      // What it asks may depend on what it has asked before.
      return waiting === undefined || waiting.count === 0 ? "run" : { later: waiting.none() };
    }
    if (node.role === "closed") return "run";
    if (node.role === "candidate" && node.isConditional && !node.mayWrite()) return { refuse: node.refusal };
    if (waiting !== undefined && waiting.count >= MAX_WAITING_PER_SESSION) {
      return { later: waiting.none().then(() => "again" as const) };
    }
    const bytes = request.lineEnd - request.lineStart + Math.max(0, request.valueBytes);
    if (node.forwards.bytes + bytes > MAX_FORWARDED_BYTES)
      return { refuse: "SERVER_ERROR replication: too much waits" };
    return this.#forward(node, session, waiting);
  }

  #forward(node: ReplicationNode, session: Session, known: Waiting | undefined): Admission {
    const waiting = known ?? new Waiting();
    if (known === undefined) this.#waiting.set(session, waiting);
    return {
      takeOver: (bytes) => {
        waiting.count++;
        const answer = node.forward(bytes);
        void answer.then(() => {
          waiting.done();
        });
        return answer;
      },
    };
  }

  /** Everything that may change an item, its expiry, or who may recache it. */
  #mayChange(request: TextRequest): boolean {
    if (mutates[request.command] !== true) return false;
    if (commandInfo(request.command)!.name !== "metaGet") return true;
    if ((request.metaFlags & (MetaFlag.T | MetaFlag.N | MetaFlag.R)) !== 0) return true;
    const store = this.#store!;
    const item = store.find(request.buffer, request.keyStart, request.keyEnd);
    return item !== 0 && store.isStale(item) && !store.isWinSent(item);
  }

  #addStats(section: string, rows: StatRows): boolean {
    if (section !== "replication" || this.#node === undefined) return false;
    addStatus(this.#node, this.options, rows);
    return true;
  }
}

/** Tells the keys of a request; for one without keys it may tell one of an earlier request, which does no harm. */
function confirmKeys(copyIn: CopyIn, { input, buffer, keyStart, keyEnd, keyCount, keyOffsets }: TextRequest): void {
  copyIn.confirm(buffer, keyStart, keyEnd);
  for (let key = 1; key < keyCount; key++) copyIn.confirm(input, keyOffsets[2 * key]!, keyOffsets[2 * key + 1]!);
}

/** How many requests of a session wait, and who waits for them. */
class Waiting {
  count = 0;
  #resolve: (() => void)[] = [];

  done(): void {
    if (--this.count > 0) return;
    for (const resolve of this.#resolve.splice(0)) resolve();
  }

  /** Resolves to "run" when nothing waits any more. */
  none(): Promise<"run"> {
    return new Promise((resolve) => {
      this.#resolve.push(() => {
        resolve("run");
      });
    });
  }
}

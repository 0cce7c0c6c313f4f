// A node among real repcacheds: attaches to one as its slave, or takes one as its slave, and takes over when it dies.
// Their wire promises less than replication between our own nodes: see docs/migrating-from-repcached.md. Here are the role
// machine and the link; what it does with them is in the files beside this one.

import type { Socket } from "node:net";
import { CacheError, formatEndpoint, TypedEvents } from "@marugoto/core";
import { MutationKind, type Mutation, type Server, type ServerHooks, type StatRows } from "@marugoto/server";
import type { ReplicationEvents, Role } from "../events.ts";
import { resolveOptions, type ReplicationOptions, type TcpEndpoint } from "../options.ts";
import type { Replication } from "../replication.ts";
import { Answers } from "./answers.ts";
import { Dialling } from "./dialling.ts";
import { Feed } from "./feed.ts";
import { Listening } from "./listening.ts";
import { Receiver } from "./receiver.ts";
import { RecordParser } from "./record-parser.ts";
import { repcachedTable, roleOf, type RepcachedAction, type RepcachedEvent, type RepcachedState } from "./roles.ts";

/** The backlog when none is given: this, or four of the largest items. */
const LEAST_BACKLOG_BYTES = 16 * 1024 * 1024;

/** Which repcached is spoken; in plain `stats`, where its users look for it. */
const REPCACHED_VERSION = "2.3.1";

const shuttingDown = { refuse: "SERVER_ERROR shutting down" } as const;

/**
 * Creates a node that speaks repcached's wire, 2.2 and 2.3 alike.
 *
 * @throws CacheError `invalid_option`, also for what that wire has no words for: acknowledgements, secrets, a coordinator
 */
export function createRepcachedReplication(options: Partial<ReplicationOptions> = {}): Replication {
  const resolved = resolveOptions({ ...options, repcached: true });
  const refused = [
    resolved.syncReplicas > 0 ? "syncReplicas" : undefined,
    resolved.secret === undefined ? undefined : "secret",
    resolved.onSplit === "consistent" ? "onSplit: consistent" : undefined,
  ].find((name) => name !== undefined);
  if (refused !== undefined) {
    throw new CacheError("invalid_option", `repcached's wire has no means for ${refused}`);
  }
  return new RepcachedReplication(resolved);
}

export class RepcachedReplication implements Replication {
  readonly options: ReplicationOptions;
  readonly events = new TypedEvents<ReplicationEvents>();
  readonly hooks: ServerHooks;
  readonly peer: TcpEndpoint | undefined;
  readonly counts = { records: 0, skipped: 0, accepted: 0, refused: 0, takeovers: 0, unprotected: 0 };

  // ---- what it is ----

  state: RepcachedState = "dialing";
  isYielding = false;
  isClosed = false;
  /** Nothing has ever been stored here: becoming a slave loses nothing. */
  isFresh = true;
  /** The link, while there is one, and what is sent over it. */
  socket: Socket | undefined;
  remote = "";
  feed: Feed | undefined;
  /** Who waits for the start to end. */
  opened: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | undefined;

  // ---- what it does ----

  readonly dialling = new Dialling(this);
  readonly listening: Listening;
  readonly receiver = new Receiver(this);
  readonly answers = new Answers(this);
  #server: Server | undefined;
  #linkReason = "";
  #copyStartedMs = 0;
  #bytesAtStart = 0;
  #waiters: (() => void)[] = [];

  constructor(options: ReplicationOptions) {
    this.options = options;
    this.peer = options.peers[0];
    this.listening = new Listening(this);
    this.hooks = {
      onMutation: (mutation) => {
        this.#onMutation(mutation);
      },
      beforeExecute: () => (this.#serves ? "run" : { later: this.#serving() }),
      beforeAnswers: () => this.answers.before(),
      addStats: (section, rows) => this.#addStats(section, rows),
    };
  }

  get role(): Role {
    if (this.isClosed) return "closed";
    return this.isYielding ? "yielding" : roleOf[this.state];
  }

  async start(server: Server): Promise<void> {
    this.#server = server;
    const opened = new Promise<void>((resolve, reject) => {
      this.opened = { resolve, reject };
    });
    if (this.peer === undefined) this.happened("unreachable", "no peer is named");
    else this.dialling.dial(this.peer);
    await opened;
  }

  /** The peer takes over when the link ends, be it master or slave: it is given everything before. */
  async handover({ withinMs = 4000 }: { readonly withinMs?: number } = {}): Promise<boolean> {
    const feed = this.feed;
    const socket = this.socket;
    if (feed === undefined || socket === undefined) return false;
    this.isYielding = true;
    const isGone = new Promise<boolean>((resolve) => {
      socket.once("close", () => {
        resolve(true);
      });
    });
    let deadline: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      deadline = setTimeout(resolve, withinMs, false);
    });
    const isDone = await Promise.race([feed.settled().then(() => true), late]);
    if (isDone) socket.end();
    const isTaken = isDone && (await Promise.race([isGone, late]));
    clearTimeout(deadline);
    if (isTaken) return true;
    this.isYielding = false;
    this.#letGo();
    // It was given everything and does not go: the link is worth nothing any more.
    if (isDone) socket.destroy();
    return false;
  }

  close(): Promise<void> {
    this.isClosed = true;
    this.dialling.stop();
    this.opened?.reject(new CacheError("closed", "replication was closed before its first copy"));
    this.listening.stop();
    this.#letGo();
    const socket = this.socket;
    if (socket === undefined || socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      socket.once("close", () => {
        resolve();
      });
      socket.destroy();
    });
  }

  // ---- the role machine ----

  happened(event: RepcachedEvent, reason: string): void {
    const step = repcachedTable[this.state][event];
    if (step === undefined || this.isClosed || this.isYielding) return;
    const from = this.state;
    this.state = step.to;
    if (from === "slave" && step.to === "alone") this.counts.takeovers++;
    if (roleOf[from] !== roleOf[step.to]) {
      const epoch = this.live.store.epoch();
      this.events.emit("role", { from: roleOf[from], to: roleOf[step.to], epoch, reason, tookMs: 0 });
    }
    for (const action of step.actions) this.#do(action);
    if (this.#serves) this.#letGo();
  }

  #do(action: RepcachedAction): void {
    switch (action) {
      case "dial":
        this.dialling.soon();
        return;
      case "dialWhileFresh":
        if (this.isFresh) this.dialling.soon();
        return;
      case "listen":
        this.listening.start();
        return;
      case "stopListening":
        this.listening.stop();
        return;
      case "sendCopy":
        this.events.emit("copyStarted", { peer: this.remote, direction: "out" });
        this.startCopyClock();
        this.feed?.startCopy();
        return;
      case "clear":
        this.live.store.flush();
        return;
      case "open":
        // Whether the port can be had is known in a moment, and without a peer it decides whether there is a node at all.
        this.listening.settled(this.open);
        return;
    }
  }

  readonly open = (): void => {
    this.opened?.resolve();
    this.opened = undefined;
  };

  get live(): Server {
    if (this.#server === undefined) throw new TypeError("start() comes first");
    return this.#server;
  }

  // ---- clients wait while there is nothing to serve them from ----

  get #serves(): boolean {
    return this.state !== "dialing" && this.state !== "copying" && !this.isYielding;
  }

  #serving(): Promise<"run" | typeof shuttingDown> {
    return new Promise((resolve) => {
      this.#waiters.push(() => {
        resolve(this.isClosed ? shuttingDown : "run");
      });
    });
  }

  #letGo(): void {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  // ---- the link ----

  startCopyClock(): void {
    this.#copyStartedMs = performance.now();
    this.#bytesAtStart = this.socket?.bytesWritten ?? 0;
  }

  takeLink(socket: Socket, peer: string, direction: "in" | "out"): void {
    const { store, clock, options } = this.live;
    this.socket = socket;
    this.remote = peer;
    this.#linkReason = "closed by the peer";
    this.answers.reset();
    this.counts.records = 0;
    this.feed = new Feed(socket, store, clock, {
      backlogBytes: this.options.backlogBytes ?? Math.max(LEAST_BACKLOG_BYTES, 4 * options.maxItemBytes),
      flushAt: () => this.receiver.flushAt,
      onCopied: (items) => {
        this.copyEnded("out", items, socket.bytesWritten - this.#bytesAtStart);
        this.happened("sent", `${items} items have been sent`);
      },
      onOverflow: () => {
        this.events.emit("behind", { peer });
      },
    });
    const parser = new RecordParser(this.receiver, { maxValueBytes: options.maxItemBytes });
    socket.setKeepAlive(true, 1000);
    socket.on("data", (chunk) => {
      const fault = parser.push(chunk);
      if (fault === undefined) return;
      this.#linkReason = `closed because the peer has sent ${fault}`;
      socket.destroy();
    });
    socket.on("error", (error) => {
      this.#linkReason = error.message;
    });
    socket.once("close", () => {
      this.socket = undefined;
      this.feed = undefined;
      this.events.emit("unlinked", { peer, nodeId: "", reason: this.#linkReason });
      this.happened("lost", this.#linkReason);
    });
    this.events.emit("linked", { peer, nodeId: "", direction });
  }

  copyEnded(direction: "in" | "out", items: number, bytes: number): void {
    const tookMs = performance.now() - this.#copyStartedMs;
    this.events.emit("copyEnded", { peer: this.remote, direction, items, bytes, tookMs });
    this.events.emit("inStep", { peer: this.remote });
  }

  // ---- what this server's clients do ----

  #onMutation({ kind, key, keyStart, keyEnd, item, flushAt }: Mutation): void {
    this.isFresh = false;
    if (kind === MutationKind.flush) this.receiver.flushAt = flushAt;
    const feed = this.feed;
    if (feed === undefined) return;
    if (kind === MutationKind.remove) feed.remove(key, keyStart, keyEnd);
    else if (kind === MutationKind.flush) feed.flush(flushAt);
    else feed.put(item, key, keyStart, keyEnd);
  }

  // ---- seen from outside ----

  #addStats(section: string, rows: StatRows): boolean {
    const role = this.role;
    if (section === "") {
      rows.add("replication", role === "master" ? "MASTER" : "SLAVE");
      rows.add("repcached_version", REPCACHED_VERSION);
      return false;
    }
    if (section !== "replication") return false;
    const feed = this.feed;
    rows.add("mode", "repcached");
    rows.add("role", role);
    rows.add("state", this.state);
    rows.add("peer", this.peer === undefined ? "none" : formatEndpoint(this.peer));
    rows.add("link", this.socket === undefined ? "down" : "up");
    rows.add("in_step", feed?.isInStep === true && !this.answers.isLate ? 1 : 0);
    rows.add("waiting_bytes", this.socket?.writableLength ?? 0);
    rows.add("mutations_sent", feed?.mutations ?? 0);
    rows.add("copied_items", feed?.copiedItems ?? 0);
    rows.add("recopies", feed?.recopies ?? 0);
    rows.add("records_received", this.counts.records);
    rows.add("values_skipped", this.counts.skipped);
    rows.add("unprotected_acks", this.counts.unprotected);
    rows.add("takeovers", this.counts.takeovers);
    rows.add("accepted_peers", this.counts.accepted);
    rows.add("refused_peers", this.counts.refused);
    return true;
  }
}

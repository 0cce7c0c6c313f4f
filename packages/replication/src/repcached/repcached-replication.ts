// A node among real repcacheds: attaches to one as its slave, or takes one as its slave, and takes over when it dies.
// Their wire promises less than replication between our own nodes: see docs/migrating-from-repcached.md.

import { createServer as createListener, type Server as Listener, type Socket } from "node:net";
import { CacheError, formatEndpoint, toExpiry, TypedEvents } from "@marugoto/core";
import { MutationKind, type Mutation, type Server, type ServerHooks, type StatRows } from "@marugoto/server";
import type { ReplicationEvents, Role } from "../events.ts";
import { resolveOptions, type ReplicationOptions, type TcpEndpoint } from "../options.ts";
import type { Replication } from "../replication.ts";
import { dialPeer, discard } from "./dialer.ts";
import { Feed } from "./feed.ts";
import { PermittedPeers } from "./peers.ts";
import { RecordParser, type RecordHandler, type RepRecord } from "./record-parser.ts";
import { repcachedTable, roleOf, type RepcachedAction, type RepcachedEvent, type RepcachedState } from "./roles.ts";

/** Pauses between tries to dial or to listen, in milliseconds: doubled from the first to the last. */
const FIRST_PAUSE_MS = 20;
const LAST_PAUSE_MS = 1000;

/** The backlog when none is given: this, or four of the largest items. */
const LEAST_BACKLOG_BYTES = 16 * 1024 * 1024;

/** A slave draws the cas numbers of its own commands in this epoch, so that none meets a number of its master's. */
const SLAVE_ROUND = 0;
const SLAVE_RANK = 1;

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

class RepcachedReplication implements Replication, RecordHandler {
  readonly options: ReplicationOptions;
  readonly events = new TypedEvents<ReplicationEvents>();
  readonly hooks: ServerHooks;
  readonly #peer: TcpEndpoint | undefined;
  readonly #permitted: PermittedPeers;
  #server: Server | undefined;
  #state: RepcachedState = "dialing";
  #isYielding = false;
  #isClosed = false;
  /** Nothing has ever been stored here: becoming a slave loses nothing. */
  #isFresh = true;
  #listener: Listener | undefined;
  /** Where it listens; a port that was free at first stays the one. */
  #port: number;
  #socket: Socket | undefined;
  #remote = "";
  #feed: Feed | undefined;
  #linkReason = "";
  #giveUpDialing: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #dialPauseMs = FIRST_PAUSE_MS;
  #listenPauseMs = FIRST_PAUSE_MS;
  /** The present row of tries has been told. */
  #toldDialing = false;
  #toldRefused = false;
  #opened: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | undefined;
  #waiters: (() => void)[] = [];
  #mutationsAnswered = 0;
  /** Second of the clock of the last flush that was ordered for later. */
  #flushAt = 0;
  /** The peer's socket has not taken what it was given within the hold: answers no longer wait for it. */
  #isLate = false;
  #copyStartedMs = 0;
  #bytesAtStart = 0;
  readonly #counts = { records: 0, skipped: 0, accepted: 0, refused: 0, takeovers: 0, unprotected: 0 };

  constructor(options: ReplicationOptions) {
    this.options = options;
    this.#peer = options.peers[0];
    this.#port = options.listen?.port ?? 0;
    this.#permitted = new PermittedPeers(this.#peer?.host);
    this.hooks = {
      onMutation: (mutation) => {
        this.#onMutation(mutation);
      },
      beforeExecute: () => (this.#serves ? "run" : { later: this.#serving() }),
      beforeAnswers: () => this.#beforeAnswers(),
      addStats: (section, rows) => this.#addStats(section, rows),
    };
  }

  get role(): Role {
    if (this.#isClosed) return "closed";
    return this.#isYielding ? "yielding" : roleOf[this.#state];
  }

  async start(server: Server): Promise<void> {
    this.#server = server;
    const opened = new Promise<void>((resolve, reject) => {
      this.#opened = { resolve, reject };
    });
    if (this.#peer === undefined) this.#happened("unreachable", "no peer is named");
    else this.#dial(this.#peer);
    await opened;
  }

  /** The peer takes over when the link ends, be it master or slave: it is given everything before. */
  async handover({ withinMs = 4000 }: { readonly withinMs?: number } = {}): Promise<boolean> {
    const feed = this.#feed;
    const socket = this.#socket;
    if (feed === undefined || socket === undefined) return false;
    this.#isYielding = true;
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
    this.#isYielding = false;
    this.#letGo();
    // It was given everything and does not go: the link is worth nothing any more.
    if (isDone) socket.destroy();
    return false;
  }

  close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#giveUpDialing?.();
    this.#opened?.reject(new CacheError("closed", "replication was closed before its first copy"));
    this.#stopListening();
    this.#letGo();
    const socket = this.#socket;
    if (socket === undefined || socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      socket.once("close", () => {
        resolve();
      });
      socket.destroy();
    });
  }

  // ---- the role machine ----

  #happened(event: RepcachedEvent, reason: string): void {
    const step = repcachedTable[this.#state][event];
    if (step === undefined || this.#isClosed || this.#isYielding) return;
    const from = this.#state;
    this.#state = step.to;
    if (from === "slave" && step.to === "alone") this.#counts.takeovers++;
    if (roleOf[from] !== roleOf[step.to]) {
      const epoch = this.#live.store.epoch();
      this.events.emit("role", { from: roleOf[from], to: roleOf[step.to], epoch, reason, tookMs: 0 });
    }
    for (const action of step.actions) this.#do(action);
    if (this.#serves) this.#letGo();
  }

  #do(action: RepcachedAction): void {
    switch (action) {
      case "dial":
        this.#dialSoon();
        return;
      case "dialWhileFresh":
        if (this.#isFresh) this.#dialSoon();
        return;
      case "listen":
        this.#listen();
        return;
      case "stopListening":
        this.#stopListening();
        return;
      case "sendCopy":
        this.events.emit("copyStarted", { peer: this.#remote, direction: "out" });
        this.#startCopyClock();
        this.#feed?.startCopy();
        return;
      case "clear":
        this.#live.store.flush();
        return;
      case "open":
        // Whether the port can be had is known in a moment, and without a peer it decides whether there is a node at all.
        if (this.#listener?.listening === false) this.#listener.once("listening", this.#open);
        else this.#open();
        return;
    }
  }

  readonly #open = (): void => {
    this.#opened?.resolve();
    this.#opened = undefined;
  };

  get #live(): Server {
    if (this.#server === undefined) throw new TypeError("start() comes first");
    return this.#server;
  }

  // ---- clients wait while there is nothing to serve them from ----

  get #serves(): boolean {
    return this.#state !== "dialing" && this.#state !== "copying" && !this.#isYielding;
  }

  #serving(): Promise<"run" | typeof shuttingDown> {
    return new Promise((resolve) => {
      this.#waiters.push(() => {
        resolve(this.#isClosed ? shuttingDown : "run");
      });
    });
  }

  #letGo(): void {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  // ---- as the one who dials ----

  get #mayDial(): boolean {
    // While it holds the port that the peer is said to have, this node would reach itself: two nodes on one host.
    const isOwnPort = this.#listener !== undefined && this.#peer?.port === this.#port;
    if (this.#isClosed || this.#isYielding || isOwnPort) return false;
    return this.#state === "dialing" || (this.#state === "alone" && this.#isFresh);
  }

  #dialSoon(): void {
    const pause = this.#dialPauseMs;
    this.#dialPauseMs = Math.min(pause * 2, LAST_PAUSE_MS);
    clearTimeout(this.#timer);
    // Two nodes that dial each other must not do so in step for ever.
    this.#timer = setTimeout(
      () => {
        if (this.#peer === undefined) return;
        if (this.#mayDial) this.#dial(this.#peer);
        else if (this.#state === "alone" && this.#isFresh) this.#dialSoon();
      },
      pause / 2 + Math.random() * (pause / 2),
    );
    this.#timer.unref();
  }

  #dial(peer: TcpEndpoint): void {
    if (!this.#toldDialing) this.events.emit("dialing", { peer: formatEndpoint(peer) });
    this.#toldDialing = true;
    this.#giveUpDialing = dialPeer(peer, this.options.peerTimeoutMs, {
      onFailed: (reason) => {
        this.#happened("unreachable", reason);
      },
      onConnected: (socket) => {
        if (this.#mayDial) this.#attach(socket, formatEndpoint(peer));
        else discard(socket);
      },
    });
  }

  #attach(socket: Socket, peer: string): void {
    this.#dialPauseMs = FIRST_PAUSE_MS;
    this.#toldDialing = false;
    this.events.emit("connected", { peer, direction: "out" });
    this.#takeLink(socket, peer, "out");
    const { store } = this.#live;
    if (store.epoch() < SLAVE_RANK) store.setEpoch(SLAVE_ROUND, SLAVE_RANK);
    this.events.emit("copyStarted", { peer, direction: "in" });
    this.#startCopyClock();
    this.#happened("connected", `${peer} answers`);
  }

  #startCopyClock(): void {
    this.#copyStartedMs = performance.now();
    this.#bytesAtStart = this.#socket?.bytesWritten ?? 0;
  }

  // ---- as the one who listens ----

  #listen(): void {
    const { listen } = this.options;
    if (listen === undefined || this.#listener !== undefined) return;
    const listener = createListener({ noDelay: true });
    this.#listener = listener;
    listener.on("connection", (socket) => {
      void this.#admit(socket);
    });
    listener.once("error", (error) => {
      this.#listener = undefined;
      if (this.#peer === undefined && this.#opened !== undefined) {
        this.#opened.reject(error);
        return;
      }
      this.#listenAgain(listen, error);
      this.#open();
    });
    listener.listen(this.#port, listen.host, () => {
      this.#listenPauseMs = FIRST_PAUSE_MS;
      this.#toldRefused = false;
      const address = listener.address();
      if (typeof address === "object" && address !== null) this.#port = address.port;
      this.events.emit("listening", { host: listen.host, port: this.#port });
    });
  }

  /** The peer may be on this host and still have the port. */
  #listenAgain(listen: TcpEndpoint, error: unknown): void {
    if (!this.#toldRefused) this.events.emit("listenRefused", { host: listen.host, port: listen.port, error });
    this.#toldRefused = true;
    const pause = this.#listenPauseMs;
    this.#listenPauseMs = Math.min(pause * 2, LAST_PAUSE_MS);
    setTimeout(() => {
      if (this.#state === "alone" && !this.#isClosed) this.#listen();
    }, pause).unref();
  }

  #stopListening(): void {
    this.#listener?.close();
    this.#listener = undefined;
  }

  async #admit(socket: Socket): Promise<void> {
    const address = socket.remoteAddress ?? "";
    const remote = `${address}:${socket.remotePort ?? 0}`;
    socket.pause();
    const fail = () => undefined; // A peer that goes while its address is looked up is no peer.
    socket.on("error", fail);
    const isPermitted = this.#permitted.knows(address) || (await this.#permitted.permits(address));
    socket.off("error", fail);
    const isFree = this.#state === "alone" && this.#socket === undefined && !this.#isYielding && !this.#isClosed;
    if (!isPermitted || !isFree || socket.destroyed) {
      this.#counts.refused++;
      discard(socket);
      this.events.emit("refused", {
        peer: remote,
        reason: isPermitted ? "already connected" : "not the peer that -x names",
      });
      return;
    }
    this.#counts.accepted++;
    this.events.emit("connected", { peer: remote, direction: "in" });
    this.#takeLink(socket, remote, "in");
    this.#happened("accepted", `${remote} has attached`);
    socket.resume();
  }

  // ---- the link ----

  #takeLink(socket: Socket, peer: string, direction: "in" | "out"): void {
    const { store, clock, options } = this.#live;
    this.#socket = socket;
    this.#remote = peer;
    this.#linkReason = "closed by the peer";
    this.#mutationsAnswered = 0;
    this.#isLate = false;
    this.#counts.records = 0;
    this.#feed = new Feed(socket, store, clock, {
      backlogBytes: this.options.backlogBytes ?? Math.max(LEAST_BACKLOG_BYTES, 4 * options.maxItemBytes),
      flushAt: () => this.#flushAt,
      onCopied: (items) => {
        this.#copyEnded("out", items, socket.bytesWritten - this.#bytesAtStart);
        this.#happened("sent", `${items} items have been sent`);
      },
      onOverflow: () => {
        this.events.emit("behind", { peer });
      },
    });
    const parser = new RecordParser(this, { maxValueBytes: options.maxItemBytes });
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
      this.#socket = undefined;
      this.#feed = undefined;
      this.events.emit("unlinked", { peer, nodeId: "", reason: this.#linkReason });
      this.#happened("lost", this.#linkReason);
    });
    this.events.emit("linked", { peer, nodeId: "", direction });
  }

  #copyEnded(direction: "in" | "out", items: number, bytes: number): void {
    const tookMs = performance.now() - this.#copyStartedMs;
    this.events.emit("copyEnded", { peer: this.#remote, direction, items, bytes, tookMs });
    this.events.emit("inStep", { peer: this.#remote });
  }

  // ---- what the peer says ----

  onRep(record: RepRecord): void {
    this.#noteRecord();
    const { store, clock } = this.#live;
    const { key, flags, exptime, value, casHigh, casLow } = record;
    const expiry = toExpiry(exptime, clock);
    const isGone = expiry !== 0 && expiry <= clock.seconds;
    if (isGone || !store.fits(key.length, value.length, flags)) {
      this.#live.applyMutation({ kind: MutationKind.remove, key });
    } else {
      const marks = { stale: false, winSent: false };
      this.#live.applyMutation({ kind: MutationKind.put, key, flags, expiry, casHigh, casLow, value, ...marks });
    }
    this.#repeat(key);
  }

  onTooLarge(key: Buffer): void {
    this.#counts.skipped++;
    this.#live.applyMutation({ kind: MutationKind.remove, key });
  }

  onDelete(key: Buffer): void {
    this.#noteRecord();
    this.#live.applyMutation({ kind: MutationKind.remove, key });
    this.#repeat(key);
  }

  onFlush(at: number): void {
    this.#noteRecord();
    const { clock } = this.#live;
    const second = toExpiry(Math.max(at, 0), clock);
    // repcached tells a flush_all 0 as one at the second of its own start: whatever lies in the past means now.
    this.#flushAt = second > clock.seconds ? second : 0;
    this.#live.applyMutation({ kind: MutationKind.flush, flushAt: this.#flushAt });
  }

  onCopyEnd(): void {
    if (this.#state !== "copying") return;
    this.#isFresh = false;
    this.#copyEnded("in", this.#counts.records, this.#socket?.bytesRead ?? 0);
    this.#happened("copied", `${this.#counts.records} records have come`);
  }

  #noteRecord(): void {
    this.#counts.records++;
    // A copy that breaks off leaves nothing that the next one does not bring again.
    if (this.#state !== "copying") this.#isFresh = false;
  }

  /** After a copy that was sent again, the peer may have lost what it sent before it began: it hears it back. */
  #repeat(key: Buffer): void {
    const feed = this.#feed;
    if (feed?.repeats !== true) return;
    const item = this.#live.store.find(key, 0, key.length);
    if (item === 0) feed.remove(key, 0, key.length);
    else feed.put(item, key, 0, key.length);
    feed.send();
  }

  // ---- what this server's clients do ----

  #onMutation({ kind, key, keyStart, keyEnd, item, flushAt }: Mutation): void {
    this.#isFresh = false;
    if (kind === MutationKind.flush) this.#flushAt = flushAt;
    const feed = this.#feed;
    if (feed === undefined) return;
    if (kind === MutationKind.remove) feed.remove(key, keyStart, keyEnd);
    else if (kind === MutationKind.flush) feed.flush(flushAt);
    else feed.put(item, key, keyStart, keyEnd);
  }

  #beforeAnswers(): undefined | Promise<void> {
    const feed = this.#feed;
    if (feed === undefined || feed.mutations === this.#mutationsAnswered) return undefined;
    const unanswered = feed.mutations - this.#mutationsAnswered;
    this.#mutationsAnswered = feed.mutations;
    if (feed.send()) return undefined;
    if (this.#state === "feeding") return undefined;
    if (!this.#isLate && feed.isInStep && this.options.holdMs > 0) return this.#hold(feed, unanswered);
    this.#counts.unprotected += unanswered;
    return undefined;
  }

  /** Waits until the kernel has the effects, so that the death of this process does not take them along. */
  async #hold(feed: Feed, mutations: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, this.options.holdMs, true);
    });
    const isLate = await Promise.race([late, feed.drained().then(() => false)]);
    clearTimeout(timer);
    if (!isLate) return;
    this.#counts.unprotected += mutations;
    if (this.#isLate || feed !== this.#feed) return;
    this.#isLate = true;
    this.events.emit("behind", { peer: this.#remote });
    void feed.settled().then(() => {
      if (feed !== this.#feed) return;
      this.#isLate = false;
      this.events.emit("inStep", { peer: this.#remote });
    });
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
    const feed = this.#feed;
    rows.add("mode", "repcached");
    rows.add("role", role);
    rows.add("state", this.#state);
    rows.add("peer", this.#peer === undefined ? "none" : formatEndpoint(this.#peer));
    rows.add("link", this.#socket === undefined ? "down" : "up");
    rows.add("in_step", feed?.isInStep === true && !this.#isLate ? 1 : 0);
    rows.add("waiting_bytes", this.#socket?.writableLength ?? 0);
    rows.add("mutations_sent", feed?.mutations ?? 0);
    rows.add("copied_items", feed?.copiedItems ?? 0);
    rows.add("recopies", feed?.recopies ?? 0);
    rows.add("records_received", this.#counts.records);
    rows.add("values_skipped", this.#counts.skipped);
    rows.add("unprotected_acks", this.#counts.unprotected);
    rows.add("takeovers", this.#counts.takeovers);
    rows.add("accepted_peers", this.#counts.accepted);
    rows.add("refused_peers", this.#counts.refused);
    return true;
  }
}

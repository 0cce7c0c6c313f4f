// A node among real repcacheds: attaches to one as its slave, or takes one as its slave, and takes over when it dies.
// Their wire mode promises less than replication between our own nodes: see docs/migrating-from-repcached.md.

import { connect as dial, createServer as createListener, type Server as Listener, type Socket } from "node:net";
import { formatEndpoint, toExpiry, TypedEvents } from "@marugoto/core";
import { MutationKind, type Mutation, type Server, type ServerHooks, type StatRows } from "@marugoto/server";
import type { RepcachedEvents } from "./events.ts";
import { Feed } from "./feed.ts";
import { resolveRepcachedOptions, type RepcachedOptions } from "./options.ts";
import { PermittedPeers } from "./peers.ts";
import { RecordParser, type RecordHandler, type RepRecord } from "./record-parser.ts";
import { roleTable, type RepcachedRole, type RoleAction, type RoleEvent } from "./roles.ts";

/** Pauses between tries to dial or to listen, in milliseconds: doubled from the first to the last. */
const FIRST_PAUSE_MS = 20;
const LAST_PAUSE_MS = 1000;

/** The cas numbers of a slave's own commands come from here on, so that none meets a number of its master's. */
const SLAVE_ROUND = 0;
const SLAVE_RANK = 1;

/** Which repcached is spoken; told in `stats`, where its users look for it. */
const REPCACHED_VERSION = "2.3.1";

const roleWords: Readonly<Record<RepcachedRole, string>> = {
  dialing: "slave",
  copying: "slave",
  slave: "slave",
  alone: "master",
  feeding: "master",
  master: "master",
};

/** Creates a node; `hooks` go to `createServer`, then `start` with the server. @throws CacheError `invalid_option` */
export function createRepcachedReplication(options: Partial<RepcachedOptions> = {}): RepcachedReplication {
  return new RepcachedReplication(resolveRepcachedOptions(options));
}

export class RepcachedReplication implements RecordHandler {
  readonly events = new TypedEvents<RepcachedEvents>();
  readonly hooks: ServerHooks;
  readonly options: RepcachedOptions;
  readonly #peers: PermittedPeers;
  #server: Server | undefined;
  #role: RepcachedRole = "dialing";
  #listener: Listener | undefined;
  #socket: Socket | undefined;
  #feed: Feed | undefined;
  /** Nothing has been stored here but by a copy: becoming a slave loses nothing. */
  #isFresh = true;
  #isStopping = false;
  #timer: NodeJS.Timeout | undefined;
  #dialPauseMs = FIRST_PAUSE_MS;
  #listenPauseMs = FIRST_PAUSE_MS;
  /** The present row of tries has been told. */
  #toldConnect = false;
  #toldListenFailed = false;
  #open: (() => void) | undefined;
  #failStart: ((error: unknown) => void) | undefined;
  #copyWaiters: (() => void)[] = [];
  #mutationsAnswered = 0;
  readonly #counts = { received: 0, skipped: 0, accepted: 0, rejected: 0, takeovers: 0, unprotected: 0 };

  /** Use `createRepcachedReplication`. */
  constructor(options: RepcachedOptions) {
    this.options = options;
    this.#peers = new PermittedPeers(options.peer?.kind === "tcp" ? options.peer.host : undefined);
    this.hooks = {
      onMutation: (mutation) => {
        this.#onMutation(mutation);
      },
      beforeExecute: () => (this.#role === "copying" ? { later: this.#copied() } : "run"),
      beforeAnswers: () => this.#beforeAnswers(),
      addStats: (section, rows) => this.#addStats(section, rows),
    };
  }

  get role(): RepcachedRole {
    return this.#role;
  }

  /** Where a peer may attach; undefined while this node does not listen. */
  get port(): number | undefined {
    const address = this.#listener?.address();
    return typeof address === "object" && address !== null ? address.port : undefined;
  }

  /**
   * Finds its place: slave of the peer, if it answers; otherwise master.
   *
   * @returns when clients can be served: after the first copy, or as a master
   * @throws CacheError or system error when there is no peer to ask and the port can't be listened on
   */
  async start(server: Server): Promise<void> {
    this.#server = server;
    const ready = new Promise<void>((resolve, reject) => {
      this.#open = resolve;
      this.#failStart = reject;
    });
    if (this.options.peer === undefined) this.#happened("unreachable", "no peer is named");
    else this.#dial();
    await ready;
  }

  /** Hands the rest to the peer and ends; what the peer does not take within `withinMs` is lost. */
  async stop({ withinMs = 4000 }: { readonly withinMs?: number } = {}): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#timer);
    this.#stopListening();
    const socket = this.#socket;
    if (socket === undefined || socket.destroyed) return;
    await new Promise<void>((resolve) => {
      const deadline = setTimeout(() => socket.destroy(), withinMs);
      socket.once("close", () => {
        clearTimeout(deadline);
        resolve();
      });
      if (this.#feed === undefined) socket.destroy();
      else this.#feed.end();
    });
  }

  // ---- the role machine ----

  #happened(event: RoleEvent, reason: string): void {
    const step = roleTable[this.#role][event];
    if (step === undefined || this.#isStopping) return;
    const before = this.#role;
    this.#role = step.to;
    if (before === "slave" && step.to === "alone") this.#counts.takeovers++;
    if (step.to !== before) this.events.emit("role", { role: step.to, before, reason });
    for (const action of step.actions) this.#do(action);
    if (before === "copying") for (const resolve of this.#copyWaiters.splice(0)) resolve();
  }

  #do(action: RoleAction): void {
    switch (action) {
      case "dial":
        this.#dialAfter(this.#nextDialPause());
        return;
      case "dialLater":
        if (this.options.peer !== undefined && this.#isFresh) this.#dialAfter(this.#nextDialPause());
        return;
      case "listen":
        this.#listen();
        return;
      case "stopListening":
        clearTimeout(this.#timer);
        this.#stopListening();
        return;
      case "sendCopy":
        if (this.#live.store.currItems > 0) this.events.emit("copyStart", {});
        this.#feed?.startCopy();
        return;
      case "clear":
        this.#live.store.flush();
        return;
      case "open":
        this.#open?.();
        return;
    }
  }

  get #live(): Server {
    if (this.#server === undefined) throw new TypeError("start() comes first");
    return this.#server;
  }

  // ---- as the one who dials ----

  #nextDialPause(): number {
    const pause = this.#dialPauseMs;
    this.#dialPauseMs = Math.min(pause * 2, LAST_PAUSE_MS);
    // Two nodes that dial each other must not do so in step for ever.
    return pause / 2 + Math.random() * (pause / 2);
  }

  #dialAfter(pauseMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#role === "dialing" || (this.#role === "alone" && this.#isFresh)) this.#dial();
    }, pauseMs);
    this.#timer.unref();
  }

  #dial(): void {
    const { peer } = this.options;
    if (peer?.kind !== "tcp" || this.#isStopping) return;
    if (!this.#toldConnect) this.events.emit("connect", { peer });
    this.#toldConnect = true;
    this.#peers.refresh().catch(() => undefined); // The dialling itself tells that the name has no address.
    const socket = dial({ host: peer.host, port: peer.port, noDelay: true });
    const failed = (reason: string) => {
      clearTimeout(deadline);
      socket.removeAllListeners();
      socket.on("error", () => undefined).destroy();
      this.#happened("unreachable", reason);
    };
    const deadline = setTimeout(() => {
      failed(`${formatEndpoint(peer)}: no answer within ${this.options.dialTimeoutMs} ms`);
    }, this.options.dialTimeoutMs);
    socket.once("error", (error) => {
      failed(`${formatEndpoint(peer)}: ${error.message}`);
    });
    socket.once("connect", () => {
      clearTimeout(deadline);
      socket.removeAllListeners();
      const isWanted = this.#role === "dialing" || (this.#role === "alone" && this.#isFresh);
      if (!isWanted || this.#isStopping || isOneself(socket)) {
        socket.on("error", () => undefined).destroy();
        if (isOneself(socket)) this.#happened("unreachable", "the peer is this node itself");
        return;
      }
      this.#dialPauseMs = FIRST_PAUSE_MS;
      this.#toldConnect = false;
      this.#takeLink(socket);
      this.events.emit("copying", {});
      const { store } = this.#live;
      if (store.epoch() < SLAVE_RANK) store.setEpoch(SLAVE_ROUND, SLAVE_RANK);
      this.#happened("connected", `${formatEndpoint(peer)} answers`);
    });
  }

  #copied(): Promise<"run"> {
    return new Promise((resolve) =>
      this.#copyWaiters.push(() => {
        resolve("run");
      }),
    );
  }

  // ---- as the one who listens ----

  #listen(): void {
    if (this.#listener !== undefined || this.#isStopping) return;
    const { host, port } = this.options.listen;
    const endpoint = { kind: "tcp", host, port } as const;
    const listener = createListener({ noDelay: true });
    this.#listener = listener;
    listener.on("connection", (socket) => {
      this.#accept(socket);
    });
    listener.once("error", (error) => {
      this.#listener = undefined;
      if (this.options.peer === undefined && this.#failStart !== undefined) {
        this.#failStart(error);
        return;
      }
      if (!this.#toldListenFailed) this.events.emit("listenFailed", { endpoint, error });
      this.#toldListenFailed = true;
      const pause = this.#listenPauseMs;
      this.#listenPauseMs = Math.min(pause * 2, LAST_PAUSE_MS);
      setTimeout(() => {
        if (this.#role === "alone") this.#listen();
      }, pause).unref();
    });
    listener.listen(port, host, () => {
      this.#failStart = undefined;
      this.#listenPauseMs = FIRST_PAUSE_MS;
      this.#toldListenFailed = false;
      this.events.emit("listen", { endpoint: { ...endpoint, port: this.port ?? port } });
    });
  }

  #stopListening(): void {
    this.#listener?.close();
    this.#listener = undefined;
  }

  #accept(socket: Socket): void {
    const remote = `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}`;
    const refusal = this.#refusal(socket.remoteAddress);
    if (refusal !== undefined) {
      this.#counts.rejected++;
      socket.on("error", () => undefined).destroy();
      this.events.emit("rejected", { remote, reason: refusal });
      return;
    }
    this.#counts.accepted++;
    this.#isFresh = false;
    this.events.emit("accept", { remote });
    this.#takeLink(socket);
    this.#happened("accepted", `${remote} has attached`);
  }

  #refusal(address: string | undefined): string | undefined {
    if (this.#role !== "alone" || this.#socket !== undefined) return "already connected";
    if (address === undefined || !this.#peers.permits(address)) return "not the peer named by -x";
    return undefined;
  }

  // ---- the link ----

  #takeLink(socket: Socket): void {
    const { store, clock, options } = this.#live;
    const { backlogBytes } = this.options;
    this.#socket = socket;
    this.#mutationsAnswered = 0;
    this.#counts.received = 0;
    this.#feed = new Feed(socket, store, clock, {
      backlogBytes,
      onCopied: (items) => {
        this.events.emit("copyEnd", { items });
        this.#happened("sent", `${items} items have been copied`);
      },
      onOverflow: () => {
        this.events.emit("overflow", { backlogBytes });
      },
    });
    const parser = new RecordParser(this, { maxValueBytes: options.maxItemBytes });
    let reason = "the peer has closed it";
    socket.setKeepAlive(true, 1000);
    socket.on("data", (chunk) => {
      const fault = parser.push(chunk);
      if (fault === undefined) return;
      reason = `the peer has sent ${fault}`;
      socket.destroy();
    });
    socket.on("error", (error) => {
      reason = error.message;
    });
    socket.once("close", () => {
      this.#linkLost(reason);
    });
  }

  #linkLost(reason: string): void {
    this.#socket = undefined;
    this.#feed = undefined;
    this.events.emit("close", { reason });
    this.#happened("lost", reason);
  }

  // ---- what the peer says ----

  onRep(record: RepRecord): void {
    this.#counts.received++;
    const { store, clock } = this.#live;
    const { key, flags, exptime, value, casHigh, casLow } = record;
    const expiry = toExpiry(exptime, clock);
    const isGone = (expiry !== 0 && expiry <= clock.seconds) || !store.fits(key.length, value.length, flags);
    if (isGone) this.#live.applyMutation({ kind: MutationKind.remove, key });
    else {
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
    this.#counts.received++;
    this.#live.applyMutation({ kind: MutationKind.remove, key });
    this.#repeat(key);
  }

  onFlush(at: number): void {
    this.#counts.received++;
    const { clock } = this.#live;
    const second = toExpiry(Math.max(at, 0), clock);
    // repcached tells a flush_all 0 as one at the second of its own start: whatever lies in the past means now.
    this.#live.applyMutation({ kind: MutationKind.flush, flushAt: second > clock.seconds ? second : 0 });
  }

  onCopyEnd(): void {
    if (this.#role !== "copying") return;
    this.events.emit("start", { items: this.#counts.received });
    this.#happened("copied", `${this.#counts.received} items have come`);
  }

  /** After a copy that was sent again, the peer may have lost what it sent before it began: it hears it back. */
  #repeat(key: Buffer): void {
    if (this.#feed?.repeats !== true) return;
    const item = this.#live.store.find(key, 0, key.length);
    if (item === 0) this.#feed.remove(key, 0, key.length);
    else this.#feed.put(item, key, 0, key.length);
    this.#feed.send();
  }

  // ---- what this server's clients do ----

  #onMutation({ kind, key, keyStart, keyEnd, item, flushAt }: Mutation): void {
    this.#isFresh = false;
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
    if (this.#role !== "slave" && this.#role !== "master") return undefined;
    return this.#hold(feed, unanswered);
  }

  /** Waits until the kernel has the effects, so that the death of this process does not take them along. */
  async #hold(feed: Feed, mutations: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, this.options.holdMs, true);
    });
    const isLate = await Promise.race([late, feed.drained().then(() => false)]);
    clearTimeout(timer);
    if (isLate) this.#counts.unprotected += mutations;
  }

  // ---- seen from outside ----

  #addStats(section: string, rows: StatRows): boolean {
    const role = roleWords[this.#role];
    if (section === "") {
      rows.add("replication", role.toUpperCase());
      rows.add("repcached_version", REPCACHED_VERSION);
      return false;
    }
    if (section !== "replication") return false;
    rows.add("mode", "repcached");
    rows.add("role", role);
    rows.add("state", this.#role);
    rows.add("peer", this.options.peer === undefined ? "none" : formatEndpoint(this.options.peer));
    rows.add("link", this.#socket === undefined ? "down" : "up");
    rows.add("link_waiting_bytes", this.#socket?.writableLength ?? 0);
    rows.add("mutations_sent", this.#feed?.mutations ?? 0);
    rows.add("copied_items", this.#feed?.copiedItems ?? 0);
    rows.add("recopies", this.#feed?.recopies ?? 0);
    rows.add("records_received", this.#counts.received);
    rows.add("values_skipped", this.#counts.skipped);
    rows.add("unprotected_acks", this.#counts.unprotected);
    rows.add("takeovers", this.#counts.takeovers);
    rows.add("accepted_peers", this.#counts.accepted);
    rows.add("rejected_peers", this.#counts.rejected);
    return true;
  }
}

/** A socket that was given its own port by chance connects to itself; so does one whose peer is this very listener. */
function isOneself(socket: Socket): boolean {
  return socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress;
}

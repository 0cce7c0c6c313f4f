// A node of a group: its role, its log, whom it follows and who follows it. Everything outside comes in through
// `environment.ts`, so that the same node runs over sockets and in the simulator. What is decided when is the role
// table's; what the actions do is in the files beside this one, each with one thought, each holding this node.

import { randomBytes as systemRandomBytes } from "node:crypto";
import { CacheError, formatEndpoint, type TypedEvents } from "@marugoto/core";
import type { Coordinator } from "../coordinator/coordinator.ts";
import type { Content, Network, RecordSink, Timers } from "../environment.ts";
import type { ReplicationEvents, Role } from "../events.ts";
import { EffectLog } from "../log/effect-log.ts";
import type { ReplicationOptions } from "../options.ts";
import { CopyIn } from "./copy-in.ts";
import { Counters } from "./counters.ts";
import { Dialling } from "./dialling.ts";
import type { Downstream } from "./downstream.ts";
import { Executor } from "./executor.ts";
import { Followers } from "./followers.ts";
import { Following } from "./following.ts";
import { Forwarding } from "./forwarding.ts";
import { Forwards } from "./forwards.ts";
import { GroupTime } from "./group-time.ts";
import { Handover } from "./handover.ts";
import { Heartbeats } from "./heartbeats.ts";
import type { HistoryEntry } from "./history.ts";
import { Links } from "./links.ts";
import { Listener } from "./listener.ts";
import { Loss } from "./loss.ts";
import { Merging } from "./merging.ts";
import type { Peer } from "./peer.ts";
import { Precedence } from "./precedence.ts";
import { Promotion } from "./promotion.ts";
import { nearBytes, Protection } from "./protection.ts";
import { transitionOf, type RoleAction, type RoleEvent } from "./role-table.ts";
import { States } from "./states.ts";
import { Survey } from "./survey.ts";

/** A rank that nobody was given. */
const NO_RANK = 255;

export interface NodeParts {
  readonly options: ReplicationOptions;
  readonly content: Content;
  readonly network: Network;
  readonly timers: Timers;
  readonly events: TypedEvents<ReplicationEvents>;
  /** Bytes of effects to keep. */
  readonly backlogBytes: number;
  /** Longest request that a client may send, value included. */
  readonly maxRequestBytes: number;
  /** The content is the group's already, and comes from elsewhere: this node is master from the start. */
  readonly hasContent?: boolean;
  /** Random bytes; the system's unless runs have to repeat. */
  readonly randomBytes?: (count: number) => Buffer;
}

export class ReplicationNode {
  readonly options: ReplicationOptions;
  readonly timers: Timers;
  readonly network: Network;
  readonly coordinator: Coordinator | undefined;
  readonly events: TypedEvents<ReplicationEvents>;
  readonly randomBytes: (count: number) => Buffer;
  /** Of this process, not of this host: a node that comes back is another. */
  readonly nodeIdBytes: Buffer;
  readonly nodeId: string;
  readonly content: Content;
  readonly hasContent: boolean;
  /** Longest record or message that a peer may send. */
  readonly maxFrameBytes: number;

  // ---- what it is ----

  role: Role = "starting";
  readonly log: EffectLog;
  history: readonly HistoryEntry[] = [];
  /** Rank in the group; 0 for the first master. */
  rank = NO_RANK;
  /** All that belongs to our place in the log is here. */
  complete = true;
  readonly peers = new Set<Peer>();
  /** Whom we follow. */
  upstream: Peer | undefined;
  /** Who follows us. */
  readonly downstreams = new Set<Downstream>();
  readonly counters = new Counters();

  // ---- what it does, one thought each ----

  readonly time = new GroupTime(this);
  readonly listener = new Listener(this);
  readonly links = new Links(this);
  readonly dialling: Dialling;
  readonly heartbeats = new Heartbeats(this);
  readonly states = new States(this);
  readonly precedence = new Precedence(this);
  readonly survey = new Survey(this);
  readonly loss = new Loss(this);
  readonly promotion = new Promotion(this);
  readonly handing = new Handover(this);
  readonly following = new Following(this);
  readonly copyIn = new CopyIn(this);
  readonly followers = new Followers(this);
  readonly merging = new Merging(this);
  readonly forwarding = new Forwarding(this);
  readonly forwards: Forwards;
  readonly executor = new Executor();
  readonly protection: Protection<Downstream>;
  /** Effects logged since answers were last asked about. */
  #unanswered = 0;
  #cancelWait: (() => void) | undefined;
  #ready: (() => void) | undefined;
  #failReady: ((error: Error) => void) | undefined;

  constructor(parts: NodeParts) {
    const { options, timers } = parts;
    this.options = options;
    this.timers = timers;
    this.events = parts.events;
    this.network = parts.network;
    this.randomBytes = parts.randomBytes ?? systemRandomBytes;
    this.coordinator = options.coordinator;
    this.hasContent = parts.hasContent === true;
    this.content = parts.content;
    this.log = new EffectLog(parts.backlogBytes);
    this.nodeIdBytes = this.randomBytes(16);
    this.nodeId = this.nodeIdBytes.toString("hex");
    this.maxFrameBytes = parts.maxRequestBytes * 2 + 64 * 1024;
    this.forwards = new Forwards(this.nodeIdBytes, timers, options.peerTimeoutMs + 2 * options.heartbeatMs);
    this.protection = new Protection({
      timers,
      holdMs: options.holdMs,
      syncReplicas: options.syncReplicas,
      degradeMs: options.syncDegrade === "answer" ? options.peerTimeoutMs : Infinity,
      nearBytes: nearBytes(parts.backlogBytes),
      receivers: this.downstreams,
      onBehind: ({ peer }) => {
        this.events.emit("behind", { peer: peer.link.remote });
      },
    });
    this.dialling = new Dialling({
      network: parts.network,
      timers,
      endpoints: options.peers,
      attemptMs: Math.min(options.peerTimeoutMs, 500),
      isLinked: (nodeId) => this.links.find(nodeId) !== undefined,
      onDial: ({ endpoint }) => {
        this.events.emit("dialing", { peer: formatEndpoint(endpoint) });
      },
      greet: (link) => this.links.greet(link, true),
      onOutcome: (target) => {
        this.loss.onOutcome(target);
      },
    });
  }

  // ---- life ----

  /** Listens, dials, and resolves when clients may be served. */
  async start(): Promise<void> {
    const ready = new Promise<void>((resolve, reject) => {
      this.#ready = resolve;
      this.#failReady = reject;
    });
    ready.catch(() => undefined);
    await this.listener.bind();
    if (this.isClosed()) throw closedEarly();
    this.coordinator?.start(this.nodeId, (last) => this.promotion.draw(last));
    this.coordinator?.events.on("acquired", ({ epoch }) => {
      this.promotion.onLease(epoch);
    });
    this.coordinator?.events.on("lost", ({ reason }) => {
      this.fire("leaseLost", reason);
    });
    this.heartbeats.start();
    this.loss.sinceMs = this.nowMs();
    this.dialling.start();
    if (this.hasContent) {
      // What is here already is not in the log: whoever comes without it needs a copy.
      this.log.reset(1);
      this.fire("alone", "its content is here already");
    } else {
      this.survey.untilLate();
    }
    await ready;
  }

  close(): void {
    if (this.role === "closed") return;
    this.#setRole("closed", "closed");
    this.stopWaiting();
    this.heartbeats.stop();
    this.dialling.close();
    this.listener.close();
    this.handing.end(false);
    this.forwards.close();
    this.protection.giveUp();
    for (const peer of [...this.peers]) peer.close("it closes");
    this.#failReady?.(closedEarly());
  }

  isClosed(): boolean {
    return this.role === "closed";
  }

  nowMs(): number {
    return this.timers.nowMs();
  }

  /** The epoch of our log, or of the cas numbers drawn here if that is higher. */
  get epoch(): number {
    return Math.max(this.history.at(-1)?.epoch ?? 0, this.content.epoch());
  }

  // ---- the role machine ----

  /** Something has happened: the role table says what becomes of it. */
  fire(event: RoleEvent, reason: string, peer?: Peer): void {
    const transition = transitionOf(this.role, event);
    if (transition === undefined) return;
    if (transition.to !== this.role) this.#setRole(transition.to, reason);
    for (const action of transition.does) this.#do(action, reason, peer);
  }

  #setRole(to: Role, reason: string): void {
    const from = this.role;
    if (to === "master" && from === "candidate") this.promotion.takeEpoch();
    this.role = to;
    const isOrphan = (role: Role) => role === "probing" || role === "candidate";
    if (isOrphan(to) && !isOrphan(from)) this.loss.orphanedMs = this.nowMs();
    const tookMs = to === "master" && this.loss.id !== "" ? this.nowMs() - this.loss.sinceMs : 0;
    if (to === "master" && from === "candidate") {
      this.counters.promotions++;
      this.counters.lastTakeoverMs = tookMs;
      this.counters.lastTakeoverReason = this.loss.reason === "" ? reason : this.loss.reason;
    }
    this.events.emit("role", { from, to, epoch: this.epoch, reason, tookMs });
  }

  #do(action: RoleAction, reason: string, peer: Peer | undefined): void {
    switch (action) {
      case "follow":
        this.following.follow(peer!);
        return;
      case "survey":
        this.states.tell();
        this.survey.untilLate();
        return;
      case "probe":
        this.loss.probe();
        return;
      case "askLeave":
        this.promotion.askLeave(reason);
        return;
      case "promote":
        this.promotion.promote();
        return;
      case "appoint":
        this.handing.appoint();
        return;
      case "goOn":
        this.promotion.replay();
        this.states.tell();
        return;
      case "openClients":
        this.#ready?.();
        this.#ready = undefined;
        return;
    }
  }

  /** Calls `then` after a while, instead of what was to come before; `stopWaiting` ends that. */
  wait(afterMs: number, then: () => void): void {
    this.stopWaiting();
    this.#cancelWait = this.timers.after(afterMs, () => {
      this.#cancelWait = undefined;
      then();
    });
  }

  stopWaiting(): void {
    this.#cancelWait?.();
    this.#cancelWait = undefined;
  }

  // ---- for the server's hooks ----

  /** Where an effect of our own commands goes; undefined = nowhere, we don't order writes. */
  sink(): RecordSink | undefined {
    if (this.executor.effects !== undefined) return this.executor.effects;
    if (this.role !== "master") return undefined;
    this.#unanswered++;
    return this.log;
  }

  /** The time to write into an effect. */
  effectTimeMs(): number {
    return this.time.effectMs();
  }

  /** A request of our own client that the master has to execute. */
  forward(request: Buffer): Promise<Buffer> {
    return this.forwarding.forward(request);
  }

  /** Gives the role to a replica that is in step. @returns whether we are not master any more */
  handover(withinMs: number): Promise<boolean> {
    return this.handing.begin(withinMs);
  }

  /** Where we listen; 0 = nowhere. */
  get listenPort(): number {
    return this.listener.port;
  }

  /** Offers the log to all that follow. */
  flush(): void {
    this.time.isFresh = false;
    for (const downstream of this.downstreams) downstream.pump();
  }

  /** Answers are about to leave: see the server's hook of this name. */
  beforeAnswers(): undefined | Promise<void> {
    const effects = this.#unanswered;
    if (effects === 0 || this.executor.effects !== undefined) return undefined;
    this.#unanswered = 0;
    this.flush();
    return this.protection.admit(this.log.end, effects);
  }

  /** Whether the master may order writes now: with a coordinator while it holds the lease, with enough replicas. */
  mayWrite(): boolean {
    if (this.coordinator !== undefined && !this.coordinator.holds(this.nowMs())) return false;
    return this.options.syncDegrade !== "refuse" || this.protection.hasEnough;
  }

  /** The answer when `mayWrite` says no. */
  get refusal(): string {
    return this.coordinator !== undefined && !this.coordinator.holds(this.nowMs())
      ? "SERVER_ERROR replication: read-only, the lease is not held"
      : "SERVER_ERROR replication: not enough replicas";
  }

  /** True when what `mayWrite` says can change: the hot path asks it only then. */
  get isConditional(): boolean {
    return this.coordinator !== undefined || this.options.syncDegrade === "refuse";
  }
}

function closedEarly(): CacheError {
  return new CacheError("closed", "replication was closed before it was ready");
}

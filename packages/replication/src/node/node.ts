// A node of a group: its role, its log, whom it follows and who follows it. Everything outside comes in through
// `environment.ts`, so that the same node runs over sockets and in the simulator. What is decided when is the role
// table's; here is what the actions do.

import { randomBytes as systemRandomBytes } from "node:crypto";
import { CacheError, formatEndpoint, isCacheError, type TypedEvents } from "@marugoto/core";
import type { Coordinator } from "../coordinator/coordinator.ts";
import type { Content, Link, Network, RecordSink, Timers } from "../environment.ts";
import type { ReplicationEvents, Role } from "../events.ts";
import { EffectLog, Scratch } from "../log/effect-log.ts";
import { checkRecord, forEachEffect, keyOffset, readEnvelope, RecordKind, writeRemove } from "../log/records.ts";
import type { ReplicationOptions } from "../options.ts";
import * as M from "../wire/messages.ts";
import { Dialling, type Target } from "./dialling.ts";
import { Downstream, type DownstreamHost } from "./downstream.ts";
import { Executor } from "./executor.ts";
import { Forwards } from "./forwards.ts";
import {
  commonOffset,
  compareStanding,
  nextEpoch,
  RANKS,
  unsureEpoch,
  withEntry,
  type HistoryEntry,
} from "./history.ts";
import { KeySet } from "./key-set.ts";
import { changesSince, forEachChange, merge } from "./merge.ts";
import { Peer, type PeerHost } from "./peer.ts";
import { Protection } from "./protection.ts";
import { transitionOf, type RoleAction, type RoleEvent } from "./role-table.ts";

/** A rank that nobody was given. */
const NO_RANK = 255;

/** Items looked at in one go when a copy has ended. */
const SWEEP_ITEMS = 2048;

/** A heartbeat this many times later than it should be means that we stood still, and heard nothing for that reason. */
const STALL_BEATS = 3;

/** Nodes of a chain that pass a request on; what goes round in a circle ends. */
const MAX_HOPS = 16;

/** Peer timeouts that the lease has to be free before a node takes it that has less than another. */
const PATIENCE = 3;

/** Heartbeats that a master has to link up with us before we follow it through one of its replicas. */
const BEYOND_BEATS = 3;

/** The changes of a merge have room for so many backlogs: they come from one. */
const MERGE_BACKLOGS = 4;

/** Connections that have not proved themselves yet; more are closed. */
const MAX_STRANGERS = 64;

/** Why a link was closed: nothing was heard for `peerTimeoutMs`. */
const SILENT = "silent";

const M_KIND = M.MessageKind;

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

/** What is counted. */
export interface NodeCounters {
  fullCopiesIn: number;
  fullCopiesOut: number;
  partialIn: number;
  partialOut: number;
  promotions: number;
  refusedPeers: number;
  mergesTaken: number;
  mergesDiscarded: number;
  /** How long the last full copy towards us took. */
  lastCopyMs: number;
  lastTakeoverMs: number;
  lastTakeoverReason: string;
}

export class ReplicationNode implements PeerHost, DownstreamHost {
  readonly events: TypedEvents<ReplicationEvents>;
  readonly nodeId: string;
  readonly nodeIdBytes: Buffer;
  readonly secret: Uint8Array;
  readonly maxFrameBytes: number;
  readonly log: EffectLog;
  readonly content: Content;
  readonly protection: Protection;
  readonly forwards: Forwards;
  readonly executor = new Executor();
  readonly dialling: Dialling;
  readonly peers = new Set<Peer>();
  readonly downstreams = new Set<Downstream>();
  readonly counters: NodeCounters = {
    fullCopiesIn: 0,
    fullCopiesOut: 0,
    partialIn: 0,
    partialOut: 0,
    promotions: 0,
    refusedPeers: 0,
    mergesTaken: 0,
    mergesDiscarded: 0,
    lastCopyMs: 0,
    lastTakeoverMs: 0,
    lastTakeoverReason: "",
  };
  role: Role = "starting";
  history: readonly HistoryEntry[] = [];
  /** Rank in the group; 0 for the first master. */
  rank = NO_RANK;
  /** All that belongs to our place in the log is here. */
  complete = true;
  /** Whom we follow. */
  upstream: Peer | undefined;
  readonly #options: ReplicationOptions;
  readonly #timers: Timers;
  readonly #network: Network;
  readonly #randomBytes: (count: number) => Buffer;
  readonly #coordinator: Coordinator | undefined;
  readonly #hasContent: boolean;
  readonly #ranks = new Map<string, number>();
  #skewMs = 0;
  /** Highest epoch heard of. */
  #epochSeen = 0;
  #timeMs = 0;
  #timeIsFresh = false;
  /** Effects logged since answers were last asked about. */
  #unanswered = 0;
  /** Set while we refill a content that we had: keys that the copy brought. */
  #kept: KeySet | undefined;
  #copySince = 0;
  #copyBytes = 0;
  #copyItems = 0;
  /** Whom we lost, and when. */
  #lostId = "";
  #lostMs = 0;
  #lostReason = "";
  #lostTargets: readonly Target[] = [];
  #probeMs = 0;
  /** Who executed our forwarded requests last. */
  #masterId = "";
  /** Our upstream has answered `follow`. */
  #attached = false;
  #cancelWait: (() => void) | undefined;
  #cancelBeat: (() => void) | undefined;
  #lastBeatMs = 0;
  #listening: { readonly port: number; close(): void } | undefined;
  #bindAgain = false;
  /** We began alone, and somebody whom we could not reach may have done the same. */
  #isUnsure = false;
  #forwardsDue = false;
  #unsent = 0;
  #ready: (() => void) | undefined;
  #failReady: ((error: Error) => void) | undefined;
  #handover: { readonly done: (handed: boolean) => void; readonly cancel: () => void } | undefined;
  #appointed: Peer | undefined;
  /** Merges that we passed on to our upstream, in order, and who waits for them. */
  readonly #relays: { readonly downstream: Downstream; readonly offset: number }[] = [];

  constructor(parts: NodeParts) {
    const { options, timers } = parts;
    this.#options = options;
    this.#timers = timers;
    this.events = parts.events;
    this.#network = parts.network;
    this.#randomBytes = parts.randomBytes ?? systemRandomBytes;
    this.#coordinator = options.coordinator;
    this.#hasContent = parts.hasContent === true;
    this.content = parts.content;
    this.log = new EffectLog(parts.backlogBytes);
    this.nodeIdBytes = this.#randomBytes(16);
    this.nodeId = this.nodeIdBytes.toString("hex");
    this.secret = options.secret ?? Buffer.alloc(0);
    this.maxFrameBytes = parts.maxRequestBytes * 2 + 64 * 1024;
    this.forwards = new Forwards(this.nodeIdBytes, timers, options.peerTimeoutMs + 2 * options.heartbeatMs);
    this.protection = new Protection({
      timers,
      holdMs: options.holdMs,
      syncReplicas: options.syncReplicas,
      degradeMs: options.syncDegrade === "answer" ? options.peerTimeoutMs : Infinity,
      downstreams: this.downstreams,
      onBehind: ({ peer }) => {
        this.events.emit("behind", { peer: peer.link.remote });
      },
    });
    this.dialling = new Dialling({
      network: parts.network,
      timers,
      endpoints: options.peers,
      attemptMs: Math.min(options.peerTimeoutMs, 500),
      isLinked: (nodeId) => this.#linked(nodeId) !== undefined,
      onDial: ({ endpoint }) => {
        this.events.emit("dialing", { peer: formatEndpoint(endpoint) });
      },
      greet: (link) => this.#greet(link, true),
      onOutcome: (target) => {
        this.#onOutcome(target);
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
    await this.#bind();
    if (this.#isClosed()) throw closedEarly();
    this.#coordinator?.start(this.nodeId);
    this.#coordinator?.events.on("acquired", () => {
      this.#fire("granted", "the coordinator gave the lease");
    });
    this.#coordinator?.events.on("lost", ({ reason }) => {
      this.#fire("leaseLost", reason);
    });
    this.#lastBeatMs = this.nowMs();
    this.#beatLater();
    this.#lostMs = this.nowMs();
    this.dialling.start();
    if (this.#hasContent) {
      // What is here already is not in the log: whoever comes without it needs a copy.
      this.log.reset(1);
      this.#fire("alone", "its content is here already");
    } else {
      this.#surveyUntilLate();
    }
    await ready;
  }

  close(): void {
    if (this.role === "closed") return;
    this.#setRole("closed", "closed");
    this.#cancelWait?.();
    this.#cancelBeat?.();
    this.dialling.close();
    this.#listening?.close();
    this.#handover?.cancel();
    this.forwards.close();
    this.protection.giveUp();
    for (const peer of [...this.peers]) peer.close("it closes");
    this.#failReady?.(closedEarly());
  }

  #isClosed(): boolean {
    return this.role === "closed";
  }

  /** Where we listen; 0 = nowhere. */
  get listenPort(): number {
    return this.#listening?.port ?? 0;
  }

  async #bind(): Promise<void> {
    const { listen } = this.#options;
    if (listen === undefined || this.#listening !== undefined) return;
    this.#bindAgain = false;
    try {
      const listening = await this.#network.listen(
        listen,
        (link) => {
          let strangers = 0;
          for (const { established } of this.peers) if (!established) strangers++;
          if (strangers < MAX_STRANGERS) this.#greet(link, false).open();
          else link.close();
        },
        (host) => this.#admits(host),
      );
      if (this.#isClosed()) {
        listening.close();
        return;
      }
      this.#listening = listening;
      this.events.emit("listening", { host: listen.host, port: listening.port });
      this.#tellState();
    } catch (error) {
      this.#bindAgain = true;
      this.events.emit("listenRefused", { host: listen.host, port: listen.port, error });
      // Whoever has our port is a peer most likely: the other node of this host, or this one, started twice.
      if (isCacheError(error) && error.code === "address_in_use")
        this.dialling.add({ ...listen, host: reachable(listen.host) });
    }
  }

  /** Without a secret only the named peers and this host may say anything. */
  #admits(host: string): boolean {
    if (this.#options.secret !== undefined) return true;
    const plain = host.replace(/^::ffff:/, "");
    const admitted =
      plain === "::1" || plain.startsWith("127.") || this.#options.peers.some((peer) => peer.host === plain);
    if (!admitted) {
      this.counters.refusedPeers++;
      this.events.emit("refused", { peer: plain, reason: "no peer of this node" });
    }
    return admitted;
  }

  // ---- time ----

  nowMs(): number {
    return this.#timers.nowMs();
  }

  defer(task: () => void): void {
    this.#timers.defer(task);
  }

  randomBytes(count: number): Buffer {
    return this.#randomBytes(count);
  }

  /** The group's time in whole milliseconds. */
  groupMs(): number {
    return Math.max(0, Math.floor(this.#timers.unixMs() + this.#skewMs));
  }

  /** The group's time, read once per batch of effects. */
  #effectTime(): number {
    if (!this.#timeIsFresh) {
      this.#timeMs = this.groupMs();
      this.#timeIsFresh = true;
    }
    return this.#timeMs;
  }

  // ---- roles ----

  /** The epoch of our log, or of the cas numbers drawn here if that is higher. */
  get epoch(): number {
    return Math.max(this.history.at(-1)?.epoch ?? 0, this.content.epoch());
  }

  #fire(event: RoleEvent, reason: string, peer?: Peer): void {
    const transition = transitionOf(this.role, event);
    if (transition === undefined) return;
    if (transition.to !== this.role) this.#setRole(transition.to, reason);
    for (const action of transition.does) this.#do(action, reason, peer);
  }

  #setRole(to: Role, reason: string): void {
    const from = this.role;
    if (to === "master" && from === "candidate") this.#takeEpoch();
    this.role = to;
    const tookMs = to === "master" && this.#lostId !== "" ? this.nowMs() - this.#lostMs : 0;
    if (to === "master" && from === "candidate") {
      this.counters.promotions++;
      this.counters.lastTakeoverMs = tookMs;
      this.counters.lastTakeoverReason = this.#lostReason === "" ? reason : this.#lostReason;
    }
    this.events.emit("role", { from, to, epoch: this.epoch, reason, tookMs });
  }

  #do(action: RoleAction, reason: string, peer: Peer | undefined): void {
    switch (action) {
      case "follow":
        this.#follow(peer!);
        return;
      case "survey":
        this.#tellState();
        this.#surveyUntilLate();
        return;
      case "probe":
        this.#probe();
        return;
      case "askLeave":
        this.#askLeave(reason);
        return;
      case "promote":
        this.#promote();
        return;
      case "appoint":
        this.#appoint();
        return;
      case "goOn":
        this.#replay();
        this.#tellState();
        return;
      case "openClients":
        this.#ready?.();
        this.#ready = undefined;
        return;
    }
  }

  /** Says to all what we are now. */
  #tellState(): void {
    for (const peer of this.peers) {
      if (!peer.established) continue;
      const message = this.#stateMessage();
      if (peer.downstream === undefined) peer.send(message);
      else peer.downstream.post(message);
    }
  }

  get #hasMaster(): boolean {
    if (this.role === "master") return true;
    return this.role === "slave" && this.#attached && this.upstream?.state?.hasMaster === true;
  }

  #stateMessage(): Buffer {
    return M.writeState({
      role: this.role,
      rank: this.rank,
      complete: this.complete,
      hasMaster: this.#hasMaster,
      epoch: this.epoch,
      logStart: this.log.start,
      logEnd: this.log.end,
      groupMs: this.groupMs(),
      listenPort: this.listenPort,
      following: this.upstream?.nodeId ?? this.#lostId,
      history: this.history,
    });
  }

  /** Something about a linked node is new: does it change what we are? */
  #consider(peer: Peer): void {
    const { state } = peer;
    if (state === undefined || !peer.established) return;
    const isMaster = state.role === "master";
    switch (this.role) {
      case "starting":
        this.#survey();
        return;
      case "copying":
      case "slave":
        if (isMaster && peer !== this.upstream && this.#isAbove(peer, state)) {
          this.#fire("masterFound", `${peer.link.remote} is master`, peer);
        }
        return;
      case "probing":
        if (peer.nodeId === this.#lostId && (isMaster || state.role === "slave")) {
          this.#fire("masterBack", `${peer.link.remote} is back`, peer);
        } else if (isMaster && (this.#coordinator !== undefined || compareStanding(state.epoch, this.epoch) >= 0)) {
          this.#fire("masterFound", `${peer.link.remote} is master`, peer);
        } else if (this.#isAhead(peer, state)) {
          this.#fire("masterFound", `${peer.link.remote} follows a master`, peer);
        } else {
          this.#judge();
        }
        return;
      case "candidate": {
        const event = this.history.length === 0 ? "firstMasterFound" : "masterFound";
        if (isMaster && (this.#coordinator !== undefined || compareStanding(state.epoch, this.epoch) >= 0)) {
          this.#fire(event, `${peer.link.remote} is master`, peer);
        } else if (this.#isAhead(peer, state)) {
          this.#fire(event, `${peer.link.remote} follows a master`, peer);
        } else {
          this.#coordinator?.acquire(this.#patienceMs());
        }
        return;
      }
      case "master":
        if (isMaster && this.#outranks(peer)) {
          this.#fire("outranked", `${peer.link.remote} is master in epoch ${state.epoch}`, peer);
        } else if (this.#isBeyond(peer, state)) {
          this.#fire("outranked", `${peer.link.remote} follows a master in epoch ${state.epoch}`, peer);
        }
        return;
      case "yielding":
        if (isMaster) this.#fire("handedOver", `${peer.link.remote} took over`, peer);
        return;
      case "closed":
        return;
    }
  }

  /** A master that a replica should follow in place of whom it follows. */
  #isAbove({ nodeId, establishedMs }: Peer, { epoch }: M.NodeState): boolean {
    const { upstream } = this;
    if (upstream === undefined) return true;
    const standing = Math.min(
      compareStanding(epoch, this.epoch),
      compareStanding(epoch, upstream.state?.epoch ?? this.epoch),
    );
    // Better the master than one who follows it.
    if (upstream.state?.role === "slave" && standing >= 0) return true;
    // Epochs order the masters only where nobody else does.
    if (this.#coordinator !== undefined) return upstream.state?.role !== "master";
    if (standing !== 0) return standing > 0;
    // Two who don't see each other, but both see us: after a while we decide, as they would.
    const owner = this.history.at(-1)?.nodeId;
    return owner !== undefined && nodeId > owner && this.#isLongSince(establishedMs);
  }

  /** A replica of a master above us, who is out of our sight: through it we follow that master. */
  #isBeyond({ establishedMs }: Peer, { role, complete, following, epoch, history }: M.NodeState): boolean {
    if (this.#coordinator !== undefined || role !== "slave" || !complete || following === this.nodeId) return false;
    const owner = history.at(-1)?.nodeId;
    // That master itself has a few moments to link up.
    if (owner === undefined || owner === this.nodeId || !this.#isLongSince(establishedMs)) return false;
    if (this.#linked(owner)?.state?.role === "master") return false;
    const standing = compareStanding(epoch, this.epoch);
    return standing !== 0 ? standing > 0 : owner > this.nodeId;
  }

  /** A replica that has a master, who is out of our sight: a newer one than ours was, or ours after all. */
  #isAhead({ establishedMs }: Peer, { role, complete, hasMaster, following, epoch }: M.NodeState): boolean {
    if (role !== "slave" || !complete || !hasMaster || following === this.nodeId) return false;
    const standing = compareStanding(epoch, this.epoch);
    if (standing < 0 || !this.#isLongSince(establishedMs)) return false;
    // Where epochs are the same, it may not have noticed yet what we have.
    return standing > 0 || this.history.length === 0 || this.nowMs() - this.#lostMs > 2 * this.#options.peerTimeoutMs;
  }

  #isLongSince(momentMs: number): boolean {
    return this.nowMs() - momentMs >= BEYOND_BEATS * this.#options.heartbeatMs;
  }

  /** Of two masters: the higher epoch, then the longer log, then the greater id. Both sides come to the same. */
  #outranks(peer: Peer): boolean {
    const { epoch } = peer.state!;
    if (this.#coordinator !== undefined) return !this.#coordinator.holds(this.nowMs());
    const standing = compareStanding(epoch, this.epoch);
    if (standing !== 0) return standing > 0;
    // Compared as both were when they were linked, so that both compare the same.
    if (peer.firstLogEnd !== peer.ourFirstLogEnd) return peer.firstLogEnd > peer.ourFirstLogEnd;
    return peer.nodeId > this.nodeId;
  }

  // ---- starting ----

  #surveyUntilLate(): void {
    this.#wait(this.#options.peerTimeoutMs, () => {
      this.#survey();
    });
    this.#survey();
  }

  /** At the start: is there somebody to follow, or is it certain, or long enough likely, that there is nobody? */
  #survey(): void {
    if (this.role !== "starting") return;
    const linked = [...this.peers].filter((peer) => peer.established && peer.state !== undefined);
    const master = linked.find((peer) => peer.state!.role === "master");
    if (master !== undefined) {
      this.#fire("masterFound", `${master.link.remote} is master`, master);
      return;
    }
    const isLate = this.nowMs() - this.#lostMs >= this.#options.peerTimeoutMs;
    if (!isLate && this.dialling.targets.some((target) => !this.#isAccountedFor(target))) return;
    const slave = linked.find((peer) => peer.state!.role === "slave" && peer.state!.complete);
    if (slave !== undefined) {
      this.#fire("masterFound", `${slave.link.remote} follows a master`, slave);
      return;
    }
    // Somebody who is about to become something, or has more right to: the next state will tell.
    const waits = linked.some(
      ({ state, nodeId }) => state!.role !== "starting" || (nodeId > this.nodeId && !this.#knowsMore(state!)),
    );
    if (waits) return;
    this.#isUnsure = !this.complete || this.dialling.targets.some((target) => !this.#isAccountedFor(target));
    this.#fire("alone", linked.length > 0 ? "elected among nodes that start" : "nobody is there");
  }

  /** Nobody is at this address, or it is ourselves, or who is there is linked and has said what it is. */
  #isAccountedFor({ outcome, nodeId }: Target): boolean {
    if (outcome === "refused" || outcome === "self") return true;
    return outcome === "found" && this.#linked(nodeId)?.state !== undefined;
  }

  /** Of nodes that start, one that had begun to take a copy has more than one that has nothing. */
  #knowsMore(state: M.NodeState): boolean {
    return this.log.end > state.logEnd;
  }

  // ---- losing the master ----

  #probe(): void {
    this.#probeMs = this.nowMs();
    this.#tellState();
    this.#wait(this.#options.peerTimeoutMs, () => {
      this.#judge();
    });
    this.#judge();
  }

  /** While probing: is the master dead, and are we the one who takes over? */
  #judge(): void {
    if (this.role !== "probing") return;
    const probedMs = this.nowMs() - this.#probeMs;
    const { peerTimeoutMs } = this.#options;
    if (this.#lostReason !== SILENT && probedMs < peerTimeoutMs && !this.#isGone()) return;
    // Others who have lost the same master: the one with the most takes over, the others wait for it, but not for ever.
    if (probedMs < peerTimeoutMs && this.#hasBetter()) return;
    this.#fire("masterDead", this.#lostReason);
  }

  /** Another replica of the lost master has more than we, or has not said yet that it lost it too. */
  #hasBetter(): boolean {
    for (const peer of this.peers) {
      const { state } = peer;
      if (!peer.established || state?.following !== this.#lostId) continue;
      const isOrphan = state.role === "probing" || state.role === "candidate";
      if (state.role === "slave" || (isOrphan && this.#yieldsTo(peer))) return true;
    }
    return false;
  }

  #yieldsTo({ state, nodeId }: Peer): boolean {
    const ours = this.#compareContent(state!);
    return ours !== 0 ? ours < 0 : nodeId > this.nodeId;
  }

  /** Who has more of the group's content. @returns above 0: we; below 0: the other */
  #compareContent(state: M.NodeState): number {
    if (state.complete !== this.complete) return this.complete ? 1 : -1;
    if ((state.history.length === 0) !== (this.history.length === 0)) return this.history.length === 0 ? -1 : 1;
    const standing = compareStanding(this.epoch, state.epoch);
    return standing !== 0 ? standing : this.log.end - state.logEnd;
  }

  /** Every address of the lost master says that nobody is there, or somebody else. */
  #isGone(): boolean {
    if (this.#lostTargets.length === 0) return false;
    return this.#lostTargets.every(
      ({ outcome, nodeId }) => outcome === "refused" || (outcome === "found" && nodeId !== this.#lostId),
    );
  }

  #onOutcome(target: Target): void {
    if (target.outcome === "self") return;
    if (this.role === "starting") this.#survey();
    else if (this.role === "probing") this.#judge();
  }

  #wait(afterMs: number, then: () => void): void {
    this.#cancelWait?.();
    this.#cancelWait = this.#timers.after(afterMs, () => {
      this.#cancelWait = undefined;
      then();
    });
  }

  // ---- becoming master ----

  #askLeave(reason: string): void {
    this.#cancelWait?.();
    this.protection.giveUp();
    if (this.#coordinator === undefined) {
      this.#fire("granted", reason);
      return;
    }
    this.#tellState();
    this.#coordinator.acquire(this.#patienceMs());
    if (this.#coordinator.holds(this.nowMs())) this.#fire("granted", reason);
    for (const peer of [...this.peers]) this.#consider(peer);
  }

  /** How long the lease has to be free before we take it: those who have more of the group's content come first. */
  #patienceMs(): number {
    let waits = this.history.length === 0 && this.#isUnsure;
    for (const peer of this.peers) {
      const role = peer.established ? peer.state?.role : undefined;
      if (role === "candidate" || role === "probing") waits ||= this.#compareContent(peer.state!) < 0;
    }
    return waits ? PATIENCE * this.#options.peerTimeoutMs : 0;
  }

  #promote(): void {
    if (this.#kept !== undefined) this.#abandonRefill();
    this.complete = true;
    this.upstream = undefined;
    this.#attached = false;
    this.#endRelays();
    if (this.#bindAgain) {
      this.#bind().catch((error: unknown) => {
        this.onError("listening again", error);
      });
    }
    this.forwards.masterChanged();
    this.#masterId = this.nodeId;
    // Before the first effect of the new epoch, so that who follows knows where it begins.
    this.#tellState();
    this.#replay();
    for (const downstream of this.downstreams) downstream.pump();
    this.#lostId = "";
    this.#lostReason = "";
  }

  /** The first master of a group begins where its store does, so that a lone server's cas numbers are 1, 2, 3. */
  #takeEpoch(): void {
    // What a copy had brought before it broke off is content of ours, but not the group's: whoever meets us needs a copy.
    if (!this.complete && this.history.length > 0) {
      this.history = [];
      this.log.reset(1);
    }
    if (this.history.length > 0) {
      if (this.rank >= RANKS) this.rank = 1 + (this.nodeIdBytes[0]! % (RANKS - 1));
      this.#newEpoch();
      return;
    }
    // Content from elsewhere takes precedence over nodes that began with nothing.
    let epoch = this.#isUnsure ? unsureEpoch(this.nodeIdBytes[0]!) : 0;
    if (this.#hasContent) epoch = nextEpoch(this.content.epoch(), 0);
    this.rank = epoch % RANKS;
    if (epoch > this.content.epoch()) this.content.setEpoch(epoch);
    this.history = [{ epoch: this.content.epoch(), nodeId: this.nodeId, start: this.log.end }];
  }

  #newEpoch(): void {
    const epoch = nextEpoch(Math.max(this.#epochSeen, this.epoch), this.rank);
    this.content.setEpoch(epoch);
    this.#epochSeen = epoch;
    this.history = withEntry(this.history, { epoch, nodeId: this.nodeId, start: this.log.end });
  }

  /** Executes what our own clients have asked for and no master has done. */
  #replay(): void {
    this.forwards.replay((request) => this.content.execute(request));
    this.flush();
  }

  // ---- handing over ----

  /** Gives the role to a replica that is in step. */
  handover(withinMs: number): Promise<boolean> {
    const successor = [...this.downstreams].find(({ inStep }) => inStep);
    if (this.role !== "master") return Promise.resolve(this.role !== "yielding");
    if (successor === undefined) return Promise.resolve(false);
    return new Promise((resolve) => {
      const cancel = this.#timers.after(withinMs, () => {
        this.#endHandover(false);
        this.#fire("handoverFailed", `nobody took over within ${withinMs} ms`);
      });
      this.#handover = { done: resolve, cancel };
      this.#appointed = successor.peer;
      this.#fire("handover", "asked to hand over");
    });
  }

  #appoint(): void {
    const peer = this.#appointed;
    this.#tellState();
    const say = () => {
      peer?.downstream?.post(M.writePlain(M_KIND.handover, this.log.end));
    };
    if (this.#coordinator === undefined) {
      say();
      return;
    }
    this.#coordinator.release().then(say, (error: unknown) => {
      this.onError("releasing the lease", error);
      say();
    });
  }

  #endHandover(handed: boolean): void {
    const handover = this.#handover;
    this.#handover = undefined;
    this.#appointed = undefined;
    handover?.cancel();
    handover?.done(handed);
  }

  // ---- following ----

  #follow(peer: Peer): void {
    this.#cancelWait?.();
    this.upstream = peer;
    if (peer.nodeId !== this.#masterId) this.forwards.masterChanged();
    if (peer.state!.role === "master") this.#masterId = peer.nodeId;
    this.#leaveDownstream(peer);
    this.protection.giveUp();
    this.#setSkew(peer.state!.groupMs - this.#timers.unixMs());
    if (this.#coordinator !== undefined) {
      this.#coordinator.release().catch((error: unknown) => {
        this.onError("releasing the lease", error);
      });
    }
    this.#attached = false;
    this.#endRelays();
    this.#tellState();
    peer.send(M.writePlain(M_KIND.follow, this.log.end));
    if (this.#handover !== undefined) this.#endHandover(true);
  }

  /** It follows us no longer: we follow it. */
  #leaveDownstream(peer: Peer): void {
    if (peer.downstream === undefined) return;
    this.downstreams.delete(peer.downstream);
    peer.downstream = undefined;
    this.protection.review();
  }

  #setSkew(skewMs: number): void {
    this.#skewMs = skewMs;
    this.content.setSkew(skewMs);
    this.#timeIsFresh = false;
  }

  #onResume(peer: Peer, attachment: M.Attachment): void {
    const { offset } = attachment;
    if (offset > this.log.end || offset < this.log.start) throw new RangeError(`resumed at ${offset}`);
    this.history = attachment.history;
    this.rank = attachment.rank;
    if (offset < this.log.end) {
      this.log.truncate(offset);
      this.executor.adopt(attachment.forwarded);
      for (const downstream of this.downstreams) {
        if (downstream.cursor > offset) downstream.startCopy();
        else downstream.truncate(offset);
      }
    }
    this.#lostId = "";
    this.counters.partialIn++;
    const bytes = Math.max(0, (peer.state?.logEnd ?? offset) - offset);
    this.events.emit("resumed", { peer: peer.link.remote, direction: "in", bytes });
    this.#tellState();
    this.#sendForwards();
  }

  #onCopyBegin(peer: Peer, attachment: M.Attachment): void {
    this.#giveUpOurs(peer, attachment);
    // Whoever follows us gets a copy too, once ours is whole.
    this.complete = false;
    this.log.reset(attachment.offset);
    for (const downstream of this.downstreams) downstream.startCopy();
    this.history = attachment.history;
    this.rank = attachment.rank;
    this.#lostId = "";
    this.#kept = this.content.isEmpty ? undefined : new KeySet();
    this.#copySince = this.nowMs();
    this.#copyBytes = 0;
    this.#copyItems = 0;
    this.executor.adopt(attachment.forwarded);
    this.forwards.skippedTo(attachment.forwarded.get(this.nodeId) ?? 0);
    this.events.emit("copyStarted", { peer: peer.link.remote, direction: "in" });
    this.#sendForwards();
  }

  /** The copy replaces what we wrote by ourselves, as far as our log can say what that was. */
  #giveUpOurs(peer: Peer, { history, offset }: M.Attachment): void {
    if (this.history.length === 0 || !this.complete) return;
    const common = commonOffset(history, offset, this.history, this.log.end) ?? 0;
    const from = Math.max(common, this.log.start);
    let discarded = 0;
    forEachChange(this.log, from, this.content, (key, value, timeMs) => {
      discarded++;
      this.events.emit("discarded", { key, value, timeMs });
    });
    if (discarded === 0) return;
    this.counters.mergesDiscarded += discarded;
    this.events.emit("merged", { peer: peer.link.remote, taken: 0, discarded });
  }

  #onCopyEnd(peer: Peer): void {
    const kept = this.#kept;
    if (kept === undefined) {
      this.#copied(peer);
      return;
    }
    let cursor = 0;
    const some = () => {
      // Another copy has begun meanwhile, or we have become master.
      if (this.#kept !== kept) return;
      cursor = this.content.sweepSome(cursor, SWEEP_ITEMS, (key, start, end) => !kept.has(key, start, end));
      if (cursor !== -1) {
        this.#timers.defer(some);
        return;
      }
      this.#kept = undefined;
      this.#copied(peer);
    };
    some();
  }

  #copied(peer: Peer): void {
    this.complete = true;
    this.counters.fullCopiesIn++;
    this.counters.lastCopyMs = this.nowMs() - this.#copySince;
    this.events.emit("copyEnded", {
      peer: peer.link.remote,
      direction: "in",
      items: this.#copyItems,
      bytes: this.#copyBytes,
      tookMs: this.counters.lastCopyMs,
    });
    this.#fire("copied", `copied from ${peer.link.remote}`);
    this.#tellState();
    for (const downstream of this.downstreams) downstream.pump();
  }

  /** The master died in the middle of a refill: what the copy has not confirmed may be stale, and goes. */
  #abandonRefill(): void {
    const kept = this.#kept;
    this.#kept = undefined;
    if (kept === undefined) return;
    for (let cursor = 0; cursor !== -1;) {
      cursor = this.content.sweepSome(cursor, SWEEP_ITEMS, (key, start, end) => !kept.has(key, start, end));
    }
  }

  /** A record of the stream, or of a copy. */
  #onRecord(peer: Peer, kind: number, buffer: Buffer, at: number, end: number): void {
    const wrong = checkRecord(buffer, at, end);
    if (wrong !== undefined) throw new RangeError(wrong);
    const merging = peer.downstream?.merge?.records;
    if (merging !== undefined && peer !== this.upstream) {
      if (merging.at > MERGE_BACKLOGS * this.log.capacity + this.maxFrameBytes) throw new RangeError("endless merge");
      merging.append(buffer, at, end);
      return;
    }
    if (peer !== this.upstream || !this.#attached) return;
    if (kind === RecordKind.copied) {
      this.content.apply(buffer, at);
      this.#copyItems++;
      this.#copyBytes += end - at;
      this.#keep(buffer, at);
      return;
    }
    this.log.append(buffer, at, end);
    if (kind === RecordKind.envelope) {
      const envelope = readEnvelope(buffer, at);
      forEachEffect(envelope.records, 0, envelope.records.length, this.#apply);
      this.executor.note(envelope);
      if (envelope.id.equals(this.nodeIdBytes)) this.forwards.executed(envelope.number, envelope.answer);
    } else {
      this.#apply(buffer, at);
    }
  }

  readonly #apply = (buffer: Buffer, at: number): void => {
    this.content.apply(buffer, at);
    if (this.#kept !== undefined && buffer[at] === RecordKind.put) this.#keep(buffer, at);
  };

  #keep(buffer: Buffer, at: number): void {
    if (this.#kept === undefined) return;
    const start = at + keyOffset(buffer[at]!);
    this.#kept.add(buffer, start, start + buffer[at + 1]!);
  }

  // ---- being followed ----

  #onFollow(peer: Peer): void {
    const { state } = peer;
    if (state === undefined || (this.role !== "master" && this.role !== "slave")) return;
    if (peer === this.upstream) {
      peer.close("both would follow each other");
      return;
    }
    this.#leaveDownstream(peer);
    const downstream = new Downstream(this, peer, this.#rankFor(peer));
    peer.downstream = downstream;
    this.downstreams.add(downstream);
    const offset = state.complete ? this.#commonOffset(state) : undefined;
    // It has nothing to say that we don't have; or its log, or that of a master, no longer reaches back to where it could.
    const isSilent = offset === undefined || offset === state.logEnd || offset < state.logStart;
    if (offset === undefined || (offset < this.log.start && (isSilent || this.role === "master"))) {
      downstream.startCopy();
    } else if (offset === state.logEnd) {
      this.#resume(downstream, offset);
    } else if (isSilent) {
      downstream.startCopy();
    } else if (this.role === "master" || (this.#attached && this.complete)) {
      downstream.merge = { records: new Scratch(64 * 1024), epoch: state.epoch };
      peer.send(this.#attachment(M_KIND.mergeBegin, offset, downstream.rank, 0));
    } else {
      // Nobody could take what it has to say: it asks again when we say that we have a master.
      this.#leaveDownstream(peer);
    }
  }

  /** How far its log is ours. Two logs that both reach back to their empty beginnings have at least that in common. */
  #commonOffset(state: M.NodeState): number | undefined {
    if (state.history.length === 0) return undefined;
    const offset = commonOffset(this.history, this.log.end, state.history, state.logEnd);
    return offset ?? (this.log.start === 0 && state.logStart === 0 ? 0 : undefined);
  }

  #resume(downstream: Downstream, offset: number): void {
    const { peer } = downstream;
    this.counters.partialOut++;
    this.events.emit("resumed", { peer: peer.link.remote, direction: "out", bytes: this.log.end - offset });
    peer.send(this.#attachment(M_KIND.resume, offset, downstream.rank, 0));
    downstream.streamFrom(offset);
  }

  #attachment(kind: number, offset: number, rank: number, items: number): Buffer {
    return M.writeAttachment(kind, { offset, rank, history: this.history, forwarded: this.executor.last, items });
  }

  beginCopy(downstream: Downstream): number {
    const { peer, rank } = downstream;
    this.events.emit("copyStarted", { peer: peer.link.remote, direction: "out" });
    peer.send(this.#attachment(M_KIND.copyBegin, this.log.end, rank, 0));
    peer.send(M.writePlain(M_KIND.pendingFlush, this.content.pendingFlush()));
    return this.log.end;
  }

  onCopied({ peer, copy }: Downstream): void {
    this.counters.fullCopiesOut++;
    const { items, bytes, sinceMs } = copy!;
    const tookMs = this.nowMs() - sinceMs;
    this.events.emit("copyEnded", { peer: peer.link.remote, direction: "out", items, bytes, tookMs });
  }

  onInStep({ peer }: Downstream): void {
    this.events.emit("inStep", { peer: peer.link.remote });
    this.protection.review();
  }

  /** The rank that a node has already, or one that nobody near us is known to have, or that of one long gone. */
  #rankFor(peer: Peer): number {
    const taken = new Set([this.rank]);
    const master = this.history.at(-1);
    if (master !== undefined) taken.add(master.epoch % RANKS);
    for (const { nodeId, state } of this.peers)
      if (state !== undefined && nodeId !== peer.nodeId) taken.add(state.rank);
    const free = Array.from({ length: RANKS }, (_, rank) => rank).filter((rank) => !taken.has(rank));
    const has = (rank: number | undefined) => rank !== undefined && free.includes(rank);
    const before = [this.#ranks.get(peer.nodeId), peer.state?.rank].find(has);
    const given = new Set(this.#ranks.values());
    const rank =
      before ??
      free.find((each) => !given.has(each)) ??
      [...given].find(has) ??
      // More nodes than ranks.
      (this.rank + 1) % RANKS;
    // Moved to the end of the map, which keeps the order of insertion: the first was given longest ago.
    for (const [nodeId, each] of this.#ranks) if (each === rank) this.#ranks.delete(nodeId);
    this.#ranks.set(peer.nodeId, rank);
    return rank;
  }

  // ---- after a split ----

  /** We follow, and our log has what the other's has not: says what it has left. */
  #onMergeBegin(peer: Peer, { offset }: M.Attachment): void {
    const changes = changesSince(this.log, offset, this.content);
    if (changes !== undefined) peer.send(changes);
    peer.send(M.writePlain(M_KIND.mergeEnd, offset));
  }

  #onMergeEnd(peer: Peer, offset: number): void {
    const { downstream } = peer;
    const said = downstream?.merge;
    if (downstream === undefined || said === undefined) return;
    downstream.merge = undefined;
    if (this.role === "slave" && this.#attached && this.upstream !== undefined) {
      this.#relays.push({ downstream, offset });
      this.upstream.send(M.writeRelay({ offset, epoch: said.epoch }));
      if (said.records.at > 0) this.upstream.send(said.records.written);
      this.upstream.send(M.writePlain(M_KIND.mergeEnd, offset));
    } else {
      this.#merged(
        downstream,
        offset,
        this.role === "master" ? this.#merge(peer, offset, said) : M.RelayOutcome.notNow,
      );
    }
  }

  #merge(peer: Peer, offset: number, { records, epoch }: NonNullable<Downstream["merge"]>): number {
    // Two masters of one epoch have given the same cas numbers: those drawn from now on are of neither.
    if (epoch >= this.epoch && this.history.at(-1)!.nodeId === this.nodeId) {
      this.#newEpoch();
      this.#tellState();
    }
    const result = merge({
      log: this.log,
      content: this.content,
      offset,
      theirs: records.written,
      discardAll: this.#coordinator !== undefined,
      remove: (key, timeMs, rank) => {
        this.content.remove(key);
        writeRemove(this.log, key, 0, key.length, timeMs, rank);
      },
      onDiscarded: (key, value, timeMs) => {
        this.events.emit("discarded", { key, value, timeMs });
      },
    });
    if (result === undefined) return M.RelayOutcome.tooOld;
    this.counters.mergesTaken += result.taken;
    this.counters.mergesDiscarded += result.discarded;
    this.events.emit("merged", { peer: peer.link.remote, ...result });
    return M.RelayOutcome.merged;
  }

  /** What a node had to say from `offset` on is merged, by us or by the master, or is not. */
  #merged(downstream: Downstream, offset: number, outcome: number): void {
    if (downstream.peer.downstream !== downstream) return;
    if (downstream.streaming) {
      // It asked for a node that follows it.
      downstream.post(M.writePlain(M_KIND.relayEnd, outcome));
    } else if (outcome === M.RelayOutcome.notNow) {
      downstream.peer.close("nobody can merge at present");
    } else if (outcome === M.RelayOutcome.tooOld || offset < this.log.start) {
      downstream.startCopy();
    } else {
      this.#resume(downstream, offset);
    }
    this.flush();
  }

  /** A replica passes on what a node that follows it has to say. */
  #onRelay({ downstream }: Peer, { epoch }: M.Relay): void {
    if (downstream?.streaming === true) downstream.merge = { records: new Scratch(64 * 1024), epoch };
  }

  #onRelayEnd(outcome: number): void {
    const relay = this.#relays.shift();
    if (relay !== undefined) this.#merged(relay.downstream, relay.offset, outcome);
  }

  /** Our upstream is another, or is gone: what we passed on may have reached nobody. */
  #endRelays(): void {
    for (const { downstream, offset } of this.#relays.splice(0)) {
      this.#merged(downstream, offset, M.RelayOutcome.notNow);
    }
  }

  // ---- effects ----

  /** Where an effect of our own commands goes; undefined = nowhere, we don't order writes. */
  sink(): RecordSink | undefined {
    if (this.executor.effects !== undefined) return this.executor.effects;
    if (this.role !== "master") return undefined;
    this.#unanswered++;
    return this.log;
  }

  /** The time to write into an effect. */
  effectTimeMs(): number {
    return this.#effectTime();
  }

  /** Offers the log to all that follow. */
  flush(): void {
    this.#timeIsFresh = false;
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

  // ---- forwarding ----

  /** A request of our own client that the master has to execute. */
  forward(request: Buffer): Promise<Buffer> {
    const { number, answer } = this.forwards.add(request);
    // Until our upstream has answered `follow`, requests wait: in order, or its memory of them would have gaps.
    if (!this.#forwardsDue && this.#attached) {
      this.#forwardsDue = true;
      this.#unsent = number;
      this.#timers.defer(() => {
        if (this.#forwardsDue) this.#sendForwards(this.#unsent);
      });
    }
    return answer;
  }

  #sendForwards(from = 0): void {
    this.#forwardsDue = false;
    if (this.upstream === undefined || !this.#attached || this.role !== "slave") return;
    for (const message of this.forwards.messages(from)) this.upstream.send(message);
  }

  #onForward(peer: Peer, buffer: Buffer, at: number, end: number): void {
    const { downstream } = peer;
    if (downstream === undefined) return;
    if (this.role !== "master") {
      // In a chain the request goes on towards the master. If nobody is there, its sender says it again later.
      if (this.role !== "slave" || !this.#attached || buffer[at + M.FORWARD_HOPS_AT]! >= MAX_HOPS) return;
      const message = Buffer.from(buffer.subarray(at, end));
      message[M.FORWARD_HOPS_AT]!++;
      this.upstream?.send(message);
      return;
    }
    const number = buffer.readUIntBE(at + 8, 6);
    const floor = buffer.readUIntBE(at + 14, 6);
    const id = Buffer.from(buffer.subarray(at + 20, at + 36));
    const request = Buffer.from(buffer.subarray(at + M.FORWARD_HEAD_BYTES, end));
    if (!this.mayWrite()) {
      downstream.post(M.writeAnswer(id, number, Buffer.from(`${this.refusal}\r\n`, "latin1")));
      return;
    }
    const inline = this.#options.syncReplicas <= 1;
    const { content, log, rank } = this;
    const answer = this.executor.execute(content, log, id, number, floor, request, inline, this.#effectTime(), rank);
    if (answer === undefined) return;
    const message = M.writeAnswer(id, number, answer);
    const wait = inline ? undefined : this.protection.admit(this.log.end, 1);
    if (wait === undefined) downstream.post(message);
    else void wait.then(() => peer.downstream?.post(message));
  }

  #onAnswer(buffer: Buffer, at: number, end: number): void {
    const id = buffer.toString("hex", at + 14, at + 30);
    if (id === this.nodeId) {
      this.forwards.executed(buffer.readUIntBE(at + 8, 6), buffer.subarray(at + M.ANSWER_HEAD_BYTES, end));
      return;
    }
    // In a chain it is the answer to somebody below us; who doesn't know of it ignores it.
    const message = Buffer.from(buffer.subarray(at, end));
    for (const downstream of this.downstreams) downstream.post(message);
  }

  /** Whether the master may order writes now: with a coordinator while it holds the lease, with enough replicas. */
  mayWrite(): boolean {
    if (this.#coordinator !== undefined && !this.#coordinator.holds(this.nowMs())) return false;
    return this.#options.syncDegrade !== "refuse" || this.protection.hasEnough;
  }

  /** The answer when `mayWrite` says no. */
  get refusal(): string {
    return this.#coordinator !== undefined && !this.#coordinator.holds(this.nowMs())
      ? "SERVER_ERROR replication: read-only, the lease is not held"
      : "SERVER_ERROR replication: not enough replicas";
  }

  /** True when what `mayWrite` says can change: the hot path asks it only then. */
  get isConditional(): boolean {
    return this.#coordinator !== undefined || this.#options.syncDegrade === "refuse";
  }

  // ---- signs of life ----

  #beatLater(): void {
    this.#cancelBeat = this.#timers.after(this.#options.heartbeatMs, () => {
      this.#beat();
      this.#beatLater();
    });
  }

  #beat(): void {
    const now = this.nowMs();
    const { heartbeatMs, peerTimeoutMs } = this.#options;
    const stalled = now - this.#lastBeatMs > STALL_BEATS * heartbeatMs;
    this.#lastBeatMs = now;
    for (const peer of [...this.peers]) {
      if (stalled) peer.heardMs = Math.max(peer.heardMs, now - peerTimeoutMs + 2 * heartbeatMs);
      if (!peer.established && now - peer.openedMs > peerTimeoutMs) peer.close("no greeting");
      else if (now - peer.heardMs > peerTimeoutMs) peer.close(SILENT);
      else if (peer.established && peer.link.waiting === 0) peer.send(this.#heartbeat());
    }
    // What was no reason to act when it was said may be one now.
    for (const peer of [...this.peers]) this.#consider(peer);
    this.flush();
  }

  #heartbeat(): Buffer {
    return M.writeHeartbeat({ epoch: this.epoch, offset: this.log.end, groupMs: this.groupMs() });
  }

  #onHeartbeat(peer: Peer, { epoch, offset, groupMs }: M.Heartbeat): void {
    peer.offset = offset;
    this.#epochSeen = Math.max(this.#epochSeen, epoch);
    if (peer === this.upstream) {
      // The message took its way: the sample that was fastest is the closest to the truth.
      const skewMs = groupMs - this.#timers.unixMs();
      if (skewMs > this.#skewMs) this.#setSkew(skewMs);
    }
    const { downstream } = peer;
    if (downstream === undefined) return;
    downstream.acked = Math.min(offset, downstream.cursor);
    if (this.#options.syncReplicas > 0) this.protection.review();
  }

  // ---- links ----

  #greet(link: Link, dialled: boolean): Peer {
    const peer = new Peer(this, link, dialled);
    this.peers.add(peer);
    this.events.emit("connected", { peer: link.remote, direction: dialled ? "out" : "in" });
    return peer;
  }

  #linked(nodeId: string): Peer | undefined {
    for (const peer of this.peers) if (peer.established && peer.nodeId === nodeId) return peer;
    return undefined;
  }

  onGreeted(peer: Peer): boolean {
    const isSelf = peer.nodeId === this.nodeId;
    if (isSelf) this.events.emit("self", { peer: peer.link.remote });
    const isNeeded = !isSelf && this.#linked(peer.nodeId) === undefined;
    this.dialling.found(peer, peer.nodeId, isSelf);
    return isNeeded;
  }

  onProved(peer: Peer): boolean {
    if (peer.nodeId === this.nodeId) return false;
    for (const other of [...this.peers]) {
      if (other === peer || other.nodeId !== peer.nodeId || other.stage === "hello") continue;
      // Both sides dialled at once: the dial of the greater id stays. Else the other side knows that ours is dead.
      const crossed = other.dialled && other.establishedMs >= peer.openedMs;
      if (crossed && this.nodeId > peer.nodeId) return false;
      other.close("replaced by a newer link");
    }
    return true;
  }

  onEstablished(peer: Peer): void {
    const direction = peer.dialled ? "out" : "in";
    this.events.emit("linked", { peer: peer.link.remote, nodeId: peer.nodeId, direction });
    peer.ourFirstLogEnd = this.log.end;
    peer.send(this.#stateMessage());
  }

  onFrame(peer: Peer, kind: number, buffer: Buffer, at: number, end: number): void {
    if (kind < M_KIND.hello) {
      this.#onRecord(peer, kind, buffer, at, end);
      return;
    }
    const isUpstream = peer === this.upstream;
    switch (kind) {
      case M_KIND.heartbeat:
        if (end - at === M.HEARTBEAT_BYTES) this.#onHeartbeat(peer, M.readHeartbeat(buffer, at));
        return;
      case M_KIND.state:
        this.#onState(peer, M.readState(buffer, at, end));
        return;
      case M_KIND.follow:
        this.#onFollow(peer);
        return;
      case M_KIND.resume:
      case M_KIND.copyBegin:
      case M_KIND.mergeBegin: {
        const attachment = M.readAttachment(buffer, at, end);
        if (attachment === undefined) throw new RangeError(`message ${kind} of ${end - at} bytes`);
        if (!isUpstream) return;
        this.#attached = true;
        if (kind === M_KIND.resume) this.#onResume(peer, attachment);
        else if (kind === M_KIND.copyBegin) this.#onCopyBegin(peer, attachment);
        else this.#onMergeBegin(peer, attachment);
        return;
      }
      case M_KIND.pendingFlush:
        if (isUpstream && end - at === M.PLAIN_BYTES) this.content.setPendingFlush(M.readPlain(buffer, at));
        return;
      case M_KIND.copyEnd:
        if (isUpstream) this.#onCopyEnd(peer);
        return;
      case M_KIND.mergeEnd:
        if (end - at === M.PLAIN_BYTES) this.#onMergeEnd(peer, M.readPlain(buffer, at));
        return;
      case M_KIND.relay:
        if (end - at === M.RELAY_BYTES) this.#onRelay(peer, M.readRelay(buffer, at));
        return;
      case M_KIND.relayEnd:
        if (isUpstream && end - at === M.PLAIN_BYTES) this.#onRelayEnd(M.readPlain(buffer, at));
        return;
      case M_KIND.forward:
        if (end - at > M.FORWARD_HEAD_BYTES) this.#onForward(peer, buffer, at, end);
        return;
      case M_KIND.answer:
        if (isUpstream && end - at >= M.ANSWER_HEAD_BYTES) this.#onAnswer(buffer, at, end);
        return;
      case M_KIND.handover:
        if (isUpstream && this.complete && end - at === M.PLAIN_BYTES && M.readPlain(buffer, at) === this.log.end) {
          this.#fire("appointed", `${peer.link.remote} hands over`);
        }
        return;
      default: // A newer version may say more.
        return;
    }
  }

  #onState(peer: Peer, state: M.NodeState | undefined): void {
    if (state === undefined) throw new RangeError("state that cannot be read");
    const before = peer.state;
    if (before === undefined) peer.firstLogEnd = state.logEnd;
    peer.state = state;
    peer.offset = state.logEnd;
    // Who follows us hears when we come to have a master, or have none any more.
    if (peer === this.upstream && this.#attached && before?.hasMaster !== state.hasMaster) this.#tellState();
    this.#epochSeen = Math.max(this.#epochSeen, state.epoch);
    if (state.listenPort !== 0 && peer.link.remoteHost !== "") {
      this.dialling.learn({ kind: "tcp", host: peer.link.remoteHost, port: state.listenPort }, peer.nodeId);
    }
    // What it says lies at its place in the stream: where we have all of its log, its history is ours.
    if (peer === this.upstream && this.#attached && state.logEnd === this.log.end) this.history = state.history;
    if (peer === this.upstream && !this.#attached && (state.role === "master" || state.role === "slave")) {
      peer.send(this.#stateMessage());
      peer.send(M.writePlain(M_KIND.follow, this.log.end));
    } else if (peer === this.upstream) {
      this.#sendForwards();
    }
    this.#consider(peer);
  }

  onBatch(peer: Peer): void {
    this.#timeIsFresh = false;
    if (this.downstreams.size > 0) this.flush();
    if (peer === this.upstream && this.#options.syncReplicas > 0) peer.send(this.#heartbeat());
  }

  onDrain(peer: Peer): void {
    peer.downstream?.pump();
    this.protection.review();
  }

  onPeerClosed(peer: Peer, reason: string): void {
    if (!this.peers.delete(peer)) return;
    if (peer.downstream !== undefined) this.#leaveDownstream(peer);
    if (peer.establishedMs !== Infinity) {
      this.events.emit("unlinked", { peer: peer.link.remote, nodeId: peer.nodeId, reason });
    }
    if (this.role === "closed") return;
    this.dialling.closed(peer);
    const targets = this.dialling.targets.filter(({ nodeId }) => nodeId === peer.nodeId);
    if (peer.establishedMs !== Infinity && this.#linked(peer.nodeId) === undefined) this.dialling.lost(peer.nodeId);
    if (peer === this.upstream) {
      this.upstream = undefined;
      this.#attached = false;
      this.#endRelays();
      this.#lostId = peer.nodeId;
      this.#lostMs = reason === SILENT ? peer.heardMs : this.nowMs();
      this.#lostReason = reason;
      this.#lostTargets = targets;
      this.#fire("upstreamLost", reason);
    }
    if (this.role === "starting" && peer.establishedMs !== Infinity) {
      // It was there a moment ago: it gets its time again.
      this.#lostMs = this.nowMs();
      this.#surveyUntilLate();
    } else if (this.role === "starting") {
      this.#survey();
    } else if (this.role === "probing") {
      this.#judge();
    }
  }

  onRefused(peer: Peer, reason: string): void {
    this.counters.refusedPeers++;
    this.events.emit("refused", { peer: peer.link.remote, reason });
  }

  onError(what: string, error: unknown): void {
    this.events.emit("error", { what, error });
  }
}

/** Where a listener at `host` is reached from its own host. */
function reachable(host: string): string {
  return host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
}

function closedEarly(): CacheError {
  return new CacheError("closed", "replication was closed before it was ready");
}

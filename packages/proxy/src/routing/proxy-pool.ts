// One pool of the configuration at work: its servers, their placement and their connections. It says which server a key
// belongs to and sends; it holds no client. A new configuration of the same name is taken over in place.

import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { CacheError, formatEndpoint, isCacheError } from "@marugoto/core";
import { Expect, Pool, type SendOptions, type ServerSpec, type Sink } from "@marugoto/client";
import type { Placement } from "@marugoto/hashing";
import { toPlacement } from "../config/placement.ts";
import type { PoolConfig, ServerConfig } from "../config/types.ts";
import type { ProxyCore } from "../proxy-core.ts";
import { Absence } from "../recovery/absence.ts";
import { Detours } from "../recovery/detours.ts";
import { Gutter } from "../recovery/gutter.ts";
import { lookAt } from "../recovery/identity.ts";
import { Notices } from "../recovery/notices.ts";
import { becomeUnread, flushUnread, rejoin, warmUp } from "../recovery/rejoin.ts";
import { sweepFence } from "../recovery/sweep.ts";
import type { WarmSource } from "../recovery/warm-source.ts";
import type { RejoinWay } from "../events.ts";
import { resend } from "../session/dispatch.ts";
import { Flights } from "../session/flights.ts";
import { Leases } from "../session/leases.ts";
import { HotKeys } from "../stats/hot-keys.ts";
import { PoolCounts } from "../stats/pool-counts.ts";
import { errorLine, ErrorLines } from "../session/error-lines.ts";
import { Node, NodeCount } from "./node.ts";
import { Pair } from "./pair.ts";
import { NodePolicy, type NodePolicyOwner } from "./node-policy.ts";

/** Silence after a timeout, in ms, after which a connection is given up at the earliest. */
const MIN_STALL_MS = 250;

/** Between two looks at connections that are still to answer what they were asked, in ms. */
const OLD_LINKS_MS = 2;

/** How long after a write was lost its key is deleted on the server, in ms: a server that fails is not asked at once. */
const SWEEP_AFTER_MS = 50;

/** Between two looks at a server whose values are looked for elsewhere after an outage, in ms. */
const LOOK_EVERY_MS = 1000;

/** Made once: sending allocates nothing. */
interface MutableSendOptions extends SendOptions {
  deadlineMs: number;
  expect: number;
}

export class ProxyPool implements NodePolicyOwner {
  readonly core: ProxyCore;
  readonly counts = new PoolCounts();
  readonly hotKeys = new HotKeys();
  config: PoolConfig;
  nodes: Node[];
  connections: number;
  /** Of all servers, whether in use or not. */
  placement: Placement;
  backend: Pool;
  #policy: NodePolicy;
  readonly flights = new Flights();
  /** Who loads what is missing; undefined: everybody, at once. */
  leases: Leases | undefined;
  /** Ways of requests whose server is out of use or has just come back. */
  readonly detours = new Detours(this);
  /** Servers that stand in; undefined: there are none. */
  gutter: Gutter | undefined;
  isClosed = false;
  readonly #notices = new Notices(
    this,
    () => {
      for (const node of this.nodes) node.absence?.tick();
    },
    () => {
      for (const node of this.nodes) node.absence?.heard();
    },
  );
  /** The placement without the servers that are out of use; undefined: to be made. */
  #livePlacement: Placement | undefined;
  readonly #sweeping = new Set<Node>();
  #looking: NodeJS.Timeout | undefined;
  readonly #options: MutableSendOptions = { deadlineMs: 0, expect: Expect.one };

  constructor(core: ProxyCore, config: PoolConfig) {
    this.core = core;
    this.config = config;
    this.connections = config.backend.connections;
    this.nodes = config.servers.map((server, index) => new Node(server, index, config.rejoin.fencedKeys));
    this.placement = toPlacement(config.placement, config.servers);
    this.#pairUp();
    this.#policy = new NodePolicy(this, this.nodes, this.connections);
    this.backend = this.#dial();
    this.gutter = this.#makeGutter();
    if (config.leases !== undefined) this.leases = new Leases(this, resend);
    this.#watch();
    this.#followAbsences();
    if (config.backend.preconnect) this.backend.dialAll();
  }

  /**
   * Takes over another configuration. What was asked is still answered by the servers it was asked of; what is asked from
   * now on goes by the new one. Servers that stay keep what is known of them, and their connections, unless the settings
   * of connections have changed.
   *
   * @throws CacheError `invalid_option` for a placement that can't be made; everything stays as it was then
   */
  reload(config: PoolConfig): void {
    const placement = toPlacement(config.placement, config.servers);
    const before = this.config;
    const oldLinks = new Map(this.nodes.map((node) => [node, this.linksOf(node)]));
    const nodes = config.servers.map((server, index) => {
      const known = this.nodes.find((node) => isSameServer(node.config, server));
      return known ?? new Node(server, index, config.rejoin.fencedKeys);
    });
    for (const node of this.nodes) {
      // What is still under way for a server that goes must not reach the one that takes its place.
      node.index = -1;
      if (!nodes.includes(node)) node.pair?.close();
    }
    this.config = config;
    this.placement = placement;
    this.nodes = nodes;
    this.#livePlacement = undefined;
    for (const [index, node] of nodes.entries()) {
      node.index = index;
      node.config = config.servers[index]!;
      node.fence.limit = config.rejoin.fencedKeys;
    }
    this.#pairUp();
    this.#reloadGutter(before);
    this.#followAbsences();
    if (config.leases !== undefined) {
      this.leases ??= new Leases(this, resend);
    } else {
      this.leases?.clear();
      this.leases = undefined;
    }
    if (isSameBackend(before, config)) {
      this.#policy.nodes = nodes;
      this.backend.setServers(this.#allSpecs());
    } else {
      for (const node of nodes) this.#awaitOldLinks(node, oldLinks.get(node) ?? []);
      this.connections = config.backend.connections;
      this.#policy.isRetired = true;
      void this.backend.close();
      this.#policy = new NodePolicy(this, nodes, this.connections);
      this.backend = this.#dial();
      // Nobody is sent to a server that is out of use, so nobody else would find that it is back.
      for (const node of nodes) {
        if (!node.inUse) for (const link of this.linksOf(node)) link.dial();
      }
    }
    if (config.backend.preconnect) this.backend.dialAll();
    if (config.rejoin.policy === "flush") {
      for (const node of nodes) if (node.isUnread && node.inUse) void flushUnread(this, node);
    }
  }

  /** What is asked on new connections comes behind what the old ones still have to answer: a client reads what it wrote. */
  #awaitOldLinks(node: Node, links: Pool["links"]): void {
    const isWaiting = () => links.some((link) => link.waiting > 0);
    if (!isWaiting()) return;
    const before = node.settled;
    const settled = this.#untilIdle(before, isWaiting).then(() => {
      if (node.settled !== settled) return;
      node.settled = null;
      node.refresh();
    });
    node.settled = settled;
    node.refresh();
  }

  async #untilIdle(before: Promise<void> | null, isWaiting: () => boolean): Promise<void> {
    if (before !== null) await before;
    while (isWaiting() && !this.isClosed) await sleep(OLD_LINKS_MS, undefined, { ref: false });
  }

  #pairUp(): void {
    for (const node of this.nodes) {
      const { endpoint, partner } = node.config;
      if (partner === undefined) continue;
      node.pair ??= new Pair([endpoint, partner], (why) => {
        this.#switched(node, why);
      });
    }
  }

  /** The other member of a pair is used from now on. What this one was asked it may still answer. */
  #switched(node: Node, why: string): void {
    node.failures = 0;
    // Not from within: the report of a failure comes out of a connection that goes.
    queueMicrotask(() => {
      if (this.isClosed || node.index < 0) return;
      this.backend.setServers(this.#allSpecs());
      for (const link of this.linksOf(node)) link.dial();
    });
    const address = formatEndpoint(node.endpoint);
    this.core.events.emit("switched", { pool: this.config.name, server: node.name, address, why });
  }

  #reloadGutter(before: PoolConfig): void {
    const { gutter } = this.config;
    const old = this.gutter;
    if (gutter === undefined || old === undefined || before.gutter === undefined) {
      old?.pool.destroy();
      this.gutter = this.#makeGutter();
      return;
    }
    old.ttlSec = gutter.ttlSec;
    old.pool.reload(gutterPool(this.config));
  }

  #makeGutter(): Gutter | undefined {
    if (this.config.gutter === undefined) return undefined;
    const pool = new ProxyPool(this.core, gutterPool(this.config));
    return new Gutter(pool, this.config.gutter.ttlSec);
  }

  get failureLimit(): number {
    return this.config.failover.failureLimit;
  }

  /** The server that owns the key `bytes[start, end)`, in use or not. */
  owner(bytes: Uint8Array, start: number, end: number): Node {
    const { nodes } = this;
    return nodes.length === 1 ? nodes[0]! : nodes[this.placement.serverIndex(bytes, start, end)]!;
  }

  /** The server that a key (latin1) belongs to while some are out of use; undefined: all are. */
  liveOwner(key: string): Node | undefined {
    this.#livePlacement ??= toPlacement(
      this.config.placement,
      this.config.servers,
      this.nodes.flatMap((node, index) => (node.inUse ? [] : [index])),
    );
    const bytes = Buffer.from(key, "latin1");
    return this.nodes[this.#livePlacement.serverIndex(bytes, 0, bytes.length)];
  }

  /** As `linkOf`, for a key as latin1 text. */
  linkOfText(node: Node, key: string): number {
    const { connections } = this;
    if (connections === 1) return node.index;
    const bytes = Buffer.from(key, "latin1");
    return this.linkOf(node, bytes, 0, bytes.length);
  }

  /** The connection to `node` that the key keeps to. */
  linkOf(node: Node, bytes: Uint8Array, start: number, end: number): number {
    const { connections } = this;
    return connections === 1 ? node.index : node.index * connections + (pinOf(bytes, start, end) % connections);
  }

  /** When a request that comes now is given up, by `performance.now()`. */
  deadlineMs(): number {
    return this.backend.now() + this.config.timeouts.requestMs;
  }

  /**
   * Sends whole requests to a server. Whose sink this is counts them off `NodeCount.unansweredBytes` at their end.
   *
   * @throws CacheError `queue_full`, `closed`
   */
  send(
    node: Node,
    link: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    sink: Sink,
    deadlineMs: number,
    expect: number,
  ): void {
    const options = this.#options;
    options.deadlineMs = deadlineMs;
    options.expect = expect;
    this.backend.send(link, bytes, start, end, sink, options);
    node.counts[NodeCount.requests]!++;
    node.counts[NodeCount.requestBytes]! += end - start;
    node.counts[NodeCount.unansweredBytes]! += end - start;
  }

  /** A connection to a server gives answers that do not fit: it ends. */
  violated(node: Node, link: number): void {
    const found = this.backend.links[link];
    if (found?.server.name === node.name) found.connection?.violation("an answer that does not fit its request");
  }

  /** A request to the server had no answer in time. */
  timedOut(node: Node): void {
    this.#policy.nodeTimedOut(node);
  }

  /** Somebody asks for a server that is out of use: it is dialled again soon. */
  wanted(node: Node): void {
    this.backend.links[node.index * this.connections]?.wanted();
  }

  /** Whether there is a connection to it. */
  isReachable(node: Node): boolean {
    return node.index >= 0 && this.linksOf(node).some((link) => link.isUp);
  }

  // ---- what must not be read ----

  /** A key was written or deleted elsewhere, or may have been: what the server has under it is not to be read. */
  fence(node: Node, key: string): void {
    if (this.config.rejoin.policy !== "fence") return;
    if (!node.fence.add(key)) {
      this.core.events.emit("fenceFull", { pool: this.config.name, server: node.name, keys: node.fence.limit });
    }
    if (!node.inUse) return;
    if (node.fence.isFull) node.isUnread = true;
    node.refresh();
    this.#sweepSoon(node);
  }

  /** A write was sent to `node` and not answered: it may have been done, or may still be. */
  lostWrite(node: Node, key: string): void {
    node.counts[NodeCount.lostWrites]!++;
    this.fence(node, key);
  }

  /** A flush_all has not been done on `node`: it is emptied before it is read. */
  owesFlush(node: Node): void {
    node.owesFlush = true;
    if (!node.inUse) return;
    node.isUnread = true;
    node.refresh();
    setTimeout(() => {
      if (node.inUse && node.owesFlush && !this.isClosed) void flushUnread(this, node);
    }, SWEEP_AFTER_MS).unref();
  }

  #sweepSoon(node: Node): void {
    if (this.#sweeping.has(node)) return;
    this.#sweeping.add(node);
    setTimeout(() => {
      this.#sweeping.delete(node);
      if (!this.isClosed) void sweepFence(this, node);
    }, SWEEP_AFTER_MS).unref();
  }

  // ---- NodePolicyOwner ----

  onLost(node: Node, error: CacheError): void {
    node.pair?.failed(error.message);
  }

  onOut(node: Node, error: CacheError): void {
    // The other member of a pair has all that this one had.
    if (node.pair?.failed(error.message) === true) return;
    node.inUse = false;
    node.warm = null;
    node.wasRefused = isRefused(error);
    node.refresh();
    this.#livePlacement = undefined;
    node.outSinceMs = performance.now();
    node.ejectedAtUs = Date.now() * 1000;
    this.counts.serverEjects++;
    // A connection that stands still is not worth waiting on: a new one has to show that the server answers.
    for (const link of this.linksOf(node)) link.putOutOfUse(error);
    this.core.events.emit("serverOut", { pool: this.config.name, server: node.name, error });
    // Whoever writes first need not wait for it.
    void node.absence?.ready(this.deadlineMs()).catch(ignoreUnreachable);
  }

  onConnectFailed(node: Node, error: CacheError): void {
    // What has been written elsewhere before may be older than what others could still write to it.
    if (!node.inUse && isRefused(error) && (node.absence?.noted.size ?? 0) === 0) node.wasRefused = true;
  }

  onReachable(node: Node): void {
    void rejoin(this, node);
  }

  onConnected(node: Node): void {
    if (this.config.rejoin.policy === "fence") void lookAt(this, node);
  }

  /** Whether keys of a server that is out of use are written to others. */
  get writesElsewhere(): boolean {
    const { mode } = this.config.failover;
    return mode === "eject" || (mode === "gutter" && this.gutter !== undefined);
  }

  /** Waits until it is known whether keys of a server may be elsewhere. */
  whenFresh(node: Node, deadlineMs: number): Promise<void> {
    return this.#notices.whenFresh(node, deadlineMs);
  }

  /** The ledger of a server is closed: what it misses may be where the ledger says. */
  warmUp(node: Node, source: WarmSource): void {
    if (this.config.rejoin.warmMs > 0) warmUp(this, node, source);
  }

  /** More keys of a server were written elsewhere than anybody knows. */
  unread(node: Node): void {
    if (this.config.rejoin.policy === "fence") becomeUnread(this, node);
  }

  #followAbsences(): void {
    for (const node of this.nodes) {
      if (this.writesElsewhere) {
        node.absence ??= new Absence(this, node, this.#notices);
      } else if (node.absence !== null) {
        node.absence.abandon();
        node.absence = null;
      }
    }
    this.#notices.restart();
  }

  /** Whether others write to the servers matters where there is something to find elsewhere after an outage. */
  #watch(): void {
    this.#looking = setInterval(() => {
      const { failover, rejoin } = this.config;
      if (rejoin.policy !== "fence" || rejoin.warmMs === 0) return;
      if (failover.mode !== "gutter" && failover.mode !== "eject") return;
      for (const node of this.nodes) if (node.inUse && this.isReachable(node)) void lookAt(this, node);
    }, LOOK_EVERY_MS);
    this.#looking.unref();
  }

  /** Requests that `node` may have done and not answered, beside those that a question to it comes behind. */
  underWay(node: Node): number {
    if (this.connections === 1) return 0;
    return this.linksOf(node).reduce((sum, link) => sum + link.waiting, 0);
  }

  /** Puts a server into use. */
  use(node: Node, way: RejoinWay, fencedKeys: number): void {
    const outMs = node.inUse ? 0 : Math.round(performance.now() - node.outSinceMs);
    node.inUse = true;
    node.failures = 0;
    node.refresh();
    this.#livePlacement = undefined;
    this.core.events.emit("serverBack", { pool: this.config.name, server: node.name, way, outMs, fencedKeys });
  }

  // ---- life ----

  destroy(): void {
    this.isClosed = true;
    clearInterval(this.#looking);
    this.#notices.stop();
    for (const node of this.nodes) node.pair?.close();
    this.leases?.clear();
    this.gutter?.pool.destroy();
    this.backend.destroy();
  }

  /** The connections to a server. */
  linksOf(node: Node): Pool["links"] {
    const first = node.index * this.connections;
    return this.backend.links.slice(first, first + this.connections);
  }

  #dial(): Pool {
    const { timeouts, limits, failover, backend } = this.config;
    return new Pool(
      {
        servers: this.#allSpecs(),
        // Which protocol a server speaks is its clients' business.
        protocol: "classic",
        socket: { keepAliveMs: backend.keepAlive ? 30_000 : 0 },
        timeouts: {
          requestMs: timeouts.requestMs,
          connectMs: timeouts.connectMs,
          stallMs: Math.max(MIN_STALL_MS, timeouts.requestMs),
          maxBackoffMs: failover.retryMs,
        },
        limits: {
          maxRequests: limits.serverRequests,
          maxBytes: limits.serverBytes,
          maxValueBytes: limits.valueBytes,
        },
        schedule: this.core.pass.addServers,
      },
      this.#policy,
    );
  }

  #allSpecs(): ServerSpec[] {
    return this.nodes.flatMap(({ endpoint, config: { name, weight } }) =>
      Array.from({ length: this.connections }, () => ({ address: formatEndpoint(endpoint), name, weight })),
    );
  }
}

/** The same server at the same place: what is known of it stays true. */
function isSameServer(a: ServerConfig, b: ServerConfig): boolean {
  return a.name === b.name && isDeepStrictEqual([a.endpoint, a.partner], [b.endpoint, b.partner]);
}

/** The servers of a gutter as a pool: nothing of theirs is trusted after an outage, so there is nothing to prove. */
function gutterPool(config: PoolConfig): PoolConfig {
  return {
    ...config,
    servers: config.gutter!.servers,
    placement: { preset: "rendezvous" },
    failover: { ...config.failover, mode: "error" },
    rejoin: { ...config.rejoin, policy: "trust" },
    gutter: undefined,
    leases: undefined,
  };
}

/** Who needs it will hear of it. */
function ignoreUnreachable(error: unknown): void {
  if (!isCacheError(error)) throw error;
}

function isRefused(error: CacheError): boolean {
  const line = errorLine(error);
  return line === ErrorLines.refused || line === ErrorLines.noSuchFile;
}

/** Whether connections made for the one serve for the other. */
function isSameBackend(a: PoolConfig, b: PoolConfig): boolean {
  const settings = ({ backend, timeouts, limits, failover }: PoolConfig) => [
    backend.connections,
    backend.keepAlive,
    timeouts.connectMs,
    timeouts.requestMs,
    limits.serverRequests,
    limits.serverBytes,
    limits.valueBytes,
    failover.retryMs,
  ];
  return isDeepStrictEqual(settings(a), settings(b));
}

/** Spreads keys over the connections to one server; any hash does, as long as a key always gets the same. */
function pinOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0;
  for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + bytes[i]!) | 0;
  return hash >>> 0;
}

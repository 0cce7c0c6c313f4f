// One pool of the configuration at work: its servers, their placement and their connections. It says which server a key
// belongs to and sends; it holds no client. A new configuration of the same name is taken over in place.

import { isDeepStrictEqual } from "node:util";
import { CacheError } from "@marugoto/core";
import { Expect, Pool, type SendOptions, type ServerSpec, type Sink } from "@marugoto/client";
import type { Placement } from "@marugoto/hashing";
import { toPlacement } from "../config/placement.ts";
import type { PoolConfig, ServerConfig } from "../config/types.ts";
import type { ProxyCore } from "../proxy-core.ts";
import { HotKeys } from "../stats/hot-keys.ts";
import { PoolCounts } from "../stats/pool-counts.ts";
import { Node, NodeCount } from "./node.ts";
import { NodePolicy, type NodePolicyOwner } from "./node-policy.ts";

/** Silence after a timeout, in ms, after which a connection is given up at the earliest. */
const MIN_STALL_MS = 250;

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
  readonly #options: MutableSendOptions = { deadlineMs: 0, expect: Expect.one };

  constructor(core: ProxyCore, config: PoolConfig) {
    this.core = core;
    this.config = config;
    this.connections = config.backend.connections;
    this.nodes = config.servers.map((server, index) => new Node(server, index));
    this.placement = toPlacement(config.placement, config.servers);
    this.#policy = new NodePolicy(this, this.nodes, this.connections);
    this.backend = this.#dial();
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
    const nodes = config.servers.map((server, index) => {
      const known = this.nodes.find((node) => isSameServer(node.config, server));
      return known ?? new Node(server, index);
    });
    this.config = config;
    this.placement = placement;
    this.nodes = nodes;
    for (const [index, node] of nodes.entries()) {
      node.index = index;
      node.config = config.servers[index]!;
    }
    if (isSameBackend(before, config)) {
      this.#policy.nodes = nodes;
      this.backend.setServers(this.#allSpecs());
    } else {
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
  }

  get failureLimit(): number {
    return this.config.failover.failureLimit;
  }

  /** The server that owns the key `bytes[start, end)`, in use or not. */
  owner(bytes: Uint8Array, start: number, end: number): Node {
    const { nodes } = this;
    return nodes.length === 1 ? nodes[0]! : nodes[this.placement.serverIndex(bytes, start, end)]!;
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

  /** A request to the server had no answer in time. */
  timedOut(node: Node): void {
    this.#policy.nodeTimedOut(node);
  }

  /** Somebody asks for a server that is out of use: it is dialled again soon. */
  wanted(node: Node): void {
    this.backend.links[node.index * this.connections]?.wanted();
  }

  // ---- NodePolicyOwner ----

  onOut(node: Node, error: CacheError): void {
    node.inUse = node.direct = false;
    node.outSinceMs = performance.now();
    node.ejectedAtUs = Date.now() * 1000;
    this.counts.serverEjects++;
    // A connection that stands still is not worth waiting on: a new one has to show that the server answers.
    for (const link of this.linksOf(node)) link.putOutOfUse(error);
    this.core.events.emit("serverOut", { pool: this.config.name, server: node.name, error });
  }

  onReachable(node: Node): void {
    const outMs = Math.round(performance.now() - node.outSinceMs);
    node.inUse = node.direct = true;
    node.failures = 0;
    const { name } = this.config;
    this.core.events.emit("serverBack", { pool: name, server: node.name, way: "trusted", outMs, fencedKeys: 0 });
  }

  // ---- life ----

  async close(): Promise<void> {
    await this.backend.close();
  }

  destroy(): void {
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
    return this.config.servers.flatMap(({ address, name, weight }) =>
      Array.from({ length: this.connections }, () => ({ address, name, weight })),
    );
  }
}

/** The same server at the same place: what is known of it stays true. */
function isSameServer(a: ServerConfig, b: ServerConfig): boolean {
  return a.name === b.name && isDeepStrictEqual([a.endpoint, a.partner], [b.endpoint, b.partner]);
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

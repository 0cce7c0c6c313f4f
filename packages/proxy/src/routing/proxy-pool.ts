// One pool of the configuration at work: its servers, their placement and their connections. It says which server a key
// belongs to and sends; it holds no client. A new configuration of the same name is taken over in place.

import { CacheError } from "@marugoto/core";
import { Expect, Pool, type SendOptions, type ServerSpec, type Sink } from "@marugoto/client";
import type { Placement } from "@marugoto/hashing";
import { toPlacement } from "../config/placement.ts";
import type { PoolConfig, ServerConfig } from "../config/types.ts";
import type { ProxyCore } from "../proxy-core.ts";
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
  config: PoolConfig;
  nodes: Node[] = [];
  connections: number;
  /** Of all servers, whether in use or not. */
  placement: Placement;
  backend: Pool;
  #policy = new NodePolicy(this);
  readonly #options: MutableSendOptions = { deadlineMs: 0, expect: Expect.one };

  constructor(core: ProxyCore, config: PoolConfig) {
    this.core = core;
    this.config = config;
    this.connections = config.backend.connections;
    this.nodes = config.servers.map((server, index) => new Node(server, index));
    this.placement = toPlacement(config.placement, config.servers);
    this.backend = this.#dial();
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
   * Sends whole requests to a server.
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
  }

  /** A request on this connection had no answer in time. */
  timedOut(link: number): void {
    this.#policy.timedOut(link);
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

  #dial(): Pool {
    const { timeouts, limits, failover, backend } = this.config;
    return new Pool(
      {
        servers: this.config.servers.flatMap((server) => this.#specs(server)),
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

  #specs(server: ServerConfig): ServerSpec[] {
    const spec = { address: server.address, name: server.name, weight: server.weight };
    return Array.from({ length: this.connections }, () => spec);
  }
}

/** Spreads keys over the connections to one server; any hash does, as long as a key always gets the same. */
function pinOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0;
  for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + bytes[i]!) | 0;
  return hash >>> 0;
}

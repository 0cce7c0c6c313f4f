// The proxy in one process: pools, their listeners and their clients. Creating one opens nothing; `listen` does.

import { isDeepStrictEqual } from "node:util";
import { type Endpoint, type TypedEvents } from "@marugoto/core";
import { toPlacement } from "./config/placement.ts";
import type { PoolConfig, ProxyConfig } from "./config/types.ts";
import type { ProxyEvents } from "./events.ts";
import { ProxyCore } from "./proxy-core.ts";
import { ProxyPool } from "./routing/proxy-pool.ts";
import { readStats } from "./stats/read-stats.ts";
import type { ProxyStatsSource } from "./stats/types.ts";
import { Session, type SessionOwner } from "./session/session.ts";
import { Lines } from "@marugoto/protocol";
import type { ClientHandler, ClientSocket } from "./transport/client-socket.ts";
import { Listener, READ_BUFFER_BYTES, type ListenerOwner } from "./transport/listener.ts";

export interface ProxyOptions {
  /** What `version` tells. Default "marugoto-proxy". */
  readonly version?: string;
}

export interface Proxy {
  readonly events: TypedEvents<ProxyEvents>;
  /** What it runs now. */
  readonly config: ProxyConfig;
  /**
   * Opens all listeners, or none.
   *
   * @returns where it listens, in the order of the pools, with real ports
   * @throws CacheError `address_in_use`, `listen_failed`
   */
  listen(): Promise<Endpoint[]>;
  /**
   * Runs another configuration from now on, without the loss of a connection: clients of a pool that stays, by its name
   * or by where it listens, are served by its new settings; those of a pool that goes get the answers to what they have
   * asked, and are disconnected.
   *
   * @param why told with the event `reloaded`
   * @throws CacheError `address_in_use`, `listen_failed`, `invalid_option`: everything stays as it was
   */
  reload(config: ProxyConfig, why?: string): Promise<void>;
  /** What has been counted, under nutcracker's names. */
  readonly stats: ProxyStatsSource;
  /** Accepts no more, lets what was asked be answered, ends all connections; those left after `graceMs` are cut off. */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

/** Creates a proxy. @throws CacheError `invalid_option` for a placement that can't be made */
export function createProxy(config: ProxyConfig, options: ProxyOptions = {}): Proxy {
  return new CacheProxy(config, options);
}

/** A pool with the clients that it serves. */
class Front implements ListenerOwner, SessionOwner {
  readonly core: ProxyCore;
  readonly pool: ProxyPool;
  readonly readBuffer: Buffer;
  readonly sessions = new Set<Session>();
  listener: Listener;
  onEmpty: (() => void) | undefined;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(core: ProxyCore, config: PoolConfig, readBuffer: Buffer) {
    this.core = core;
    this.pool = new ProxyPool(core, config);
    this.readBuffer = readBuffer;
    this.listener = new Listener(config.listen, this);
    this.#watchIdle();
  }

  accept(socket: ClientSocket): ClientHandler | undefined {
    const { counts, config } = this.pool;
    const limit = config.limits.clientConnections;
    if (limit > 0 && this.sessions.size >= limit) {
      counts.rejectedClients++;
      this.core.events.emit("clientRejected", { pool: config.name, connections: this.sessions.size, limit });
      socket.write([Lines.tooManyConnections]);
      socket.end();
      return undefined;
    }
    counts.totalClients++;
    const session = new Session(this.core, this.pool, socket, this, performance.now());
    this.sessions.add(session);
    counts.clients = this.sessions.size;
    return session;
  }

  sessionClosed(session: Session, error: Error | undefined): void {
    const { counts } = this.pool;
    this.sessions.delete(session);
    counts.clients = this.sessions.size;
    if (error === undefined) counts.clientEofs++;
    else counts.clientErrors++;
    if (this.sessions.size === 0) this.onEmpty?.();
  }

  /** Takes over a configuration, and the listener that was opened for it where it listens elsewhere. */
  reload(config: PoolConfig, listener: Listener | undefined): void {
    this.pool.reload(config);
    this.#watchIdle();
    if (listener === undefined) return;
    void this.listener.close();
    this.listener = listener;
  }

  /** Clients that say nothing for too long, and wait for nothing, are disconnected. */
  #watchIdle(): void {
    clearInterval(this.#idleTimer);
    const { idleMs } = this.pool.config.timeouts;
    if (idleMs === Infinity) return;
    const look = () => {
      const before = performance.now() - idleMs;
      for (const session of this.sessions) {
        if (session.head === null && session.lastActiveMs < before) session.destroy();
      }
    };
    this.#idleTimer = setInterval(look, Math.min(Math.max(idleMs / 8, 1), 1000));
    this.#idleTimer.unref();
  }

  onError(what: string, error: unknown): void {
    this.core.events.emit("error", { what: `${this.pool.config.name}: ${what}`, error });
  }

  async close(graceMs: number): Promise<void> {
    clearInterval(this.#idleTimer);
    const listener = this.listener.close();
    if (this.sessions.size > 0) {
      const empty = new Promise<void>((resolve) => {
        this.onEmpty = resolve;
      });
      for (const session of this.sessions) session.end();
      const deadline = setTimeout(() => {
        for (const session of this.sessions) session.destroy();
      }, graceMs);
      await empty;
      clearTimeout(deadline);
    }
    this.pool.destroy();
    await listener;
  }
}

/** What becomes of the pools. */
interface ReloadPlan {
  readonly kept: readonly { readonly front: Front; readonly pool: PoolConfig }[];
  readonly added: readonly PoolConfig[];
  readonly removed: readonly Front[];
}

/** A pool stays by its name, or under another where it listened before. */
function planReload(fronts: readonly Front[], pools: readonly PoolConfig[]): ReloadPlan {
  const left = new Set(fronts);
  const kept: { front: Front; pool: PoolConfig }[] = [];
  const take = (pool: PoolConfig, isIt: (front: Front) => boolean): boolean => {
    const front = [...left].find(isIt);
    if (front === undefined) return false;
    left.delete(front);
    kept.push({ front, pool });
    return true;
  };
  const added = pools
    .filter((pool) => !take(pool, (front) => front.pool.config.name === pool.name))
    .filter((pool) => !take(pool, (front) => isDeepStrictEqual(front.pool.config.listen, pool.listen)));
  return { kept, added, removed: [...left] };
}

/** How long clients have for the answers to what they have asked. */
const GRACE_MS = 500;

class CacheProxy implements Proxy {
  readonly stats: ProxyStatsSource = {
    read: () => readStats(this.#core, this.#core.pools),
  };
  readonly #core: ProxyCore;
  readonly #readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  #config: ProxyConfig;
  #fronts: Front[] = [];

  constructor(config: ProxyConfig, { version = "marugoto-proxy" }: ProxyOptions) {
    this.#core = new ProxyCore(version);
    this.#config = config;
    this.#setFronts(config.pools.map((pool) => new Front(this.#core, pool, this.#readBuffer)));
  }

  get events(): TypedEvents<ProxyEvents> {
    return this.#core.events;
  }

  get config(): ProxyConfig {
    return this.#config;
  }

  async listen(): Promise<Endpoint[]> {
    try {
      for (const { listener } of this.#fronts) await listener.listen();
    } catch (error) {
      await this.close();
      throw error;
    }
    for (const front of this.#fronts) this.#tellListening(front);
    return this.#fronts.map(({ listener }) => listener.endpoint);
  }

  async reload(config: ProxyConfig, why = ""): Promise<void> {
    const plan = planReload(this.#fronts, config.pools);
    // All that can fail comes first.
    for (const pool of config.pools) toPlacement(pool.placement, pool.servers);
    const added = plan.added.map((pool) => new Front(this.#core, pool, this.#readBuffer));
    const moved = plan.kept.flatMap(({ front, pool }) =>
      isDeepStrictEqual(front.listener.config, pool.listen)
        ? []
        : [{ front, listener: new Listener(pool.listen, front) }],
    );
    const listeners = [...added, ...moved].map(({ listener }) => listener);
    try {
      for (const listener of listeners) await listener.listen();
    } catch (error) {
      await Promise.all(listeners.map((listener) => listener.close()));
      await Promise.all(added.map((front) => front.close(0)));
      throw error;
    }
    for (const { front, pool } of plan.kept) {
      front.reload(pool, moved.find((move) => move.front === front)?.listener);
    }
    this.#config = config;
    this.#core.generation++;
    const kept = new Map(plan.kept.map(({ front, pool }) => [pool, front]));
    this.#setFronts(config.pools.map((pool) => kept.get(pool) ?? added[plan.added.indexOf(pool)]!));
    for (const front of [...added, ...moved.map((move) => move.front)]) this.#tellListening(front);
    this.#core.events.emit("reloaded", {
      why,
      added: plan.added.map(({ name }) => name),
      kept: plan.kept.map(({ pool }) => pool.name),
      removed: plan.removed.map(({ pool }) => pool.config.name),
    });
    await Promise.all(plan.removed.map((front) => front.close(GRACE_MS)));
  }

  #setFronts(fronts: Front[]): void {
    this.#fronts = fronts;
    this.#core.pools = fronts.map(({ pool }) => pool);
  }

  #tellListening({ pool, listener: { endpoint } }: Front): void {
    this.#core.events.emit("listening", { pool: pool.config.name, endpoint });
  }

  async close({ graceMs = GRACE_MS }: { readonly graceMs?: number } = {}): Promise<void> {
    await Promise.all(this.#fronts.map((front) => front.close(graceMs)));
  }
}

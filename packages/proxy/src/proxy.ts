// The proxy in one process: pools, their listeners and their clients. Creating one opens nothing; `listen` does.

import { type Endpoint, type TypedEvents } from "@marugoto/core";
import type { PoolConfig, ProxyConfig } from "./config/types.ts";
import type { ProxyEvents } from "./events.ts";
import { ProxyCore } from "./proxy-core.ts";
import { ProxyPool } from "./routing/proxy-pool.ts";
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

  constructor(core: ProxyCore, config: PoolConfig, readBuffer: Buffer) {
    this.core = core;
    this.pool = new ProxyPool(core, config);
    this.readBuffer = readBuffer;
    this.listener = new Listener(config.listen, this);
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

  onError(what: string, error: unknown): void {
    this.core.events.emit("error", { what: `${this.pool.config.name}: ${what}`, error });
  }

  async close(graceMs: number): Promise<void> {
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

class CacheProxy implements Proxy {
  readonly #core: ProxyCore;
  readonly #readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  #config: ProxyConfig;
  #fronts: Front[];

  constructor(config: ProxyConfig, { version = "marugoto-proxy" }: ProxyOptions) {
    this.#core = new ProxyCore(version);
    this.#config = config;
    this.#fronts = config.pools.map((pool) => new Front(this.#core, pool, this.#readBuffer));
  }

  get events(): TypedEvents<ProxyEvents> {
    return this.#core.events;
  }

  get config(): ProxyConfig {
    return this.#config;
  }

  async listen(): Promise<Endpoint[]> {
    const endpoints: Endpoint[] = [];
    try {
      for (const front of this.#fronts) endpoints.push(await front.listener.listen());
    } catch (error) {
      await this.close();
      throw error;
    }
    for (const [i, endpoint] of endpoints.entries()) {
      this.#core.events.emit("listening", { pool: this.#fronts[i]!.pool.config.name, endpoint });
    }
    return endpoints;
  }

  async close({ graceMs = 500 }: { readonly graceMs?: number } = {}): Promise<void> {
    await Promise.all(this.#fronts.map((front) => front.close(graceMs)));
  }
}

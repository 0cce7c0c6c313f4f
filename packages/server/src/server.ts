// A memcached in one process: store, clock, listeners, sessions. Creating one opens nothing; `listen` does.

import { SystemClock, TypedEvents, type Clock, type Endpoint, type MetricsSource } from "@marugoto/core";
import { Lines } from "@marugoto/protocol";
import { createStore, type Store } from "@marugoto/storage";
import type { SocketListener } from "@marugoto/transport";
import { applyMutation } from "./apply-mutation.ts";
import { Count } from "./counters.ts";
import type { ServerEvents } from "./events.ts";
import type { ServerHooks } from "./hooks.ts";
import type { AppliedMutation } from "./mutation.ts";
import { resolveOptions, type ServerOptions } from "./options.ts";
import { ServerCore } from "./server-core.ts";
import { Session } from "./session.ts";
import { nodeListener } from "./transport/node-net.ts";
import { warmUp } from "./warm-up.ts";
import { READ_BUFFER_BYTES, READ_HEADROOM_BYTES, type Accept, type Transport } from "./transport/transport.ts";

/** A session that was told to end has this long to take its last answers. */
const CLOSING_SEC = 10;

export interface Server {
  readonly events: TypedEvents<ServerEvents>;
  readonly options: ServerOptions;
  readonly store: Store;
  readonly clock: Clock;
  readonly metrics: MetricsSource;
  /**
   * Opens all listeners, or none.
   *
   * @returns where it listens, in the order of `options.listeners`, with real ports
   * @throws CacheError `address_in_use`, `listen_failed`
   */
  listen(): Promise<Endpoint[]>;
  /** Accepts no more, ends all sessions, resolves when all are gone; those left after `graceMs` are cut off. */
  close(options?: { readonly graceMs?: number }): Promise<void>;
  /** Applies an effect from elsewhere: no rules, no replies, no `onMutation`. @returns false = no room for it */
  applyMutation(mutation: AppliedMutation): boolean;
  /** Connects a client over any transport; what `listen` does for each accepted socket. */
  readonly accept: Accept;
}

/**
 * Creates a server.
 *
 * @throws CacheError `invalid_option`
 */
export function createServer(options: Partial<ServerOptions> = {}, hooks: ServerHooks = {}): Server {
  return new MemcachedServer(resolveOptions(options), hooks);
}

class MemcachedServer implements Server {
  readonly events = new TypedEvents<ServerEvents>();
  readonly options: ServerOptions;
  readonly store: Store;
  readonly clock: Clock;
  readonly #core: ServerCore;
  readonly #ownClock: SystemClock | undefined;
  readonly #listeners: SocketListener[] = [];
  readonly #readBuffer = Buffer.allocUnsafeSlow(READ_HEADROOM_BYTES + READ_BUFFER_BYTES);
  #nextId = 1;
  #ticker: NodeJS.Timeout | undefined;
  #stopTicking: (() => void) | undefined;
  #closing: Promise<void> | undefined;
  #allGone: (() => void) | undefined;

  constructor(options: ServerOptions, hooks: ServerHooks) {
    this.options = options;
    this.#ownClock = options.clock ? undefined : new SystemClock();
    this.clock = options.clock ?? this.#ownClock!;
    this.store = createStore({
      maxBytes: options.memoryBytes,
      maxItemBytes: options.maxItemBytes,
      clock: this.clock,
      evict: options.evict,
      cas: options.cas,
      growthFactor: options.growthFactor,
      minItemBytes: options.minItemBytes,
      ...(options.hashSeed === undefined ? {} : { seed: options.hashSeed }),
    });
    const { store, clock, events } = this;
    this.#core = new ServerCore({ options, store, clock, events, hooks });
    this.events.on("disconnected", () => {
      if (this.#core.sessions.size === 0) this.#allGone?.();
    });
  }

  get metrics(): MetricsSource {
    return this.#core.counters;
  }

  applyMutation(mutation: AppliedMutation): boolean {
    return applyMutation(this.store, mutation);
  }

  async listen(): Promise<Endpoint[]> {
    const endpoints: Endpoint[] = [];
    try {
      for (const listener of this.options.listeners) {
        const opened = nodeListener({
          listener,
          backlog: this.options.backlog,
          readBuffer: this.#readBuffer,
          accept: this.accept,
          sharedRead: this.options.sharedReadBuffer,
          onError: (what, error) => {
            this.events.emit("error", { what, error });
          },
        });
        this.#listeners.push(opened);
        endpoints.push(await opened.listen());
      }
    } catch (error) {
      await this.close();
      throw error;
    }
    this.#startTicking();
    for (const endpoint of endpoints) this.events.emit("listening", { endpoint });
    if (this.options.warmUp) {
      warmUp(() => this.#closing === undefined).catch((error: unknown) => {
        this.events.emit("error", { what: "warm-up", error });
      });
    }
    return endpoints;
  }

  close({ graceMs = 500 }: { readonly graceMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  readonly accept = (transport: Transport): Session | undefined => {
    const core = this.#core;
    const { maxConnections } = this.options;
    if (this.#closing !== undefined) {
      transport.end();
      return undefined;
    }
    if (core.sessions.size >= maxConnections) {
      core.counts[Count.rejected_connections]!++;
      this.events.emit("rejected", { connections: core.sessions.size, maxConnections });
      transport.write(Lines.tooManyConnections, 0, Lines.tooManyConnections.length);
      transport.end();
      return undefined;
    }
    core.counts[Count.total_connections]!++;
    const session = new Session(core, transport, this.#nextId++);
    core.sessions.add(session);
    this.events.emit("connected", { id: session.id, remote: transport.remote });
    return session;
  };

  async #close(graceMs: number): Promise<void> {
    const { sessions } = this.#core;
    const listeners = Promise.all(this.#listeners.map((listener) => listener.close()));
    if (sessions.size > 0) {
      const gone = new Promise<void>((resolve) => {
        this.#allGone = resolve;
      });
      for (const session of sessions) session.close("server");
      const deadline = setTimeout(() => {
        for (const session of sessions) session.destroy("server");
      }, graceMs);
      await gone;
      clearTimeout(deadline);
    }
    this.#stopTicking?.();
    this.#ownClock?.stop();
    clearInterval(this.#ticker);
    await listeners;
  }

  #startTicking(): void {
    if (this.#ownClock) {
      this.#stopTicking = this.#ownClock.onTick(this.#tick);
      this.#ownClock.start();
    } else {
      // Somebody else moves the clock; the sweeps still come about once a second.
      this.#ticker = setInterval(this.#tick, 1000);
      this.#ticker.unref();
    }
  }

  /** Once a second: reclaims what has expired, and ends sessions that are silent or don't go. */
  readonly #tick = (): void => {
    this.store.tick();
    const now = this.clock.seconds;
    const { idleTimeoutSec } = this.options;
    for (const session of this.#core.sessions) {
      if (session.closingSince !== 0) {
        if (now - session.closingSince > CLOSING_SEC) session.destroy(session.disconnectReason);
      } else if (idleTimeoutSec > 0 && now - session.lastActive > idleTimeoutSec && session.transport.isRemote) {
        this.#core.counts[Count.idle_kicks]!++;
        session.destroy("idle_timeout");
      }
    }
  };
}

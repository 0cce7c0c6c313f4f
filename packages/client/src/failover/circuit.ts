// The client's own rules, for pools that have no PHP program to agree with: a circuit per server. A server that can't be
// connected to, or lets several requests in a row time out, is out of use; calls for its keys fail at once, and the pool
// itself tries it, not the callers. Keys never move to another server by these rules: a call may ask for that.

import { CacheError } from "@marugoto/core";
import { rendezvous, type Placement } from "@marugoto/hashing";
import { Refusal, type FailoverPolicy, type PoolServer } from "./failover.ts";

export interface CircuitOptions {
  /** Makes the placement of the members. Default: weighted rendezvous over the servers' names. */
  readonly placement?: (servers: readonly PoolServer[]) => Placement;
  /** Requests that time out in a row, without any answer between them, before the server is out of use. Default 3. */
  readonly timeoutLimit?: number;
  /** Connections lost in a row without an answer on them, before the server is out of use. Default 3. */
  readonly lossLimit?: number;
}

interface ServerState {
  readonly server: PoolServer;
  open: boolean;
  timeouts: number;
  losses: number;
}

export class CircuitPolicy implements FailoverPolicy {
  readonly reconnect = "background";
  readonly timeoutEndsRequest = true;
  onChange?: (server: number, usable: boolean, error?: CacheError) => void;
  readonly #makePlacement: (servers: readonly PoolServer[]) => Placement;
  readonly #timeoutLimit: number;
  readonly #lossLimit: number;
  #placement: Placement | null = null;
  #states: ServerState[] = [];

  /** @throws CacheError `invalid_option` */
  constructor(options: CircuitOptions = {}) {
    this.#makePlacement =
      options.placement ??
      ((servers) => rendezvous({ servers: servers.map(({ name, weight }) => ({ name, weight })) }));
    this.#timeoutLimit = checkLimit("timeoutLimit", options.timeoutLimit ?? 3);
    this.#lossLimit = checkLimit("lossLimit", options.lossLimit ?? 3);
  }

  setServers(servers: readonly PoolServer[]): void {
    const placement = servers.length === 0 ? null : this.#makePlacement(servers);
    const before = this.#states;
    this.#states = servers.map((server) => {
      const known = before.find((state) => state.server === server);
      return known ?? { server, open: false, timeouts: 0, losses: 0 };
    });
    this.#placement = placement;
  }

  /** Whether a server is in use. */
  isUsable(server: number): boolean {
    return !this.#states[server]!.open;
  }

  owner(key: Uint8Array, start: number, end: number): number {
    if (this.#placement === null) return Refusal.noServer;
    return this.#states.length === 1 ? 0 : this.#placement.serverIndex(key, start, end);
  }

  first(key: Uint8Array, start: number, end: number): number {
    const server = this.owner(key, start, end);
    if (server >= 0 && this.#states[server]!.open) return Refusal.serverDisabled;
    return server;
  }

  next(): number {
    return Refusal.lastError;
  }

  connectFailed(server: number, error: CacheError): void {
    this.#open(server, error);
  }

  connectionLost(server: number, _idle: boolean, error: CacheError): void {
    const state = this.#states[server]!;
    if (++state.losses >= this.#lossLimit) this.#open(server, error);
  }

  timedOut(server: number): void {
    const state = this.#states[server]!;
    if (++state.timeouts < this.#timeoutLimit) return;
    const message = `${state.server.name}: ${state.timeouts} requests in a row had no answer in time`;
    this.#open(server, new CacheError("timeout", message));
  }

  connected(server: number): void {
    const state = this.#states[server]!;
    state.timeouts = 0;
    if (!state.open) return;
    state.open = false;
    this.onChange?.(server, true);
  }

  answered(server: number): void {
    const state = this.#states[server]!;
    if ((state.timeouts | state.losses) !== 0) state.timeouts = state.losses = 0;
  }

  #open(server: number, error: CacheError): void {
    const state = this.#states[server]!;
    if (state.open) return;
    state.open = true;
    this.onChange?.(server, false, error);
  }
}

function checkLimit(name: string, value: number): number {
  if (!Number.isInteger(value) || value < 1) {
    throw new CacheError("invalid_option", `${name} is ${value}, must be a whole number from 1`);
  }
  return value;
}

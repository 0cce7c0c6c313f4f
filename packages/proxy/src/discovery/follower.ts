// Follows a name: looks it up again and again, and tells the pool's servers when they have changed. A look-up that fails
// or finds nothing changes nothing.

import { performance } from "node:perf_hooks";
import { DEFAULT_PORT, formatEndpoint, parseEndpoint } from "@marugoto/core";
import type { FollowConfig, ServerConfig } from "../config/types.ts";
import { DnsResolver, type NameResolver } from "./resolver.ts";
import { SlotTable } from "./slots.ts";

export interface FollowerOptions {
  readonly config: FollowConfig;
  /** Line of the pool in its file, for the servers that are found. */
  readonly line: number;
  /** The servers have changed, or are known for the first time. */
  readonly onServers: (servers: readonly ServerConfig[]) => void;
  /** A look-up failed; the servers stay as they are. */
  readonly onError: (error: unknown) => void;
  /** Default: the DNS of this machine. */
  readonly resolver?: NameResolver;
  /** Milliseconds of a clock that only goes forward. Default: `performance.now`. */
  readonly now?: () => number;
}

export class Follower {
  readonly #options: FollowerOptions;
  readonly #resolver: NameResolver;
  readonly #now: () => number;
  readonly #slots: SlotTable;
  /** Address → weight, of SRV records. */
  readonly #weights = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #running = false;

  constructor(options: FollowerOptions) {
    const { kind, name, keepMs } = options.config;
    this.#options = options;
    this.#resolver = options.resolver ?? new DnsResolver();
    this.#now = options.now ?? (() => performance.now());
    this.#slots = new SlotTable(kind === "dns" ? name : undefined, keepMs);
  }

  /** Looks once, then at every interval until `close`. @returns when the first look has succeeded or failed */
  async start(): Promise<void> {
    this.#running = true;
    await this.#look();
  }

  /** No look-up begins any more, and what a running one finds is told nobody. */
  close(): void {
    this.#running = false;
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    const { onServers, onError } = this.#options;
    try {
      const servers = await this.#find();
      if (this.#running && servers !== undefined) onServers(servers);
    } catch (error) {
      if (this.#running) onError(error);
    }
    if (!this.#running) return;
    this.#timer = setTimeout(() => void this.#look(), this.#options.config.intervalMs);
    this.#timer.unref();
  }

  /** @returns the servers; undefined when they are the same as before */
  async #find(): Promise<readonly ServerConfig[] | undefined> {
    const { name, kind, port, timeoutMs } = this.#options.config;
    if (kind === "dns") {
      const hosts = await this.#resolver.addresses(name, timeoutMs);
      return this.#seat(hosts.map((host) => formatEndpoint({ kind: "tcp", host, port })));
    }
    const records = await this.#resolver.services(name, timeoutMs);
    // Weights that are all equal say nothing, and 0 would mean no keys at all.
    const equal = records.every(({ weight }) => weight === records[0]!.weight);
    let changed = false;
    const addresses = records.map((record) => {
      const address = formatEndpoint({ kind: "tcp", ...record });
      const weight = equal ? 1 : Math.max(record.weight, 1);
      changed ||= this.#weights.get(address) !== weight;
      this.#weights.set(address, weight);
      return address;
    });
    return this.#seat(addresses, changed);
  }

  #seat(addresses: readonly string[], changed = false): readonly ServerConfig[] | undefined {
    if (!this.#slots.update(addresses, this.#now()) && !changed) return undefined;
    return this.#slots.slots.map(({ name, address }) => this.#server(name, address));
  }

  #server(name: string, address: string): ServerConfig {
    const endpoint = parseEndpoint(address, DEFAULT_PORT);
    const weight = this.#weights.get(address) ?? 1;
    return { name, alias: name, address, endpoint, partner: undefined, weight, line: this.#options.line };
  }
}

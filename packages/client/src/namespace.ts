// Keys that can be forgotten together at the price of one write: every key carries the namespace's generation, and
// invalidating means to choose a new one. What lay under the old one is never asked for again and makes room by itself.

import { randomBytes } from "node:crypto";
import { CacheError } from "@marugoto/core";
import type { Client } from "./client.ts";

/** Reads and adds of a generation, before the server is given up: one keeps what it is sent, or loses it each time. */
const MAX_TRIES = 10;

export interface NamespaceOptions {
  /** How long a process may go on with a generation before it looks for a newer one, in ms. Default 1000. */
  readonly refreshMs?: number;
}

/** A part of the cache with an end of its own. Made by `client.namespace(name)`. */
export class Namespace<V = unknown> {
  readonly name: string;
  readonly #client: Client<V>;
  readonly #refreshMs: number;
  readonly #makeView: (prefix: string) => Client<V>;
  #generation = "";
  #view: Client<V> | undefined;
  #knownAtMs = -Infinity;
  #loading: Promise<Client<V>> | undefined;

  constructor(
    name: string,
    client: Client<V>,
    makeView: (prefix: string) => Client<V>,
    options: NamespaceOptions = {},
  ) {
    this.name = name;
    this.#client = client;
    this.#makeView = makeView;
    this.#refreshMs = options.refreshMs ?? 1000;
  }

  /**
   * The client for the keys of the present generation. Ask anew for each piece of work: it costs a read at most every
   * `refreshMs`.
   *
   * @throws CacheError when the server of the generation can't be asked
   */
  client(): Promise<Client<V>> {
    if (this.#view !== undefined && performance.now() - this.#knownAtMs < this.#refreshMs) {
      return Promise.resolve(this.#view);
    }
    return (this.#loading ??= this.#load().finally(() => (this.#loading = undefined)));
  }

  /** Forgets every key of this namespace: at once here, within `refreshMs` in other processes. */
  async invalidate(): Promise<void> {
    const generation = newGeneration();
    await this.#client.set(this.#key, generation, { onFailure: "throw" });
    this.#use(generation);
  }

  get #key(): string {
    return `${this.name}:generation`;
  }

  async #load(): Promise<Client<V>> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const known = await this.#client.get<string>(this.#key, { onFailure: "throw" });
      if (known !== undefined) return this.#use(known);
      // Of several that find none, one makes it; the others read what it made.
      const generation = newGeneration();
      if (await this.#client.add(this.#key, generation, { onFailure: "throw" })) return this.#use(generation);
    }
    const message = `${this.name}: in ${MAX_TRIES} tries its generation was neither found nor could be added`;
    throw new CacheError("server_error", message);
  }

  #use(generation: string): Client<V> {
    this.#knownAtMs = performance.now();
    if (this.#view === undefined || generation !== this.#generation) {
      this.#generation = generation;
      this.#view = this.#makeView(`${this.name}:${generation}:`);
    }
    return this.#view;
  }
}

/** Never used before: an evicted generation must not come back as a number that was there already. */
function newGeneration(): string {
  return randomBytes(9).toString("base64url");
}

// For new pools: servers come, go and change weight in any order, and only their own share of the keys moves.

import { rendezvousWinner } from "../distributions/rendezvous.ts";
import { murmur3Seeded } from "../hashes/murmur3.ts";
import { BasePlacement, type PlacementServer } from "../placement.ts";
import { invalid } from "./checks.ts";

export interface RendezvousServer {
  /** Any text, different for each server. What the server is, not where: a moved server keeps its name and its keys. */
  readonly name: string;
  /** Any positive number; default 1. */
  readonly weight?: number;
}

export interface RendezvousOptions {
  /** Names or names with weights, in any order. */
  readonly servers: readonly (string | RendezvousServer)[];
}

const FIRST_SEED = 0;
const SECOND_SEED = 0x9747b28c;

export class RendezvousPlacement extends BasePlacement {
  readonly servers: readonly PlacementServer[];
  readonly #first: Int32Array;
  readonly #second: Int32Array;
  readonly #weights: Float64Array | undefined;
  /** Positions are in order of name, so that the order of `servers` counts for nothing, not even between equal lots. */
  readonly #order: Uint32Array;

  constructor(options: RendezvousOptions) {
    super();
    if (options.servers.length === 0) throw invalid("rendezvous needs at least one server");
    this.servers = options.servers.map((server) => {
      const { name, weight = 1 } = typeof server === "string" ? { name: server } : server;
      if (!(weight > 0 && weight < Infinity)) throw invalid(`weight of ${name} is ${weight}; it must be positive`);
      return { id: name, name, weight };
    });
    const names = this.servers.map(({ name }) => Buffer.from(name, "utf8"));
    const order = Array.from(names.keys()).sort((a, b) => Buffer.compare(names[a]!, names[b]!));
    for (let i = 1; i < order.length; i++) {
      const name = names[order[i]!]!;
      if (name.equals(names[order[i - 1]!]!)) throw invalid(`two servers have the name "${name.toString()}"`);
    }
    this.#order = Uint32Array.from(order);
    this.#first = Int32Array.from(order, (i) => murmur3Seeded(names[i]!, 0, names[i]!.length, FIRST_SEED));
    this.#second = Int32Array.from(order, (i) => murmur3Seeded(names[i]!, 0, names[i]!.length, SECOND_SEED));
    if (this.servers.some(({ weight }) => weight !== this.servers[0]!.weight)) {
      this.#weights = Float64Array.from(order, (i) => this.servers[i]!.weight);
    }
  }

  serverIndex(bytes: Uint8Array, start: number, end: number): number {
    const hash = murmur3Seeded(bytes, start, end, FIRST_SEED);
    return this.#order[rendezvousWinner(hash, this.#first, this.#second, this.#weights)]!;
  }

  protected override settings(): string {
    return this.#weights ? "rendezvous, weighted" : "rendezvous";
  }
}

/** @throws CacheError `invalid_option` */
export function rendezvous(options: RendezvousOptions): RendezvousPlacement {
  return new RendezvousPlacement(options);
}

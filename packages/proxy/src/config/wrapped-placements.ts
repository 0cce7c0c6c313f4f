// Placements over another placement, for what only a proxy needs: heirs of ejected servers, keys whose prefix is not
// hashed, and nutcracker's `random`.

import {
  NO_SERVER,
  rendezvous,
  type Placement,
  type PlacementServer,
  type RendezvousPlacement,
} from "@marugoto/hashing";

/** The owner of the key `bytes[start, end)`. */
export type Owner = (bytes: Uint8Array, start: number, end: number) => number;

abstract class WrappedPlacement implements Placement {
  readonly servers: readonly PlacementServer[];
  protected readonly inner: Placement;

  constructor(inner: Placement) {
    this.inner = inner;
    this.servers = inner.servers;
  }

  abstract serverIndex(bytes: Uint8Array, start: number, end: number): number;

  serverIndexOf(key: string): number {
    const bytes = Buffer.from(key, "utf8");
    return this.serverIndex(bytes, 0, bytes.length);
  }

  describe(): string {
    return this.inner.describe();
  }
}

/** Keys of ejected servers go to the others, by rendezvous over their names; all other keys stay. */
export class HeirPlacement extends WrappedPlacement {
  readonly #owner: Owner;
  readonly #ejected: ReadonlySet<number>;
  readonly #heirs: RendezvousPlacement | undefined;
  /** Index among the heirs → server index. */
  readonly #index: readonly number[];

  /**
   * @param owner gives a key's server; it may be an ejected one
   * @param ejected not empty
   */
  constructor(
    inner: Placement,
    servers: readonly { readonly name: string; readonly weight: number }[],
    ejected: readonly number[],
    owner: Owner,
  ) {
    super(inner);
    this.#owner = owner;
    this.#ejected = new Set(ejected);
    this.#index = servers.flatMap((_, i) => (this.#ejected.has(i) ? [] : [i]));
    if (this.#index.length > 0) {
      this.#heirs = rendezvous({
        servers: this.#index.map((i) => ({ name: servers[i]!.name, weight: servers[i]!.weight })),
      });
    }
  }

  serverIndex(bytes: Uint8Array, start: number, end: number): number {
    if (this.#heirs === undefined) return NO_SERVER;
    const owner = this.#owner(bytes, start, end);
    return this.#ejected.has(owner) ? this.#index[this.#heirs.serverIndex(bytes, start, end)]! : owner;
  }

  override describe(): string {
    return `${this.inner.describe()}; ${this.#ejected.size} ejected`;
  }
}

/** Keys that begin with `prefix` are placed by what comes after it. */
export class UnprefixedPlacement extends WrappedPlacement {
  readonly #prefix: Uint8Array;

  constructor(inner: Placement, prefix: string) {
    super(inner);
    this.#prefix = Buffer.from(prefix, "utf8");
  }

  serverIndex(bytes: Uint8Array, start: number, end: number): number {
    return this.inner.serverIndex(
      bytes,
      this.#startsWithPrefix(bytes, start, end) ? start + this.#prefix.length : start,
      end,
    );
  }

  #startsWithPrefix(bytes: Uint8Array, start: number, end: number): boolean {
    // A key that is the prefix and nothing else is placed whole.
    if (end - start <= this.#prefix.length) return false;
    for (let i = 0; i < this.#prefix.length; i++) if (bytes[start + i] !== this.#prefix[i]) return false;
    return true;
  }
}

/** nutcracker's `distribution: random`: any server that is not ejected, for each request anew. */
export class RandomPlacement implements Placement {
  readonly servers: readonly PlacementServer[];
  readonly #live: readonly number[];
  readonly #random: () => number;

  /** @param random gives numbers from 0 to below 1 */
  constructor(servers: readonly PlacementServer[], ejected: readonly number[], random: () => number = Math.random) {
    this.servers = servers;
    this.#live = servers.flatMap((_, i) => (ejected.includes(i) ? [] : [i]));
    this.#random = random;
  }

  serverIndex(): number {
    return this.#live[Math.floor(this.#random() * this.#live.length)] ?? NO_SERVER;
  }

  serverIndexOf(): number {
    return this.serverIndex();
  }

  describe(): string {
    return `twemproxy, random: ${this.servers.map(({ id }) => id).join(", ")}`;
  }
}

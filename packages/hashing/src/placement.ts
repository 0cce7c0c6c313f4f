// What every preset gives: a placement. It knows names and weights, not addresses to dial and not who is alive.

import { KeyScratch } from "./key-scratch.ts";

/** The answer for a key that the copied program refuses to place. */
export const NO_SERVER = -1;

export interface PlacementServer {
  /**
   * `host:port`, `[v6]:port`, the path of a Unix socket, or a name: the same text for the same server under every
   * preset, so that two placements can be compared.
   */
  readonly id: string;
  /** The text that is hashed for this server by the distributions that hash servers. */
  readonly name: string;
  readonly weight: number;
}

export interface Placement {
  /** In the order they were given; a server index counts from 0 in this list. */
  readonly servers: readonly PlacementServer[];

  /**
   * The owner of the key `bytes[start, end)`: a server index, or `NO_SERVER`. Allocates nothing, keeps no reference to
   * `bytes`.
   */
  serverIndex(bytes: Uint8Array, start: number, end: number): number;

  /** As `serverIndex`, for a key as text, which is hashed as UTF-8. */
  serverIndexOf(key: string): number;

  /** One line for people: program, settings, servers. */
  describe(): string;
}

const scratch = new KeyScratch();

/** The parts that all placements share. */
export abstract class BasePlacement implements Placement {
  abstract readonly servers: readonly PlacementServer[];
  abstract serverIndex(bytes: Uint8Array, start: number, end: number): number;
  protected abstract settings(): string;

  serverIndexOf(key: string): number {
    const end = scratch.encode(key);
    return this.serverIndex(scratch.bytes, 0, end);
  }

  describe(): string {
    const servers = this.servers.map((server) => {
      const label = this.label(server);
      return server.weight === 1 ? label : `${label}*${server.weight}`;
    });
    return `${this.settings()}: ${servers.join(", ")}`;
  }

  /** How `describe` calls a server, without its weight. */
  protected label(server: PlacementServer): string {
    return server.id;
  }
}

// For new pools of numbered servers: the fastest even placement, if servers are only ever added or removed at the end.

import { jumpHash } from "../distributions/jump.ts";
import { murmur3Seeded } from "../hashes/murmur3.ts";
import { BasePlacement, type PlacementServer } from "../placement.ts";
import { invalid } from "./checks.ts";

export interface JumpOptions {
  /** Names; only their number and order count. There are no weights. */
  readonly servers: readonly string[];
}

export class JumpPlacement extends BasePlacement {
  readonly servers: readonly PlacementServer[];
  readonly #count: number;

  constructor(options: JumpOptions) {
    super();
    if (options.servers.length === 0) throw invalid("jump needs at least one server");
    this.servers = options.servers.map((name) => ({ id: name, name, weight: 1 }));
    this.#count = this.servers.length;
  }

  /** The 64 bits that jump from bucket to bucket are MurmurHash3 x86_32 with seed 0 above and with seed 1 below. */
  serverIndex(bytes: Uint8Array, start: number, end: number): number {
    return jumpHash(murmur3Seeded(bytes, start, end, 0), murmur3Seeded(bytes, start, end, 1), this.#count);
  }

  protected override settings(): string {
    return "jump";
  }
}

/** @throws CacheError `invalid_option` without a server */
export function jump(options: JumpOptions): JumpPlacement {
  return new JumpPlacement(options);
}

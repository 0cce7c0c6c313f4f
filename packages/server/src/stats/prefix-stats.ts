// `stats detail`: gets, hits, sets and deletes per key prefix, the part of a key before the first delimiter. Counts
// only while switched on. Prefixes come from clients, so their number is bounded.

import type { StatRows } from "./rows.ts";

/** Prefixes that are told apart; keys of further ones are not counted. */
const MAX_PREFIXES = 100_000;

interface PrefixCounts {
  gets: number;
  hits: number;
  sets: number;
  deletes: number;
}

export class PrefixStats {
  enabled: boolean;
  readonly #delimiter: number;
  readonly #prefixes = new Map<string, PrefixCounts>();

  constructor(delimiter: string, enabled: boolean) {
    this.#delimiter = delimiter.charCodeAt(0);
    this.enabled = enabled;
  }

  get(key: Buffer, start: number, end: number, hit: boolean): void {
    const counts = this.#find(key, start, end);
    if (counts === undefined) return;
    counts.gets++;
    if (hit) counts.hits++;
  }

  set(key: Buffer, start: number, end: number): void {
    const counts = this.#find(key, start, end);
    if (counts !== undefined) counts.sets++;
  }

  delete(key: Buffer, start: number, end: number): void {
    const counts = this.#find(key, start, end);
    if (counts !== undefined) counts.deletes++;
  }

  /** `stats reset` forgets all prefixes. */
  clear(): void {
    this.#prefixes.clear();
  }

  /** `stats detail dump`. */
  dump(rows: StatRows): void {
    for (const [prefix, { gets, hits, sets, deletes }] of this.#prefixes) {
      rows.raw(`PREFIX ${prefix} get ${gets} hit ${hits} set ${sets} del ${deletes}`);
    }
  }

  /** A key without a delimiter has no prefix and isn't counted, as in memcached. */
  #find(key: Buffer, start: number, end: number): PrefixCounts | undefined {
    let at = start;
    while (at < end && key[at] !== this.#delimiter) at++;
    if (at >= end) return undefined;
    const prefix = key.toString("latin1", start, at);
    let counts = this.#prefixes.get(prefix);
    if (counts === undefined) {
      if (this.#prefixes.size >= MAX_PREFIXES) return undefined;
      counts = { gets: 0, hits: 0, sets: 0, deletes: 0 };
      this.#prefixes.set(prefix, counts);
    }
    return counts;
  }
}

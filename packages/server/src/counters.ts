// A server's counters: numbers in one typed array, so that counting allocates nothing and several threads can each
// have their own and be summed when read. The names are memcached's.

import type { Metric, MetricsSource } from "@marugoto/core";

/** Index of each counter. The key is the name in `stats`, and their order is the order there. */
export const Count = {
  total_connections: 0,
  rejected_connections: 1,
  cmd_get: 2,
  cmd_set: 3,
  cmd_flush: 4,
  cmd_touch: 5,
  cmd_meta: 6,
  get_hits: 7,
  get_misses: 8,
  get_expired: 9,
  get_flushed: 10,
  delete_misses: 11,
  delete_hits: 12,
  incr_misses: 13,
  incr_hits: 14,
  decr_misses: 15,
  decr_hits: 16,
  cas_misses: 17,
  cas_hits: 18,
  cas_badval: 19,
  touch_hits: 20,
  touch_misses: 21,
  store_too_large: 22,
  store_no_memory: 23,
  idle_kicks: 24,
  bytes_read: 25,
  bytes_written: 26,
  conn_yields: 27,
  lru_crawler_starts: 28,
} as const;

const COUNTERS = Object.keys(Count).length;

/** `counters.values[Count.get_hits]++` is the whole of counting. */
export class Counters implements MetricsSource {
  readonly values: Float64Array;

  constructor(values = new Float64Array(COUNTERS)) {
    this.values = values;
  }

  read(index: number): number {
    return this.values[index] ?? 0;
  }

  /** `stats reset`: everything that counts events goes to 0. */
  reset(): void {
    this.values.fill(0);
  }

  *metrics(): Iterable<Metric> {
    for (const [name, index] of Object.entries(Count)) {
      const unit = name.startsWith("bytes") ? "bytes" : "count";
      yield { name, kind: "counter", unit, read: () => this.read(index) };
    }
  }
}

// How a layer offers its figures without knowing who shows them: `stats` reads them today, a metrics endpoint later.

/** A figure that can be read at any time. */
export interface Metric {
  /** Name in memcached's own words where it has one, e.g. `curr_items`. */
  readonly name: string;
  readonly kind: "counter" | "gauge";
  readonly unit: "items" | "bytes" | "seconds" | "requests" | "connections" | "count";
  read(): number;
}

/** Anything that has figures. */
export interface MetricsSource {
  metrics(): Iterable<Metric>;
}

// What the proxy counts, as others read it: nutcracker's 19 fields under nutcracker's names. Who shows them (the stats
// port, `stats` on a client's connection) is another's business.

/** The six fields of a pool. */
export interface PoolCounters {
  /** Clients that closed their connection. */
  readonly client_eof: number;
  /** Client connections that ended by an error. */
  readonly client_err: number;
  /** Clients connected now. */
  readonly client_connections: number;
  /** Times a server was put out of use. */
  readonly server_ejects: number;
  /** Requests that could not be sent on. */
  readonly forward_error: number;
  /** Parts that requests for several keys were split into. */
  readonly fragments: number;
}

/** The thirteen fields of a server. */
export interface ServerCounters {
  /** Connections that the server closed. */
  readonly server_eof: number;
  /** Connections that ended by an error. */
  readonly server_err: number;
  /** Requests without an answer in time. */
  readonly server_timedout: number;
  /** Connections open now. */
  readonly server_connections: number;
  /** Microseconds since 1970 of the last ejection; 0 = never. */
  readonly server_ejected_at: number;
  readonly requests: number;
  readonly request_bytes: number;
  readonly responses: number;
  readonly response_bytes: number;
  /** Requests that wait to be sent now, and their bytes. */
  readonly in_queue: number;
  readonly in_queue_bytes: number;
  /** Requests that wait for their answer now, and their bytes. */
  readonly out_queue: number;
  readonly out_queue_bytes: number;
}

export interface PoolStats {
  readonly name: string;
  readonly counters: PoolCounters;
  /** In the order of the pool; `name` as nutcracker names the server. */
  readonly servers: readonly { readonly name: string; readonly counters: ServerCounters }[];
}

/** A reading of everything, at one moment. */
export interface ProxyStats {
  /** Whole seconds since the proxy was started. */
  readonly uptimeSec: number;
  /** Clients ever and now, of all pools. */
  readonly totalConnections: number;
  readonly currConnections: number;
  readonly pools: readonly PoolStats[];
}

/** Anything that can be read so; the proxy is one. */
export interface ProxyStatsSource {
  read(): ProxyStats;
}

// What is counted per pool, under names of our own; stats/snapshot.ts shows them under nutcracker's and as `stats` rows.

export class PoolCounts {
  /** Clients that closed their connection. */
  clientEofs = 0;
  /** Clients whose connection ended by an error. */
  clientErrors = 0;
  /** Clients connected now. */
  clients = 0;
  /** Clients ever. */
  totalClients = 0;
  /** Clients that were turned away. */
  rejectedClients = 0;
  /** Times a server was put out of use. */
  serverEjects = 0;
  /** Requests that could not be sent on. */
  forwardErrors = 0;
  /** Parts that requests for several keys were split into. */
  fragments = 0;
  /** Requests of clients. */
  requests = 0;
  /** Keys that were asked for. */
  keysRead = 0;
}

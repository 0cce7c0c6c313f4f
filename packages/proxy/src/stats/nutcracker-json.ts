// A reading of the counters as nutcracker's stats port writes it: one line of JSON with its 19 field names, its order and
// its spacing, so that what reads nutcracker reads this.

import type { PoolCounters, PoolStats, ProxyStats, ServerCounters } from "./types.ts";

/** What stands before the pools. */
export interface StatsHead {
  /** The machine's name. */
  readonly source: string;
  readonly version: string;
  /** Seconds since 1970. */
  readonly timestampSec: number;
}

/** The meaning of each field, in the order in which nutcracker writes them. */
export const poolFields: Readonly<Record<keyof PoolCounters, string>> = {
  client_eof: "connections that clients closed",
  client_err: "client connections that ended by an error",
  client_connections: "client connections open now",
  server_ejects: "times a server was put out of use",
  forward_error: "requests that could not be sent on",
  fragments: "parts that requests for several keys were split into",
};

/** As `poolFields`, for each server. */
export const serverFields: Readonly<Record<keyof ServerCounters, string>> = {
  server_eof: "connections that the server closed",
  server_err: "connections to the server that ended by an error",
  server_timedout: "requests without an answer in time",
  server_connections: "connections to the server open now",
  server_ejected_at: "when it was last put out of use, in microseconds since 1970; 0 = never",
  requests: "requests sent to the server",
  request_bytes: "bytes of these requests",
  responses: "answers of the server",
  response_bytes: "bytes of these answers",
  in_queue: "requests that wait to be sent now",
  in_queue_bytes: "bytes of these requests",
  out_queue: "requests that wait for their answer now",
  out_queue_bytes: "bytes of these requests",
};

/** Values under `service` that a reader may look for. */
const SERVICE = "nutcracker";

/** The line, with its line feed. */
export function toNutcrackerJson(stats: ProxyStats, { source, version, timestampSec }: StatsHead): string {
  const head = [
    pair("service", SERVICE),
    pair("source", source),
    pair("version", version),
    pair("uptime", stats.uptimeSec),
    pair("timestamp", timestampSec),
    pair("total_connections", stats.totalConnections),
    pair("curr_connections", stats.currConnections),
  ];
  return `{${[...head, ...stats.pools.map(poolJson)].join(", ")}}\n`;
}

function poolJson({ name, counters, servers }: PoolStats): string {
  const fields = namesOf(poolFields).map((field) => pair(field, counters[field]));
  const members = servers.map((server) => {
    const rows = namesOf(serverFields).map((field) => pair(field, server.counters[field]));
    return `${JSON.stringify(server.name)}: {${rows.join(", ")}}`;
  });
  return `${JSON.stringify(name)}: {${[...fields, ...members].join(", ")}}`;
}

function namesOf<Name extends string>(fields: Readonly<Record<Name, string>>): Name[] {
  return Object.keys(fields) as Name[];
}

function pair(name: string, value: string | number): string {
  return `${JSON.stringify(name)}:${JSON.stringify(value)}`;
}

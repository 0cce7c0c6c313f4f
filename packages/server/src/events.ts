// What a server tells the program around it. The app decides how it reads in a log.

import type { Endpoint } from "@marugoto/core";

export interface ServerEvents {
  /** A listener is open; the port is the real one where 0 was asked for. */
  listening: { readonly endpoint: Endpoint };
  connected: { readonly id: number; readonly remote: string };
  /** `reason`: the client left, an error of the socket, idle_timeout, or the server ended it. */
  disconnected: { readonly id: number; readonly remote: string; readonly reason: DisconnectReason };
  /** More clients than maxConnections: this one was told so and closed. */
  rejected: { readonly connections: number; readonly maxConnections: number };
  /** A client line as it was understood, only when verbosity is 2 or more. */
  request: { readonly id: number; readonly line: string };
  /** The `shutdown` command was obeyed; the app now ends the process. */
  shutdown: { readonly graceful: boolean };
  /** `verbosity n`. */
  verbosity: { readonly level: number };
  /** Something failed that no client can be told of. */
  error: { readonly what: string; readonly error: unknown };
}

export type DisconnectReason = "client" | "error" | "idle_timeout" | "server";

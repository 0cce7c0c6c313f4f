// The interface between a conversation and the sockets that carry it.

import type { LoadResult, TransportName } from "./spec.ts";

/** How long a server may leave every connection without an answer before a run fails. */
export const SILENCE_MS = 10_000;

/** Open connections to one server, idle between runs. */
export interface LoadSession {
  readonly transport: TransportName;
  /** Runs the load and waits for every answer. A fill ends when all keys are sent, if that is earlier. */
  run(seconds: number): Promise<LoadResult>;
  close(): void;
}

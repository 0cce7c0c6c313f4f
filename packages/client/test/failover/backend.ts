// What a replay needs: servers that can be stopped, frozen and looked into, and clients that behave as a PHP class. There
// may be several of them: simulated ones under a virtual clock, real processes, PHP itself.

import type { Outcome, Transcript, Verb } from "./transcript.ts";

export interface ReplayClient {
  run(verb: Verb, key: string | string[], value: string | undefined): Promise<Outcome>;
  /** The recorded port of the server that the client would ask; null: none. */
  owner(key: string): Promise<number | null>;
  close(): Promise<void>;
}

/** Ports are those of the transcript, whatever the servers' real addresses are. */
export interface ReplayBackend {
  createClient(): Promise<ReplayClient>;
  stop(port: number): Promise<void>;
  /** Starts a stopped server, empty. */
  start(port: number): Promise<void>;
  freeze(port: number): Promise<void>;
  thaw(port: number): Promise<void>;
  wait(ms: number): Promise<void>;
  /** Waits until the clock that clients count seconds with has just begun a new one. */
  alignToSecond(): Promise<void>;
  /** Key → value, or null for a server that is down. */
  stored(port: number): Promise<Record<string, string> | null>;
  close(): Promise<void>;
}

/** Makes the servers of a transcript, up and empty. */
export type CreateBackend = (transcript: Pick<Transcript, "class" | "config" | "servers">) => Promise<ReplayBackend>;

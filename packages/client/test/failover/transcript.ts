// What PHP's two classes did while servers were stopped, started and frozen, event by event: the recorded transcripts.

import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { repositoryRoot } from "@marugoto/testing";

export type Verb =
  "set" | "add" | "replace" | "append" | "prepend" | "get" | "getMulti" | "incr" | "decr" | "delete" | "touch";

/** What a call gave: PHP's return value, and for Memcached getResultCode(). */
export interface Outcome {
  result: unknown;
  code?: number;
}

/** One line of a transcript; only the fields that are compared or that steer the replay. */
export interface TranscriptEvent {
  /** Milliseconds since the beginning, when the event was over. */
  t?: number;
  ms?: number;
  phase?: string;
  client?: string;
  do?: Verb;
  key?: string | string[];
  value?: string;
  result?: unknown;
  code?: number;
  clientThinks?: Record<string, number>;
  stop?: number;
  start?: number;
  freeze?: number;
  thaw?: number;
  wait?: number;
  stored?: Record<string, Record<string, string> | null>;
}

export interface TranscriptConfig {
  /** Of class Memcache: php.ini's memcache.*, and what addServer gets. */
  ini?: Record<string, string | number | boolean>;
  retry_interval?: number;
  timeout?: number;
  /** Of class Memcached: setOption calls in their order, before the servers are added. */
  options?: Record<string, string | number | boolean>;
}

export interface Transcript {
  name: string;
  class: "Memcache" | "Memcached";
  config: TranscriptConfig;
  /** `host:port`, in the order of addServer. */
  servers: string[];
  clientPerPhase: boolean;
  events: TranscriptEvent[];
}

const named = process.env.MARUGOTO_GOLDEN;

const goldenDirectory = named ? resolve(repositoryRoot, named) : resolve(import.meta.dirname, "../../fixtures/golden");

/** All transcripts, of MARUGOTO_GOLDEN or of the repository. @throws Error when there are none */
export function readTranscripts(): Transcript[] {
  const folder = resolve(goldenDirectory, "php/transcripts");
  const files = readdirSync(folder).filter((file) => file.endsWith(".json"));
  if (files.length === 0) throw new Error(`${folder}: no transcripts`);
  console.log(`${named ? goldenDirectory : "fixtures/golden"}: php/transcripts: ${files.length} transcripts`);
  return files.sort().map((file) => {
    const transcript = JSON.parse(readFileSync(resolve(folder, file), "utf8")) as Transcript;
    // PHP writes an empty list for an array without keys.
    if (Array.isArray(transcript.config)) transcript.config = {};
    return transcript;
  });
}

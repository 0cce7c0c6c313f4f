// What a load generator is asked to do and what it answers: plain data that crosses a process boundary.

/** A closed loop: every connection writes `depth` requests at once and writes the next when all are answered. */
export interface LoadSpec {
  /** Port on 127.0.0.1. */
  readonly port: number;
  readonly connections: number;
  /** Requests per write. */
  readonly depth: number;
  /** Size of the key space; keys are drawn uniformly from `key:000000000000` on. */
  readonly keys: number;
  /** Keys per get request; more than one makes it a multiget. Classic dialect only. */
  readonly keysPerGet: number;
  readonly valueBytes: number;
  /** Share of the requests that are sets, 0 … 100. The others are gets. */
  readonly setPercent: number;
  /** `classic`: get and set; `meta`: mg and ms. */
  readonly dialect: "classic" | "meta";
  readonly seed: number;
  /** Write every key of the key space in order, once around, whatever `setPercent` says. */
  readonly fill: boolean;
}

/** A load of 50 connections, one get of a 32-byte value at a time over 10 000 keys. */
export const defaultLoad: Omit<LoadSpec, "port"> = {
  connections: 50,
  depth: 1,
  keys: 10_000,
  keysPerGet: 1,
  valueBytes: 32,
  setPercent: 0,
  dialect: "classic",
  seed: 1,
  fill: false,
};

export interface LoadResult {
  /** Requests sent and answered; a multiget is one. */
  readonly operations: number;
  readonly sets: number;
  /** Keys asked for by gets. */
  readonly asked: number;
  /** Values that came back. */
  readonly hits: number;
  /** Sets that were not stored; `refusal` is the first such answer. */
  readonly refused: number;
  readonly refusal: string;
  /** Bytes of answers. */
  readonly bytes: number;
  readonly seconds: number;
  /** Round trip of one write with all its answers, in µs. */
  readonly p50Us: number;
  readonly p99Us: number;
  /** CPU time of the generator's own process, in seconds. */
  readonly cpuSeconds: number;
}

/** How a generator moves its bytes: libc's own calls through node:ffi, or node:net where that is missing. */
export type TransportName = "ffi" | "net";

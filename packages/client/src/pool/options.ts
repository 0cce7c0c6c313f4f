// The options of a pool, with units and defaults, and nothing about values or namespaces.

import { CacheError, DEFAULT_PORT, formatEndpoint, parseEndpoint } from "@marugoto/core";
import type { TextAuthentication } from "../connection/connection.ts";
import type { SocketOptions } from "../connection/dial.ts";
import type { PoolServer } from "../failover/failover.ts";

/** A server: `host:port`, `[v6]:port`, `/path/of/a/socket`, or those with what belongs to them. */
export type ServerSpec = string | ServerOptions;

export interface ServerOptions {
  /** Where it is dialled: `host:port`, `[v6]:port` or the path of a Unix socket. The port defaults to 11211. */
  readonly address: string;
  /** What the distribution hashes. Default: the address. A server that moves keeps its keys when it keeps its name. */
  readonly name?: string;
  /** Positive; default 1. */
  readonly weight?: number;
  /** Seconds until a failed server may be tried again, for the failover rules that have such a time. */
  readonly retryIntervalSec?: number;
  /** False: failed from the start, for pecl-memcache's rules. Default true. */
  readonly status?: boolean;
}

export interface Timeouts {
  /** From the call to its answer, in ms, whatever the connection is doing. Default 1000. */
  readonly requestMs?: number;
  /** From dialling to the end of the handshake, in ms. Default 1000. */
  readonly connectMs?: number;
  /** Silence after a timeout, in ms, after which a connection is given up. Default: `requestMs`, at least 250. */
  readonly stallMs?: number;
  /** Longest wait before a server that is down and that nobody asks for is dialled again, in ms. Default 2000. */
  readonly maxBackoffMs?: number;
}

export interface Limits {
  /** Requests that may wait for one server's answers; beyond, a call fails with `queue_full`. Default 131072. */
  readonly maxRequests?: number;
  /** Bytes that may wait to be sent to one server; beyond, a call fails with `queue_full`. Default 64 MiB. */
  readonly maxBytes?: number;
  /** A longer value in an answer ends the connection. Default 128 MiB. */
  readonly maxValueBytes?: number;
  /** Most keys of one `get` line; default 100. */
  readonly maxLineKeys?: number;
  /** Most bytes of one `get` line; default 8000. */
  readonly maxLineBytes?: number;
}

export interface PoolOptions {
  readonly servers: readonly ServerSpec[];
  /** `auto` asks each server once, on a connection of its own. Default `auto`. */
  readonly protocol?: "auto" | "classic" | "meta";
  readonly socket?: SocketOptions;
  /** Name and password for memcached's `-Y`. */
  readonly authentication?: TextAuthentication;
  readonly timeouts?: Timeouts;
  readonly limits?: Limits;
  /**
   * When what was written leaves: called once after the first write, with what writes it all. Default: at the end
   * of the tick. A program that serves many sockets may gather the writes of a whole pass of the event loop.
   */
  readonly schedule?: (flush: () => void) => void;
}

export const defaults = {
  timeouts: { requestMs: 1000, connectMs: 1000, maxBackoffMs: 2000 },
  limits: {
    maxRequests: 131_072,
    maxBytes: 64 * 1024 * 1024,
    maxValueBytes: 128 * 1024 * 1024,
    maxLineKeys: 100,
    maxLineBytes: 8000,
  },
} as const;

/** @throws CacheError `invalid_endpoint`, `invalid_option` */
export function toPoolServer(spec: ServerSpec): PoolServer {
  const options: ServerOptions = typeof spec === "string" ? { address: spec } : spec;
  const endpoint = parseEndpoint(options.address, DEFAULT_PORT);
  const weight = options.weight ?? 1;
  if (!(weight > 0 && weight < Infinity)) {
    throw new CacheError("invalid_option", `weight of ${options.address} is ${weight}, must be positive`);
  }
  return {
    name: options.name ?? formatEndpoint(endpoint),
    endpoint,
    weight,
    ...(options.retryIntervalSec === undefined ? {} : { retryIntervalSec: options.retryIntervalSec }),
    ...(options.status === undefined ? {} : { status: options.status }),
  };
}

/** @throws CacheError `invalid_option` unless `value` is a number above 0 */
export function checkPositive(name: string, value: number): number {
  if (typeof value !== "number" || !(value > 0)) {
    throw new CacheError("invalid_option", `${name} is ${value}, must be above 0`);
  }
  return value;
}

// The seam between the pool, which moves bytes, and the rules that say which server a request goes to: one file per rule
// set stands beside this one. A policy owns the placement and what is known about each server; it opens no socket, waits
// for nothing and reads time from the clock it was made with.

import type { CacheError, Endpoint } from "@marugoto/core";

/** A member of a pool. Its index is its place in the list given to `setServers`. */
export interface PoolServer {
  /** What the distribution hashes: what the server is. Default: its address as its program writes it. */
  readonly name: string;
  /** Where it is dialled. */
  readonly endpoint: Endpoint;
  readonly weight: number;
  /** Seconds until a failed server may be tried again, as addServer's retry_interval; undefined: the policy's own. */
  readonly retryIntervalSec?: number;
  /** False: failed from the start, as addServer's status=false. Default true. Only pecl-memcache's rules know it. */
  readonly status?: boolean;
}

/** Whole milliseconds of Unix time. PHP's clients count in its whole seconds. */
export interface PoolClock {
  nowMs(): number;
}

/** What a request is to the rules: some apply to reads alone, some to writes alone. */
export const Operation = {
  /** get, gets. */
  read: 0,
  /** set, and nothing else: the one command that libmemcached copies to replicas. */
  set: 1,
  /** delete. */
  delete: 2,
  /** incr, decr. */
  arithmetic: 3,
  /** add, replace, append, prepend, cas. */
  conditional: 4,
  /** touch, gat. */
  touch: 5,
} as const;

export type Operation = (typeof Operation)[keyof typeof Operation];

/**
 * In place of a server index: the request is not sent. The absolute value is libmemcached's result code of the same
 * meaning, and each has its CacheErrorCode.
 */
export const Refusal = {
  /** No server for this key: the pool is empty or the key is refused. `no_server`. */
  noServer: -1,
  /** From `next` only: the request ends with the error it has. */
  lastError: -2,
  /** RES_CONNECTION_FAILURE: the connection was found dead. `connection_lost`. */
  connectionLost: -3,
  /** RES_TIMEOUT. `timeout`. */
  timeout: -31,
  /** RES_SERVER_MARKED_DEAD: ejected. `server_dead`. */
  serverDead: -35,
  /** RES_SERVER_TEMPORARILY_DISABLED: failed a short time ago and not tried again yet. `server_disabled`. */
  serverDisabled: -47,
} as const;

export type Refusal = (typeof Refusal)[keyof typeof Refusal];

/** How a try ended that brought no answer. */
export type FailureReason = "connect_failed" | "connection_lost" | "timeout" | "violation";

/** The way of one request from server to server. Made by the pool at the first failure; a policy may use `probes`. */
export interface Trail {
  /** Servers this request has failed on, in order; the last is the one that has just failed. */
  readonly failed: readonly number[];
  readonly reason: FailureReason;
  /** The policy's own counter, 0 at first: pecl-memcache's shared `i`. */
  probes: number;
}

/**
 * The rules of one pool. Every index is a place in the last list given to `setServers`. The pool reports each event
 * once, before it asks `next` for the requests that the event has hit.
 */
export interface FailoverPolicy {
  /**
   * Who dials a server again that is down. `background`: the pool, with back-off, and callers never wait for a dead
   * server. `on-demand`: the next request that the policy sends there, as PHP's clients do.
   */
  readonly reconnect: "background" | "on-demand";

  /**
   * True: a request that has timed out says nothing about the next one (libmemcached), the policy is told and the
   * request ends. False: it goes on with `next` like any other failure (pecl-memcache).
   */
  readonly timeoutEndsRequest: boolean;

  /**
   * True: copies are held back and leave with the next request to their server, or when the client closes, as
   * libmemcached has them wait in its buffer. Absent or false: they leave at once.
   */
  readonly copiesWait?: boolean;

  /**
   * True: a write ends when its copies have ended, too, and their answers count, as pecl-memcache has it. Absent or
   * false: the answer is that of the first server, and nobody hears of the copies.
   */
  readonly copiesAnswer?: boolean;

  /**
   * True: while a server is being dialled, `copies` is asked when the connection is up, and not at all when it fails, as
   * libmemcached first writes to the owner and then to the others. Absent or false: it is asked at once.
   */
  readonly copiesFollowConnect?: boolean;

  /**
   * True: a delete goes to the servers that `copies` names whatever becomes of it at the owner, and at once, as
   * libmemcached does. Absent or false: as any other write.
   */
  readonly deletesCopies?: boolean;

  /** The members from now on. What is known about a server that stays (same name and endpoint) is kept. */
  setServers(servers: readonly PoolServer[]): void;

  /** Who owns the key by what is known now: PHP's findServer and getServerByKey. No server is marked by it. */
  owner(key: Uint8Array, start: number, end: number): number;

  /** The server for a request's first try, or a Refusal. Called once per request; allocates nothing while all is well. */
  first(key: Uint8Array, start: number, end: number, operation: Operation): number;

  /**
   * The server for the next try of a request that has failed, or a Refusal: `lastError` ends it with the error it has,
   * any other with an error of its own. Of requests that waited for one connect that has failed, only the first is asked
   * for here where servers are dialled on demand; the others were never tried, and start again with `first`.
   */
  next(key: Uint8Array, start: number, end: number, operation: Operation, trail: Trail): number;

  /**
   * Where else a request is to go: redundancy, replicas. Appends server indexes to `out`, without `server`. Absent when
   * no write is ever copied. A copy that fails is not sent elsewhere.
   */
  copies?(key: Uint8Array, start: number, end: number, operation: Operation, server: number, out: number[]): void;

  // ---- what the pool reports ----

  /** A connect was refused, timed out or failed its handshake. Once per try, however many requests waited for it. */
  connectFailed(server: number, error: CacheError): void;

  /**
   * An open connection has ended or had to be closed. Not called when the pool itself closes it for good.
   *
   * @param idle no request was waiting on it; PHP's clients would notice only at the next request
   */
  connectionLost(server: number, idle: boolean, error: CacheError): void;

  /** A request got no answer in the time that the pool allows. Called per request. */
  timedOut(server: number): void;

  /** A connection is up: connected and, if there is one, past its handshake or probe. */
  connected(server: number): void;

  /** An answer came. Called at most once per read of a connection, so it must cost next to nothing. */
  answered(server: number): void;

  /** Set by the pool: to be called when a server goes out of use or comes back, with the error that did it. */
  onChange?: (server: number, usable: boolean, error?: CacheError) => void;
}

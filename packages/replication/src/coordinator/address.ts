// Where a coordinator is and which group it decides for, as one text: `etcd://host:port,host:port/group?ttl=3`.

import { CacheError, isCacheError, parseEndpoint } from "@marugoto/core";
import type { TcpEndpoint } from "../options.ts";

/** etcd's port for clients. */
const DEFAULT_ETCD_PORT = 2379;

/** etcd itself allows no shorter lease than 2 s with its default election timeout. */
const LEAST_TTL_SEC = 1;
const MOST_TTL_SEC = 3600;
const DEFAULT_TTL_SEC = 3;

export interface CoordinatorAddress {
  /** Members of one etcd cluster; at least one. */
  readonly endpoints: readonly TcpEndpoint[];
  /** Nodes that name the same group have one master between them. */
  readonly group: string;
  /** How long the lease outlives its holder, in whole seconds: that long nobody can write after a crash. */
  readonly ttlSec: number;
}

/** @throws CacheError `invalid_option`, with the text and what is wrong with it */
export function parseCoordinatorAddress(text: string): CoordinatorAddress {
  const match = /^etcd:\/\/([^/?]+)\/([^/?]+)(?:\?ttl=([^&]*))?$/.exec(text);
  if (match === null) throw invalid(text, "write etcd://host:port,host:port/group, with ?ttl=SECONDS if need be");
  const [, hosts = "", group = "", ttl = String(DEFAULT_TTL_SEC)] = match;
  if (!/^[\w.-]{1,100}$/.test(group)) {
    throw invalid(text, `the group is "${group}", must be 1 to 100 letters, digits, dots, dashes or underscores`);
  }
  const ttlSec = /^\d+$/.test(ttl) ? Number(ttl) : Number.NaN;
  if (!(ttlSec >= LEAST_TTL_SEC && ttlSec <= MOST_TTL_SEC)) {
    throw invalid(text, `ttl is "${ttl}", must be a whole number of seconds from ${LEAST_TTL_SEC} to ${MOST_TTL_SEC}`);
  }
  return { endpoints: hosts.split(",").map((host) => toEndpoint(text, host)), group, ttlSec };
}

function toEndpoint(text: string, host: string): TcpEndpoint {
  try {
    const endpoint = parseEndpoint(host, DEFAULT_ETCD_PORT);
    if (endpoint.kind === "tcp" && endpoint.port > 0) return endpoint;
  } catch (error) {
    if (isCacheError(error)) throw invalid(text, error.message);
    throw error;
  }
  throw invalid(text, `"${host}" is no host:port`);
}

function invalid(text: string, problem: string): CacheError {
  return new CacheError("invalid_option", `coordinator "${text}": ${problem}`);
}

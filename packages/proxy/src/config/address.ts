// Addresses as config files write them: where a pool listens, and its servers.

import { isMap } from "yaml";
import { CacheError, DEFAULT_PORT, formatEndpoint, parseEndpoint, type Endpoint } from "@marugoto/core";
import { parseTwemproxyServer } from "@marugoto/hashing";
import type { Reader } from "./reader.ts";
import { ours, record } from "./record.ts";
import { count, list, quote, scalar, type Shape } from "./shape.ts";

/** Where a pool listens. */
export interface ListenAddress {
  readonly endpoint: Endpoint;
  /** Permission bits of a Unix socket, when the file names them. */
  readonly mode: number | undefined;
}

/** `host:port`, or `/path` with the permissions of the socket behind it in octal. */
export const listenAddress: Shape<ListenAddress> = scalar(
  "host:port with a port from 0 (any free one) to 65535, or /path with its permissions, as in /run/pool.sock 0660",
  (text) => {
    const path = /^(\/\S*)(?: +(0?[0-7]{1,3}))?$/.exec(text.trimEnd());
    if (path) {
      const mode = path[2] === undefined ? undefined : Number.parseInt(path[2], 8);
      return { endpoint: { kind: "unix", path: path[1]! }, mode };
    }
    if (!/:\d+$/.test(text)) return undefined;
    const endpoint = endpointOf(text);
    return endpoint?.kind === "tcp" ? { endpoint, mode: undefined } : undefined;
  },
);

/** A server as the file has it, before its pool's rules give it a name. */
export interface ServerEntry {
  readonly endpoint: Endpoint;
  readonly partner: Endpoint | undefined;
  readonly weight: number;
  readonly alias: string | undefined;
  /** Where it stands in the file, as `pool.servers[0]`. */
  readonly path: string;
}

const MAX_WEIGHT = 0x7fff_ffff;

const address: Shape<Endpoint> = scalar("host:port, [ipv6]:port or /path", endpointOf);

const alias: Shape<string> = scalar("a name without blanks", (text) => (/^\S+$/.test(text) ? text : undefined));

const serverKeys = {
  address: ours(address, "required, unless pair is there", "Where the server is dialled."),
  pair: ours(
    list(address, "a list of two addresses"),
    "none",
    "A replicated master and slave, in any order: one slot, which follows the role changes.",
  ),
  weight: ours(count(1, MAX_WEIGHT), "1", "Its share of the keys, relative to the others."),
  name: ours(alias, "the address", "What is hashed for it. A server that moves keeps its keys when it keeps its name."),
};

const serverMap = record(serverKeys);

const serverAllowed = "host:port:weight, host:port:weight name, /path:weight, or a map";

/** One server: nutcracker's line, `host:port` alone, or a map. */
const server: Shape<ServerEntry> = {
  allowed: serverAllowed,
  keys: serverKeys,
  read(node, path, reader) {
    if (isMap(node)) {
      const fields = serverMap.read(node, path, reader);
      return fields === undefined ? undefined : fromMap(fields, path, reader);
    }
    const text = reader.textOf(node);
    const entry = text === undefined ? undefined : fromLine(text, path);
    if (entry === undefined) {
      reader.fail(path, `is ${quote(text)}; it must be ${serverAllowed}; port from 1 to 65535, weight from 1`);
    }
    return entry;
  },
};

export const servers: Shape<readonly ServerEntry[]> = list(server, `a list of servers, each ${serverAllowed}`);

function fromLine(text: string, path: string): ServerEntry | undefined {
  const alone = /^(?:[^:\s/]+:\d+|\[[^\]]+\]:\d+|\/[^:\s]*)$/.test(text);
  try {
    const { host, port, weight, alias: name } = parseTwemproxyServer(alone ? `${text}:1` : text);
    const endpoint: Endpoint = host.startsWith("/")
      ? { kind: "unix", path: host.replace(/:$/, "") }
      : { kind: "tcp", host: host.replace(/^\[(.*)\]$/, "$1"), port };
    return { endpoint, partner: undefined, weight, alias: name, path };
  } catch (error) {
    if (error instanceof CacheError) return undefined; // Said by the caller, with what is allowed.
    throw error;
  }
}

function fromMap(
  fields: NonNullable<ReturnType<typeof serverMap.read>>,
  path: string,
  reader: Reader,
): ServerEntry | undefined {
  const { address: alone, pair, weight = 1, name } = fields;
  if ((alone === undefined) === (pair === undefined)) {
    reader.fail(path, "must have either address or pair");
    return undefined;
  }
  if (pair !== undefined && pair.length !== 2) {
    reader.fail(`${path}.pair`, `has ${pair.length} ${pair.length === 1 ? "address" : "addresses"}; it must have two`);
    return undefined;
  }
  const [first, partner] = pair ?? [alone];
  if (first === undefined) return undefined;
  if (partner !== undefined && formatEndpoint(first) === formatEndpoint(partner)) {
    reader.fail(`${path}.pair`, `has ${formatEndpoint(first)} twice; a pair is two servers`);
    return undefined;
  }
  return { endpoint: first, partner, weight, alias: name, path };
}

function endpointOf(text: string): Endpoint | undefined {
  try {
    const endpoint = parseEndpoint(text, DEFAULT_PORT);
    return endpoint.kind === "tcp" && endpoint.host === "" ? undefined : endpoint;
  } catch (error) {
    if (error instanceof CacheError) return undefined; // Said by the caller, with what is allowed.
    throw error;
  }
}

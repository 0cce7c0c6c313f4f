// From the flags of replication to its options: addresses, the secret's file, the coordinator.

import { readFileSync } from "node:fs";
import { CacheError, isCacheError, parseEndpoint } from "@marugoto/core";
import {
  createCoordinator,
  DEFAULT_REPLICATION_PORT,
  type Coordinator,
  type ReplicationOptions,
  type TcpEndpoint,
} from "@marugoto/replication";
import { wrong } from "./flag-table.ts";
import { isReplicating } from "./replication-settings.ts";
import type { Settings } from "./settings.ts";

const LOOPBACK = "127.0.0.1";

/** Fewest bytes of a secret. */
const MIN_SECRET_BYTES = 16;

/** What the command line makes of replication; undefined = none. @throws CacheError that names the flag */
export function toReplicationOptions(settings: Settings): Partial<ReplicationOptions> | undefined {
  const { replication } = settings;
  if (!isReplicating(replication)) return undefined;
  const peers = toPeers(settings);
  return {
    ...replication.options,
    peers,
    listen: toListen(settings, peers),
    onSplit: replication.coordinator === undefined ? "available" : "consistent",
    coordinator: toCoordinator(replication.coordinator),
    secret: readSecret(replication.secretFile),
    repcached: replication.repcached,
    leaveRepcached: replication.leaveRepcached,
  };
}

function toPeers({ replication }: Settings): TcpEndpoint[] {
  const port = replication.port ?? DEFAULT_REPLICATION_PORT;
  const named = replication.peerHost === undefined ? [] : [toTcp("-x", replication.peerHost, port)];
  return [...named, ...replication.peers.map((text) => toTcp("--peer", text, port))];
}

function toListen({ replication, listen }: Settings, peers: readonly TcpEndpoint[]): TcpEndpoint {
  const port = replication.port ?? DEFAULT_REPLICATION_PORT;
  if (replication.listen !== undefined) return toTcp("--replication-listen", replication.listen, port, 0);
  const [first] = listen;
  if (first !== undefined) return { ...toTcp("-l", first, port, 0), port };
  // A peer on another host has to reach this one; who is not named by -x or --peer is closed before a byte all the same.
  const isOnThisHost = peers.every(({ host }) => /^(localhost$|127\.|::1$)/.test(host));
  return { kind: "tcp", host: isOnThisHost ? LOOPBACK : "0.0.0.0", port };
}

function toTcp(name: string, text: string, port: number, leastPort = 1): TcpEndpoint {
  const problem = `${name} is ${text}, must be host, host:port or [ipv6]:port`;
  try {
    const endpoint = parseEndpoint(text, port);
    if (endpoint.kind === "tcp" && endpoint.port >= leastPort) return endpoint;
  } catch (error) {
    throw new CacheError("invalid_option", problem, { cause: error });
  }
  throw wrong(problem);
}

function toCoordinator(text: string | undefined): Coordinator | undefined {
  if (text === undefined) return undefined;
  try {
    return createCoordinator(text);
  } catch (error) {
    if (isCacheError(error))
      throw new CacheError("invalid_option", `--coordinator: ${error.message}`, { cause: error });
    throw error;
  }
}

/** The file's bytes, less the line end that editors leave. */
function readSecret(path: string | undefined): Uint8Array | undefined {
  if (path === undefined) return undefined;
  let secret: Buffer;
  try {
    secret = Buffer.from(readFileSync(path, "latin1").replace(/\r?\n$/, ""), "latin1");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CacheError("invalid_option", `--replication-secret-file is ${path}: ${why}`, { cause });
  }
  if (secret.length >= MIN_SECRET_BYTES) return secret;
  throw wrong(`--replication-secret-file is ${path}, which holds ${secret.length} bytes, at least ${MIN_SECRET_BYTES}`);
}

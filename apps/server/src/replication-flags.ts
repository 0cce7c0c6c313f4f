// The flags of replication: repcached's three letters, and long ones for what repcached had no words for. Units and
// limits are those of @marugoto/replication's options.

import { defaults, DEFAULT_REPLICATION_PORT } from "@marugoto/replication";
import { bytes, oneOf, wholeNumber, wrong, type Flag, type NumberedFlag } from "./flag-table.ts";
import { isReplicating, type ReplicationSettings } from "./replication-settings.ts";
import type { Settings } from "./settings.ts";

const MAX_PORT = 65_535;
const MIN_BACKLOG = 64 * 1024;
const MAX_BACKLOG = 2 ** 36;

/** The number behind repcached's `-X`; memcached's `-X` has none. */
export const replicationPort: NumberedFlag = {
  value: "<port>",
  help: "replicate: port to listen on for the other nodes, and that of -x and --peer",
  fallback: String(DEFAULT_REPLICATION_PORT),
  apply: (settings, text, name) => (settings.replication.port = wholeNumber(text, name, 1, MAX_PORT)),
};

/** A flag that only means something where replication is on: notes that it was given. */
function flag(row: Omit<Flag, "apply"> & { readonly long: string }, apply: (...args: Arguments) => void): Flag {
  return {
    ...row,
    apply: (settings, text, name) => {
      settings.replication.given.add(name);
      apply(settings.replication, text, name, settings);
    },
  };
}

type Arguments = [replication: ReplicationSettings, text: string, name: string, settings: Settings];

export const replicationFlags: readonly Flag[] = [
  {
    short: "x",
    value: "<host>",
    help: "replicate: with the peer on this host; the same command line on both nodes, at every start",
    apply: (settings, text) => (settings.replication.peerHost = text),
  },
  {
    short: "q",
    value: "<num>",
    help: "accepted for repcached's sake: the length of its queue; see --backlog",
    apply: (settings, text, name) => {
      wholeNumber(text, name, 1, 2 ** 31 - 1);
      settings.withoutEffect.push("-q");
    },
  },
  {
    long: "peer",
    value: "<host:port>",
    help: "replicate: with this node; repeat it for several",
    apply: (settings, text) => settings.replication.peers.push(text),
  },
  {
    long: "replication-listen",
    value: "<host:port>",
    help: "replicate: listen here for the other nodes; port 0: any free one; default: the first -l, or all addresses if a peer is on another host",
    apply: (settings, text) => (settings.replication.listen = text),
  },
  flag(
    {
      long: "sync-replicas",
      value: "<num>",
      help: "replicas that must have applied a write before its answer leaves, 0 to 7",
      fallback: String(defaults.syncReplicas),
    },
    ({ options }, text, name) => (options.syncReplicas = wholeNumber(text, name, 0, 7)),
  ),
  flag(
    {
      long: "sync-degrade",
      value: "<policy>",
      help: "with fewer replicas than that in step: answer (after --peer-timeout, counted) or refuse",
      fallback: defaults.syncDegrade,
    },
    ({ options }, text, name) => (options.syncDegrade = oneOf(text, name, ["answer", "refuse"] as const)),
  ),
  flag(
    {
      long: "hold",
      value: "<ms>",
      help: "milliseconds that answers wait for a replica which takes and applies nothing, 0 to 10000",
      fallback: String(defaults.holdMs),
    },
    ({ options }, text, name) => (options.holdMs = wholeNumber(text, name, 0, 10_000)),
  ),
  flag(
    {
      long: "backlog",
      value: "<size>",
      help: "bytes of changes kept for replicas that come back, or with k, m or g; at least 64k",
      fallback: "16m, or 4 times -I",
    },
    ({ options }, text, name) => (options.backlogBytes = bytes(text, name, "b", MIN_BACKLOG, MAX_BACKLOG)),
  ),
  flag(
    {
      long: "heartbeat",
      value: "<ms>",
      help: "milliseconds between signs of life on an idle link, 10 to 10000",
      fallback: String(defaults.heartbeatMs),
    },
    ({ options }, text, name) => (options.heartbeatMs = wholeNumber(text, name, 10, 10_000)),
  ),
  flag(
    {
      long: "peer-timeout",
      value: "<ms>",
      help: "milliseconds of silence after which a peer counts as dead, 50 to 600000, at least 3 heartbeats",
      fallback: String(defaults.peerTimeoutMs),
    },
    ({ options }, text, name) => (options.peerTimeoutMs = wholeNumber(text, name, 50, 600_000)),
  ),
  flag(
    {
      long: "on-split",
      value: "<mode>",
      help: "when the link is cut: available (both go on, and merge) or consistent (the coordinator's one writes)",
      fallback: defaults.onSplit,
    },
    (replication, text, name) => (replication.onSplit = oneOf(text, name, ["available", "consistent"] as const)),
  ),
  flag(
    {
      long: "coordinator",
      value: "<address>",
      help: "etcd://host:port,host:port/group[?ttl=seconds]: gives one lease per group; implies --on-split=consistent",
    },
    (replication, text) => (replication.coordinator = text),
  ),
  flag(
    {
      long: "replication-secret-file",
      value: "<file>",
      help: "what every node of the group knows, 16 bytes or more; without it only named peers and this host attach",
    },
    (replication, text) => (replication.secretFile = text),
  ),
  flag(
    {
      long: "discarded-writes",
      value: "<file>",
      help: "append writes that a merge after a split gave up, one JSON object a line",
    },
    (replication, text) => (replication.discardedFile = text),
  ),
  flag(
    { long: "repcached", help: "speak the wire of a real repcached 2.2 or 2.3 to the one peer" },
    (replication) => (replication.repcached = true),
  ),
  flag(
    {
      long: "leave-repcached",
      help: "attach to a real repcached as its slave, and speak our own wire once it has gone and this node is master",
    },
    (replication) => (replication.leaveRepcached = true),
  ),
];

/** What single flags can't know. @throws CacheError that names the flags */
export function checkReplication(replication: ReplicationSettings): void {
  const { given, options, onSplit, coordinator } = replication;
  const [lone] = given;
  if (lone !== undefined && !isReplicating(replication)) {
    throw wrong(`${lone} needs replication: give -x, -X with a port, --peer or --replication-listen`);
  }
  const heartbeat = options.heartbeatMs ?? defaults.heartbeatMs;
  const timeout = options.peerTimeoutMs ?? defaults.peerTimeoutMs;
  if (timeout < 3 * heartbeat) {
    throw wrong(`--peer-timeout is ${timeout}, must be at least three times --heartbeat, which is ${heartbeat}`);
  }
  if (onSplit === "consistent" && coordinator === undefined) {
    throw wrong("--on-split is consistent, which needs a --coordinator");
  }
  if (onSplit === "available" && coordinator !== undefined) {
    throw wrong("--on-split is available, where a --coordinator decides nothing");
  }
  if (replication.repcached) checkRepcached(replication);
  if (replication.leaveRepcached) checkLeaving(replication);
}

function checkLeaving({ peers, peerHost, repcached }: ReplicationSettings): void {
  if (repcached) throw wrong("--leave-repcached and --repcached exclude each other");
  const nodes = peers.length + (peerHost === undefined ? 0 : 1);
  if (nodes !== 1) throw wrong(`--leave-repcached needs the one peer that is left, but there are ${nodes}`);
}

function checkRepcached({ peers, peerHost, options, coordinator, secretFile }: ReplicationSettings): void {
  const nodes = peers.length + (peerHost === undefined ? 0 : 1);
  if (nodes > 1) throw wrong(`--repcached knows one peer, but there are ${nodes}`);
  const unknown = [
    (options.syncReplicas ?? 0) > 0 ? "--sync-replicas" : undefined,
    coordinator === undefined ? undefined : "--coordinator",
    secretFile === undefined ? undefined : "--replication-secret-file",
  ].find((name) => name !== undefined);
  if (unknown !== undefined) throw wrong(`--repcached: its wire has no means for ${unknown}`);
}

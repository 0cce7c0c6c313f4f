// What the command line says of replication, before it becomes the options of @marugoto/replication.

import type { ReplicationOptions } from "@marugoto/replication";

/** Options that a flag sets as they are. */
type Draft = {
  -readonly [
    Key in "syncReplicas" | "syncDegrade" | "holdMs" | "backlogBytes" | "heartbeatMs" | "peerTimeoutMs"
  ]?: ReplicationOptions[Key];
};

export interface ReplicationSettings {
  /** `-x`: repcached's one peer; a host, on the port that -X names. */
  peerHost: string | undefined;
  /** `-X` with a number: the replication port of this node and of its peers. */
  port: number | undefined;
  /** `--peer`: host or host:port, in the order given. */
  peers: string[];
  /** `--replication-listen`. */
  listen: string | undefined;
  onSplit: "available" | "consistent" | undefined;
  /** `--coordinator` as given. */
  coordinator: string | undefined;
  secretFile: string | undefined;
  /** `--discarded-writes`: a file that writes are appended to which a merge gave up. */
  discardedFile: string | undefined;
  repcached: boolean;
  leaveRepcached: boolean;
  options: Draft;
  /** The flags that were given, as they were written: replication is on when one of them turns it on. */
  given: Set<string>;
}

export function defaultReplicationSettings(): ReplicationSettings {
  return {
    peerHost: undefined,
    port: undefined,
    peers: [],
    listen: undefined,
    onSplit: undefined,
    coordinator: undefined,
    secretFile: undefined,
    discardedFile: undefined,
    repcached: false,
    leaveRepcached: false,
    options: {},
    given: new Set(),
  };
}

/** Whether this server takes part in replication at all. */
export function isReplicating({ peerHost, port, peers, listen }: ReplicationSettings): boolean {
  return peerHost !== undefined || port !== undefined || peers.length > 0 || listen !== undefined;
}

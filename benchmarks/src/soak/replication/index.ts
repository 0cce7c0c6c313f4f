// The soaks of replication by name.

import type { Task } from "../../task.ts";
import { replicationBothWrite } from "./both-write.ts";
import { replicationCalm } from "./calm.ts";
import { replicationConsistent } from "./consistent.ts";
import { replicationCuts } from "./cuts.ts";
import { replicationGarbage } from "./garbage.ts";
import { replicationHandovers } from "./handovers.ts";
import { replicationKills } from "./kills.ts";
import { replicationSplits } from "./splits.ts";
import { replicationStaleCas } from "./stale-cas.ts";
import { replicationStarts } from "./starts.ts";
import { replicationStoppedReplica } from "./stopped-replica.ts";
import { replicationSwaps } from "./swaps.ts";
import { replicationTakeovers } from "./takeovers.ts";

export const replicationSoaks: Readonly<Record<string, Task>> = {
  "replication-starts": replicationStarts,
  "replication-kills": replicationKills,
  "replication-takeovers": replicationTakeovers,
  "replication-calm": replicationCalm,
  "replication-swaps": replicationSwaps,
  "replication-both-write": replicationBothWrite,
  "replication-cuts": replicationCuts,
  "replication-stopped-replica": replicationStoppedReplica,
  "replication-stale-cas": replicationStaleCas,
  "replication-handovers": replicationHandovers,
  "replication-splits": replicationSplits,
  "replication-garbage": replicationGarbage,
  "replication-consistent": replicationConsistent,
};

// What the tests of coordinators share: nodes that want the lease, and a watch over them that no two have it at once.

import type { Cleanup } from "@marugoto/testing";
import { EtcdCoordinator } from "../../src/coordinator/etcd-coordinator.ts";

export interface Candidate {
  readonly coordinator: EtcdCoordinator;
  /** Events as text, e.g. `acquired 2`. */
  readonly told: string[];
  /** The epochs of `acquired`, in order. */
  readonly epochs: number[];
  /** What it has heard of elsewhere: it draws the next number above that and above what it is told. */
  seen: number;
  readonly holds: boolean;
}

export function startCandidate(opened: Cleanup, nodeId: string, ports: readonly number[], ttlSec = 1): Candidate {
  const coordinator = new EtcdCoordinator({
    endpoints: ports.map((port) => ({ kind: "tcp", host: "127.0.0.1", port })),
    group: "test",
    ttlSec,
  });
  const told: string[] = [];
  const epochs: number[] = [];
  coordinator.events.on("acquired", ({ term, epoch }) => {
    told.push(`acquired ${term}`);
    epochs.push(epoch);
  });
  coordinator.events.on("lost", ({ reason }) => told.push(`lost: ${reason}`));
  coordinator.events.on("holder", ({ nodeId: holder }) => told.push(`holder ${holder ?? "nobody"}`));
  coordinator.events.on("reachable", ({ reachable }) => told.push(reachable ? "reachable" : "unreachable"));
  const candidate: Candidate = {
    ...{ coordinator, told, epochs, seen: 0 },
    get holds() {
      return coordinator.holds(performance.now());
    },
  };
  coordinator.start(nodeId, (last = 0) => Math.max(last, candidate.seen) + 1);
  opened.defer(() => coordinator.close());
  return candidate;
}

/** Looks as often as it can whether more than one holds the lease. `stop` gives the moments at which that was so. */
export function watchOver(candidates: readonly Candidate[]): { readonly stop: () => number } {
  let overlaps = 0;
  let isOver = false;
  const look = () => {
    if (candidates.filter(({ holds }) => holds).length > 1) overlaps++;
    if (!isOver) setImmediate(look);
  };
  look();
  return {
    stop: () => {
      isOver = true;
      return overlaps;
    },
  };
}

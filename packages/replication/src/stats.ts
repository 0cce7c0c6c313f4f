// `stats replication`: what this node is, whom it follows, who follows it, and what was lost or might be.

import type { StatRows } from "@marugoto/server";
import type { ReplicationNode } from "./node/node.ts";
import type { Peer } from "./node/peer.ts";
import type { ReplicationOptions } from "./options.ts";

/** How old the latest is that one side has of the other, in milliseconds: the way there, or the silence if that is longer. */
function lagOf({ roundTripMs, heardMs }: Peer, now: number, { heartbeatMs }: ReplicationOptions): number {
  const silenceMs = now - heardMs;
  return Math.max(roundTripMs / 2, silenceMs > 2 * heartbeatMs ? silenceMs : 0);
}

/** Adds the rows. Offsets and lags are in bytes of the stream of effects. */
export function addStatus(node: ReplicationNode, options: ReplicationOptions, rows: Pick<StatRows, "add">): void {
  const { counters, protection, forwards, log, upstream } = node;
  const now = node.nowMs();
  const inStep = [...node.downstreams].filter((each) => each.inStep).length;
  rows.add("role", node.role);
  rows.add("node_id", node.nodeId);
  rows.add("epoch", node.epoch);
  rows.add("rank", node.rank);
  rows.add("complete", node.complete ? 1 : 0);
  rows.add("offset", log.end);
  rows.add("backlog_start", log.start);
  rows.add("backlog_bytes", log.end - log.start);
  rows.add("backlog_limit", log.capacity);
  rows.add("on_split", options.onSplit);
  rows.add("listen_port", node.listenPort);
  rows.add("replicas", node.downstreams.size);
  rows.add("replicas_in_step", inStep);
  rows.add("sync_replicas", options.syncReplicas);
  rows.add("unprotected_acks", protection.unprotected);
  rows.add("held_answers", protection.holds);
  rows.add("forwarded", forwards.count);
  rows.add("forwarding", forwards.waiting);
  rows.add("outcomes_unknown", forwards.unknown);
  rows.add("full_copies_in", counters.fullCopiesIn);
  rows.add("full_copies_out", counters.fullCopiesOut);
  rows.add("last_copy_ms", counters.lastCopyMs.toFixed(1));
  rows.add("partial_copies_in", counters.partialIn);
  rows.add("partial_copies_out", counters.partialOut);
  rows.add("merged_taken", counters.mergesTaken);
  rows.add("merged_discarded", counters.mergesDiscarded);
  rows.add("refused_peers", counters.refusedPeers);
  rows.add("promotions", counters.promotions);
  rows.add("last_takeover_ms", counters.lastTakeoverMs.toFixed(1));
  rows.add("last_takeover_reason", counters.lastTakeoverReason === "" ? "none" : counters.lastTakeoverReason);
  if (upstream !== undefined) {
    rows.add("master", upstream.link.remote);
    rows.add("master_id", upstream.nodeId);
    rows.add("master_offset", upstream.offset);
    rows.add("master_heard_ms", (now - upstream.heardMs).toFixed(1));
    rows.add("lag_bytes", Math.max(0, upstream.offset - log.end));
    rows.add("lag_ms", lagOf(upstream, now, options).toFixed(1));
  }
  let i = 0;
  for (const { peer, cursor, acked, copy, inStep: isInStep, rank } of node.downstreams) {
    const state = copy === undefined ? (isInStep ? "in_step" : "behind") : "copying";
    rows.add(`replica_${i}`, peer.link.remote);
    rows.add(`replica_${i}_id`, peer.nodeId);
    rows.add(`replica_${i}_state`, state);
    rows.add(`replica_${i}_rank`, rank);
    rows.add(`replica_${i}_sent`, cursor);
    rows.add(`replica_${i}_applied`, acked);
    rows.add(`replica_${i}_lag_bytes`, log.end - acked);
    rows.add(`replica_${i}_lag_ms`, lagOf(peer, now, options).toFixed(1));
    rows.add(`replica_${i}_heard_ms`, (now - peer.heardMs).toFixed(1));
    i++;
  }
}

// What a change of placement moves, counted on real keys.

import { NO_SERVER, type Placement } from "./placement.ts";

export interface PlanMove {
  /** Server ids. */
  readonly from: string;
  readonly to: string;
  readonly keys: number;
  /** Of all placed keys, 0 to 1. */
  readonly share: number;
}

export interface PlanServer {
  readonly id: string;
  /** Share of all placed keys that it owns before and after, 0 to 1; 0 where it isn't in the pool. */
  readonly before: number;
  readonly after: number;
  /** Share of all placed keys that leaves it and that comes to it. */
  readonly lost: number;
  readonly gained: number;
}

export interface Plan {
  /** Keys that both placements place. */
  readonly keys: number;
  /** Keys that one of them refuses; they count nowhere else. */
  readonly refused: number;
  readonly moved: number;
  /** moved / keys, 0 to 1; 0 without keys. */
  readonly share: number;
  /** One entry per pair of servers between which keys move, the largest first. */
  readonly moves: readonly PlanMove[];
  /** Every server of either placement, in the order of `before`, then the new ones. */
  readonly servers: readonly PlanServer[];
}

/**
 * Places every key twice and counts where it goes. Servers are the same when their `id` is.
 *
 * @param keys as text or bytes; a key given twice counts twice
 */
export function plan(before: Placement, after: Placement, keys: Iterable<string | Uint8Array>): Plan {
  const ids = [...new Set([...before.servers, ...after.servers].map((server) => server.id))];
  const number = new Map(ids.map((id, i) => [id, i]));
  const row = before.servers.map(({ id }) => number.get(id)!);
  const column = after.servers.map(({ id }) => number.get(id)!);
  const counts = new Float64Array(ids.length * ids.length);
  let placed = 0;
  let refused = 0;
  for (const key of keys) {
    const from = owner(before, key);
    const to = owner(after, key);
    if (from === NO_SERVER || to === NO_SERVER) {
      refused++;
      continue;
    }
    placed++;
    const cell = row[from]! * ids.length + column[to]!;
    counts[cell] = counts[cell]! + 1;
  }

  const moves: PlanMove[] = [];
  const servers = ids.map((id) => ({ id, before: 0, after: 0, lost: 0, gained: 0 }));
  let moved = 0;
  ids.forEach((from, i) => {
    ids.forEach((to, j) => {
      const count = counts[i * ids.length + j]!;
      if (count === 0) return;
      const share = count / placed;
      servers[i]!.before += share;
      servers[j]!.after += share;
      if (i === j) return;
      servers[i]!.lost += share;
      servers[j]!.gained += share;
      moved += count;
      moves.push({ from, to, keys: count, share });
    });
  });
  moves.sort((a, b) => b.keys - a.keys);
  return { keys: placed, refused, moved, share: placed === 0 ? 0 : moved / placed, moves, servers };
}

function owner(placement: Placement, key: string | Uint8Array): number {
  return typeof key === "string" ? placement.serverIndexOf(key) : placement.serverIndex(key, 0, key.length);
}

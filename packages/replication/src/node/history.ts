// Where a log comes from: which node wrote which stretch of it, and so how far two logs are the same. Pure.

/** From offset `start` on, until the next entry, `nodeId` wrote in `epoch`. */
export interface HistoryEntry {
  readonly epoch: number;
  /** 32 hexadecimal digits. */
  readonly nodeId: string;
  readonly start: number;
}

/** Entries kept: a replica that was away for more takeovers gets a full copy. */
export const MAX_HISTORY = 64;

/** Ranks in a round of epochs: `epoch = round × 8 + rank`. */
export const RANKS = 8;

/**
 * How far two logs are the same.
 *
 * @param endA @param endB where each log ends
 * @returns the offset behind the last byte that both have, or undefined when they have nothing in common
 */
export function commonOffset(
  a: readonly HistoryEntry[],
  endA: number,
  b: readonly HistoryEntry[],
  endB: number,
): number | undefined {
  for (let i = a.length - 1; i >= 0; i--) {
    const entry = a[i]!;
    const j = b.findIndex((other) => isSame(entry, other));
    if (j >= 0) return Math.min(a[i + 1]?.start ?? endA, b[j + 1]?.start ?? endB);
  }
  return undefined;
}

function isSame(a: HistoryEntry, b: HistoryEntry): boolean {
  return a.epoch === b.epoch && a.nodeId === b.nodeId && a.start === b.start;
}

/** The history with a new writer from `start` on. */
export function withEntry(history: readonly HistoryEntry[], entry: HistoryEntry): HistoryEntry[] {
  return [...history, entry].slice(-MAX_HISTORY);
}

/** The epoch of a node that begins alone and can't know whether a group exists elsewhere: 1 to 7. */
export function unsureEpoch(random: number): number {
  return 1 + (random % (RANKS - 1));
}

/**
 * Which of two epochs takes precedence when two masters meet: the higher; but the first epochs of all, below 8, are those of
 * nodes that began alone, and who was sure to be alone (0) comes before who was not.
 *
 * @returns above 0: `a`; below 0: `b`; 0: neither
 */
export function compareStanding(a: number, b: number): number {
  return standing(a) - standing(b);
}

function standing(epoch: number): number {
  if (epoch >= RANKS) return epoch;
  return epoch === 0 ? 1 : 0;
}

/** The first epoch of `rank` above `epoch`, in a round of its own. */
export function nextEpoch(epoch: number, rank: number): number {
  return (Math.floor(epoch / RANKS) + 1) * RANKS + rank;
}

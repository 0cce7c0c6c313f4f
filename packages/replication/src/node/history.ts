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

/** Epochs in a round: each takeover begins another. */
export const ROUND = 8;

/** The highest epoch that nodes can tell each other. */
export const MAX_EPOCH = 2 ** 48 - 1;

/** Nodes of a group that never draw the same epoch: more than a master may have. */
export const RANKS = 255;

/** Ranks from here on are a replica's to give, so many by each of the first seven: see `ranksToGive`. */
const FIRST_RELAYED = 38;
const PER_RELAY = 4;
const AFTER_RELAYED = FIRST_RELAYED + PER_RELAY * (ROUND - 1);

/** Whether a rank was given by a replica, to a node that had no master in sight. */
export function isRelayed(rank: number): boolean {
  return rank >= FIRST_RELAYED;
}

/**
 * The ranks that a node gives to those who follow it, so that those who can't see each other give different ones: a master those
 * below 38, each of the first seven ranks four of its own as a replica. Where these don't suffice, and further down a chain,
 * it is one from 66 on that the follower's id draws: two may draw the same.
 *
 * @param giver rank of the node, `isMaster` its role
 * @param draw a number from 0 on, of the follower's id
 */
export function ranksToGive(giver: number, isMaster: boolean, draw: number): readonly number[] {
  const span = RANKS - AFTER_RELAYED;
  const drawn = Array.from({ length: span }, (_, i) => AFTER_RELAYED + ((draw + i) % span));
  if (isMaster) return [...Array.from({ length: FIRST_RELAYED }, (_, rank) => rank), ...drawn];
  const hasOwn = giver < ROUND - 1;
  const own = Array.from({ length: hasOwn ? PER_RELAY : 0 }, (_, i) => FIRST_RELAYED + giver * PER_RELAY + i);
  return [...own, ...drawn];
}

/**
 * Which epochs are a rank's: those that leave `rest` when divided by `step`. Seven ranks have one in each round; the
 * eighth place of the round is, in turn, that of 31 more, one in 32 rounds; and of the rest one in 8192. So small groups, and
 * those who came first, don't use up the epochs, of which 2¹³ make cas numbers below 2⁵³.
 */
function epochsOf(rank: number): { readonly step: number; readonly rest: number } {
  if (rank < 7) return { step: ROUND, rest: rank };
  if (rank < 38) return { step: 256, rest: 7 + ROUND * (rank - 7) };
  return { step: 65_536, rest: 255 + 256 * (rank - 38) };
}

/** Whose an epoch is. */
export function rankOf(epoch: number): number {
  if (epoch % ROUND < 7) return epoch % ROUND;
  const place = Math.floor(epoch / ROUND) % 32;
  return place < 31 ? 7 + place : Math.min(RANKS - 1, 38 + (Math.floor(epoch / 256) % 256));
}

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
    // A log that has just begun to follow has the history of where it goes to, before it is there.
    if (j >= 0) return Math.min(a[i + 1]?.start ?? endA, b[j + 1]?.start ?? endB, endA, endB);
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

/** The epoch of a node that begins alone and can't know whether a group exists elsewhere: 1 to 6, its rank too. */
export function unsureEpoch(random: number): number {
  return 1 + (random % 6);
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
  if (epoch >= ROUND) return epoch;
  return epoch === 0 ? 1 : 0;
}

/** The first epoch of `rank` above the round of `epoch`. */
export function nextEpoch(epoch: number, rank: number): number {
  const { step, rest } = epochsOf(rank);
  const least = (Math.floor(epoch / ROUND) + 1) * ROUND;
  return least + ((((rest - least) % step) + step) % step);
}

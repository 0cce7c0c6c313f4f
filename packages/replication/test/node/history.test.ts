// How far two logs are the same.

import { expect, test } from "vitest";
import { commonOffset, nextEpoch, rankOf, RANKS, withEntry, type HistoryEntry } from "../../src/node/history.ts";

const entry = (epoch: number, nodeId: string, start: number): HistoryEntry => ({ epoch, nodeId, start });
const a0 = entry(0, "a", 0);
const b9 = entry(9, "b", 100);
const c18 = entry(18, "c", 150);

test.each<[string, HistoryEntry[], number, HistoryEntry[], number, number | undefined]>([
  ["one that is behind", [a0], 200, [a0], 80, 80],
  ["one that missed a takeover", [a0, b9], 200, [a0], 80, 80],
  ["one that wrote on after it was replaced", [a0, b9], 200, [a0], 130, 100],
  ["one that missed two", [a0, b9, c18], 300, [a0, b9], 170, 150],
  ["two that were both promoted", [a0, b9], 200, [a0, entry(10, "c", 120)], 300, 100],
  ["one whose log is not yet where its history goes", [a0, b9], 200, [a0, b9], 60, 60],
  ["strangers", [a0], 10, [entry(0, "z", 0)], 10, undefined],
  ["one with nothing", [a0], 10, [], 0, undefined],
])("%s", (_, a, endA, b, endB, expected) => {
  expect(commonOffset(a, endA, b, endB)).toBe(expected);
  expect(commonOffset(b, endB, a, endA)).toBe(expected);
});

test("an epoch of a rank lies above every epoch of the round before", () => {
  expect([nextEpoch(0, 0), nextEpoch(0, 6), nextEpoch(15, 3), nextEpoch(16, 3)]).toEqual([8, 14, 19, 27]);
  // 7 + 8 × 2 of 256, and 255 + 256 × 3 of 65 536.
  expect([nextEpoch(0, 9), nextEpoch(23, 9), nextEpoch(22, 9), nextEpoch(0, 41)]).toEqual([23, 279, 279, 1023]);
});

test("no two ranks ever draw the same epoch, and each epoch tells its rank", () => {
  for (let rank = 0; rank < RANKS; rank++) {
    for (const from of [0, 7, 8, 250, 263, 65_535, 65_536, 1_000_003]) {
      const epoch = nextEpoch(from, rank);
      expect(epoch).toBeGreaterThanOrEqual(8 * Math.floor(from / 8) + 8);
      expect([epoch, rankOf(epoch)]).toEqual([epoch, rank]);
    }
  }
});

test("seven nodes take a thousand takeovers and more before cas numbers exceed 2⁵³, thirty-eight more than thirty", () => {
  const takeovers = (rank: number) => {
    let count = 0;
    for (let epoch = nextEpoch(0, rank); epoch < 2 ** 13; epoch = nextEpoch(epoch, rank)) count++;
    return count;
  };
  expect([takeovers(0), takeovers(6), takeovers(7), takeovers(37)]).toEqual([1023, 1023, 31, 32]);
});

test("a history is cut to its newest entries", () => {
  let history: readonly HistoryEntry[] = [];
  for (let i = 0; i < 100; i++) history = withEntry(history, entry(i * 8, "n", i));
  expect([history.length, history[0]!.start, history.at(-1)!.start]).toEqual([64, 36, 99]);
});

// Who wrote to a server is told by its own counts beside ours.

import { expect, test } from "vitest";
import { Node, NodeCount } from "../../src/routing/node.ts";
import { serverConfig } from "../support/config.ts";

function nodeWith(writes: number): Node {
  const node = new Node(serverConfig(11211), 0, 100);
  node.counts[NodeCount.writes] = writes;
  return node;
}

const state = (writes: number, ownWrites: number, identity = "1-1") => ({ identity, flushes: 0, writes, ownWrites });

test("nothing is known at the first look, nor of another process", () => {
  const { writesOfOthers } = nodeWith(0);
  expect(writesOfOthers.look(state(500, 0), 0)).toBe(true);
  expect(writesOfOthers.look(state(500, 0), 0)).toBe(false);
  expect(writesOfOthers.look(state(500, 0, "2-2"), 0)).toBe(true);
  expect(writesOfOthers.wereSeen).toBe(false);
});

test("one write that is not ours is seen, and not for ever in the next look", () => {
  const { writesOfOthers } = nodeWith(0);
  writesOfOthers.look(state(500, 0), 0);
  expect(writesOfOthers.look(state(511, 10), 0)).toBe(true);
  expect(writesOfOthers.wereSeen).toBe(true);
  expect(writesOfOthers.look(state(521, 20), 0)).toBe(false);
});

test("a write of ours that got no answer may be what was counted", () => {
  const node = nodeWith(0);
  node.writesOfOthers.look(state(0, 0), 0);
  node.counts[NodeCount.lostWrites] = 2;
  expect(node.writesOfOthers.look(state(12, 10), 0)).toBe(false);
  expect(node.writesOfOthers.look(state(13, 10), 0)).toBe(true);
  expect(node.writesOfOthers.look(state(16, 10), 3)).toBe(false);
});

test("of a server that does not tell its counts, others may always have written", () => {
  const { writesOfOthers } = nodeWith(0);
  writesOfOthers.look(state(NaN, 0), 0);
  expect(writesOfOthers.look(state(NaN, 0), 0)).toBe(true);
  expect(writesOfOthers.wereSeen).toBe(true);
});

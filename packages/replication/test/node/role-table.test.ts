// The role machine as data: from every role there is a way on, and the diagram says all of it.

import { expect, test } from "vitest";
import { roleDiagram, transitionOf, transitions } from "../../src/node/role-table.ts";
import { ROLES } from "../../src/wire/messages.ts";

const places = ROLES.filter((role) => role !== "closed");

test("every role is reached from starting", () => {
  const reached = new Set(["starting"]);
  for (let before = 0; before !== reached.size;) {
    before = reached.size;
    for (const { from, to } of transitions) if (reached.has(from)) reached.add(to);
  }
  expect([...reached].sort()).toEqual([...places].sort());
});

test.each(places)("from %s a way leads to master", (role) => {
  const reached = new Set<string>([role]);
  for (let before = 0; before !== reached.size;) {
    before = reached.size;
    for (const { from, to } of transitions) if (reached.has(from)) reached.add(to);
  }
  expect(reached).toContain("master");
});

test("an event has one meaning in a role, and none where no row says so", () => {
  const rows = transitions.map(({ from, on }) => `${from} ${on}`);
  expect(new Set(rows).size).toBe(rows.length);
  expect(transitionOf("master", "upstreamLost")).toBeUndefined();
});

test("a node asks before it is master, and clients are served from then on", () => {
  for (const { from, on, to, does } of transitions) {
    if (to === "candidate") expect(does, `${from} ${on}`).toEqual(["askLeave"]);
    if (to === "master" && from !== "yielding") expect([on, does]).toEqual(["granted", ["promote", "openClients"]]);
  }
});

test("the diagram has a line for each transition", () => {
  const lines = roleDiagram().split("\n");
  expect(lines.slice(0, 2)).toEqual(["stateDiagram-v2", "  [*] --> starting"]);
  expect(lines.slice(2)).toHaveLength(transitions.length);
  expect(lines).toContain("  slave --> probing: upstreamLost / probe");
});

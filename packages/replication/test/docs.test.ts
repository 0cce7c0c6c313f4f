// docs/replication.md says what is: the diagram of the roles, the rows of `stats replication`, the answers to writes.

import { readFileSync } from "node:fs";
import { Cleanup } from "@marugoto/testing";
import { afterEach, expect, test } from "vitest";
import { roleDiagram } from "../src/node/role-table.ts";
import { client, startPair, status } from "./support/group.ts";

const page = readFileSync(new URL("../../../docs/replication.md", import.meta.url), "utf8");

const opened = new Cleanup();
afterEach(() => opened.run());

test("the diagram is the role machine's", () => {
  expect(/```mermaid\n([^`]*)\n```/.exec(page)?.[1]).toBe(roleDiagram());
});

test("the table has every row that a master and a slave show, and no other", async () => {
  const shown = new Set<string>();
  for (const node of await startPair(opened)) {
    for (const name of (await status(await client(opened, node))).keys())
      shown.add(name.replace(/^replica_\d/, "replica_N"));
  }
  const table = page.slice(page.indexOf("\n## `stats replication`"), page.indexOf("\n## How it is tested"));
  const rows = table.split("\n").filter((line) => line.startsWith("| `"));
  const told = rows.flatMap((line) => [...line.split("|")[1]!.matchAll(/`(\w+)`/g)].map(([, name]) => name!));
  expect([...shown].sort()).toEqual([...told].sort());
});

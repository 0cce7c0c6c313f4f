// The options table of the server's README names every option, and no other.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { defaults } from "@marugoto/server";
import { expect, test } from "vitest";
import { root } from "../src/markdown.ts";

test("packages/server/README.md lists the options of createServer", () => {
  const text = readFileSync(join(root, "packages/server/README.md"), "utf8");
  const table = text.slice(text.indexOf("| option "), text.indexOf("\n\nEvents"));
  const rows = table.split("\n").slice(2);
  const listed = rows.flatMap((row) => [...(row.split("|")[1] ?? "").matchAll(/`(\w+)`/g)].map((match) => match[1]));
  expect(listed.sort()).toEqual(Object.keys(defaults).sort());
});

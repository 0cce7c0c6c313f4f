// The README's table names every option, and no other.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { defaults } from "../src/index.ts";

test("the options table is complete", () => {
  const text = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const table = text.slice(text.indexOf("## Options"), text.indexOf("## How it is built"));
  const named = [...table.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name);
  expect(named.sort()).toEqual(Object.keys(defaults).sort());
});

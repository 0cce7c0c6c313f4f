// docs/protocol.md says what the command table says, row by row.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Command, commandInfo, commands, MetaFlag } from "../src/index.ts";

const document = readFileSync(new URL("../../../docs/protocol.md", import.meta.url), "utf8");

/** The rows of every table below a heading, as trimmed cells, header left out. */
function tablesUnder(heading: string): string[][] {
  const section = document.split(/^## /m).find((text) => text.startsWith(heading));
  if (section === undefined) throw new Error(`docs/protocol.md has no section "${heading}"`);
  return section
    .split("\n")
    .filter((line) => line.startsWith("|") && !/^\|[ -:|]+\|$/.test(line))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll("\\|", "|")),
    );
}

const code = (text: string) => `\`${text}\``;

describe("docs/protocol.md", () => {
  const documented = ["Classic commands: items", "Meta commands", "Control and information"]
    .flatMap(tablesUnder)
    .filter((cells) => cells.length === 7 && cells.at(-1) === "yes");

  test.each(commands)("has the row of $word as the table says it", (info) => {
    expect(documented.find(([word]) => word === code(info.word))).toEqual([
      code(info.word),
      code(info.syntax),
      info.replies.map(code).join(" ") || "–",
      info.quiet === null ? "–" : code(info.quiet),
      info.mutating ? "yes" : "no",
      info.help,
      "yes",
    ]);
  });

  test("has no row more", () => {
    expect(documented.map(([word]) => word).sort()).toEqual(commands.map(({ word }) => code(word)).sort());
  });

  test("has every meta flag and no other", () => {
    const flags = tablesUnder("Meta commands").filter(([cell]) => /^`[a-zA-Z]`$/.test(cell ?? ""));
    expect(flags.map(([flag]) => flag).sort()).toEqual(Object.keys(MetaFlag).map(code).sort());
  });

  test("says of the binary protocol that it is not there", () => {
    const rows = tablesUnder("Binary commands").slice(1);
    expect(rows).toHaveLength(21);
    expect(rows.filter((cells) => cells.at(-1) !== "not yet")).toEqual([]);
  });
});

describe("the command table", () => {
  test("codes are its order, words are unique", () => {
    expect(commands.map(({ code }) => code)).toEqual(commands.map((_, i) => i + 1));
    expect(new Set(commands.map(({ word }) => word)).size).toBe(commands.length);
    for (const info of commands) expect(commandInfo(info.code)).toBe(info);
    expect(commandInfo(Command.unknown)).toBeUndefined();
  });

  test("what has a data block is mutating", () => {
    expect(commands.filter(({ hasValue, mutating }) => hasValue && !mutating)).toEqual([]);
  });
});

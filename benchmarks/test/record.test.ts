import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { replaceSection } from "../src/record.ts";
import { families } from "../src/tasks.ts";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const names = Object.entries(families).flatMap(([family, tasks]) =>
  Object.keys(tasks).map((name) => `${family} ${name}`),
);

const text =
  "# Results\n\n<!-- bench a -->\n\nold\n\n<!-- end of bench a -->\n\n<!-- bench b -->\n\n<!-- end of bench b -->\n";

describe("a section of the README", () => {
  test("is replaced, and nothing else; twice is as good as once", () => {
    const once = replaceSection(text, "bench a", "new");
    expect(once).toBe(text.replace("old", "new"));
    expect(replaceSection(once, "bench a", "new")).toBe(once);
  });

  test("that is empty is filled", () => {
    expect(replaceSection(text, "bench b", "new")).toContain("<!-- bench b -->\n\nnew\n\n<!-- end of bench b -->");
  });

  test("that is not there is named", () => {
    expect(() => replaceSection(text, "bench c", "new")).toThrow('no section "bench c"');
  });

  test.each(names)("of %s is there, and its command above", (name) => {
    expect(replaceSection(readme, name, "a result")).toContain("a result");
    expect(readme).toContain(`npm run ${name.replace(" ", " -- ")} `);
  });
});

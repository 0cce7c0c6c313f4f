import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { describeSkips, readSkips } from "../lib/skips.mjs";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skips-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

test("no file means nothing was skipped", () => {
  expect(describeSkips(readSkips(join(folder, "none")))).toEqual([]);
});

test("each skip is told once, and one line installs what all of them need", () => {
  const file = join(folder, "skips");
  const php = '{"oracle":"php","what":"PHP clients","packages":["php-memcached","php-cli"]}\n';
  const memcached = '{"oracle":"memcached","what":"the cases","packages":["memcached"]}\n';
  writeFileSync(file, php + memcached + php);
  expect(describeSkips(readSkips(file))).toEqual([
    "",
    "Skipped for want of a program:",
    "  php: PHP clients",
    "  memcached: the cases",
    "To run them too: apt-get install -y memcached php-cli php-memcached",
  ]);
});

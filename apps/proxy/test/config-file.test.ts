// How a change of the file is noticed: written over, replaced, and as Kubernetes does it.

import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Cleanup, eventually, temporaryFolder } from "@marugoto/testing";
import { afterEach, expect, test } from "vitest";
import { readConfigText, watchConfigFile } from "../src/config-file.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

function folderWith(text: string): string {
  const folder = temporaryFolder();
  opened.defer(folder.remove);
  writeFileSync(join(folder.path, "c.yml"), text);
  return folder.path;
}

/** Texts of the file at each call. */
function watchTexts(file: string): string[] {
  const texts: string[] = [];
  opened.defer(watchConfigFile(file, () => texts.push(readConfigText(file))));
  return texts;
}

test("several writes are one change", async () => {
  const folder = folderWith("one");
  const file = join(folder, "c.yml");
  const texts = watchTexts(file);
  writeFileSync(file, "two");
  writeFileSync(file, "three");
  await eventually(() => texts.length > 0);
  expect(texts).toEqual(["three"]);
});

test("a file that takes its place is seen, and the one after it too", async () => {
  const folder = folderWith("one");
  const file = join(folder, "c.yml");
  const texts = watchTexts(file);
  for (const text of ["two", "three"]) {
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
    await eventually(() => texts.at(-1) === text);
  }
});

test("a link that is turned to another folder is seen", async () => {
  const folder = folderWith("unused");
  for (const [version, text] of Object.entries({ v1: "one", v2: "two" })) {
    mkdirSync(join(folder, version));
    writeFileSync(join(folder, version, "real.yml"), text);
  }
  symlinkSync("v1", join(folder, "..data"));
  symlinkSync("..data/real.yml", join(folder, "link.yml"));
  const texts = watchTexts(join(folder, "link.yml"));
  symlinkSync("v2", join(folder, "..data.new"));
  renameSync(join(folder, "..data.new"), join(folder, "..data"));
  await eventually(() => texts.at(-1) === "two");
});

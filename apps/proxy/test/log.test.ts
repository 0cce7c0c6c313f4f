import { existsSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { CacheError } from "@marugoto/core";
import { Cleanup, temporaryFolder } from "@marugoto/testing";
import { afterEach, expect, test, vi } from "vitest";
import { Level, Log } from "../src/log.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

function fileInFolder(): string {
  const folder = temporaryFolder();
  opened.defer(folder.remove);
  return join(folder.path, "log");
}

/** Lines of a file without their times. */
const linesOf = (file: string) =>
  readFileSync(file, "utf8")
    .split("\n")
    .map((line) => line.replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /, ""));

test("one line per event: fields bare or in quotes, undefined ones left out, errors by their message", () => {
  const file = fileInFolder();
  const log = new Log(file, 5);
  log.write(Level.warning, "server-out", {
    pool: "a b",
    server: "10.0.0.1:11211",
    outMs: 12,
    keys: undefined,
    names: ["x", "y"],
    reason: new CacheError("timeout", 'no "answer"\nat all'),
  });
  expect(linesOf(file)).toEqual([
    'server-out pool="a b" server=10.0.0.1:11211 outMs=12 names=x,y reason="no \\"answer\\""',
    "",
  ]);
});

test("levels beyond the verbosity are left out, and it can be turned", () => {
  const file = fileInFolder();
  const log = new Log(file, 4);
  log.write(Level.notice, "one");
  log.turn(1);
  log.write(Level.notice, "two");
  log.turn(-2);
  log.write(Level.warning, "three");
  log.write(Level.error, "four");
  expect(linesOf(file)).toEqual(["two", "four", ""]);
});

test.skipIf(!existsSync("/dev/full"))("a full disk loses lines, and nothing else", () => {
  const said: string[] = [];
  const stderr = vi.spyOn(process.stderr, "write").mockImplementation((text) => said.push(String(text)) > 0);
  opened.defer(() => stderr.mockRestore());
  const log = new Log("/dev/full", 5);
  log.write(Level.notice, "one");
  log.write(Level.notice, "two");
  expect(said).toEqual([expect.stringMatching(/^\/dev\/full: ENOSPC.*; lines of the log are lost\n$/)]);
});

test("after reopen it writes to a new file of the old name", () => {
  const file = fileInFolder();
  const log = new Log(file, 5);
  log.write(Level.notice, "before");
  renameSync(file, `${file}.1`);
  log.write(Level.notice, "between");
  log.reopen();
  log.write(Level.notice, "after");
  expect([linesOf(`${file}.1`), linesOf(file)]).toEqual([
    ["before", "between", ""],
    ["after", ""],
  ]);
});

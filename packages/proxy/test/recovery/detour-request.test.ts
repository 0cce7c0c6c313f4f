// Requests under another key and with a shorter life, and their answers told under the key that was asked for.

import { Expect } from "@marugoto/client";
import { commands, Reply } from "@marugoto/protocol";
import { describe, expect, test } from "vitest";
import type { Answer } from "../../src/recovery/ask.ts";
import { cappedExptime, DetourRequest } from "../../src/recovery/detour-request.ts";

const NOW = 1_700_000_000;

function requestOf(text: string): DetourRequest {
  const end = text.indexOf("\r\n");
  const words = text.slice(0, end).split(" ");
  const command = commands.find(({ word }) => word === words[0])!.code;
  return new DetourRequest(command, "key", words, Buffer.from(text.slice(end + 2), "latin1"), {
    expect: Expect.one,
    deadlineMs: Infinity,
  });
}

describe("with at most 300 s to live, under the key G", () => {
  test.each([
    ["get key\r\n", "get G\r\n"],
    ["gat 0 key\r\n", "gat 300 G\r\n"],
    ["set key 5 0 1\r\nv\r\n", "set G 5 300 1\r\nv\r\n"],
    ["set key 5 60 1\r\nv\r\n", "set G 5 60 1\r\nv\r\n"],
    ["set key 5 -1 1\r\nv\r\n", "set G 5 -1 1\r\nv\r\n"],
    [`add key 0 ${NOW + 20} 1\r\nv\r\n`, "add G 0 20 1\r\nv\r\n"],
    [`add key 0 ${NOW + 1000} 1\r\nv\r\n`, "add G 0 300 1\r\nv\r\n"],
    [`add key 0 ${NOW - 10} 1\r\nv\r\n`, "add G 0 -1 1\r\nv\r\n"],
    ["cas key 0 0 1 77\r\nv\r\n", "cas G 0 300 1 77\r\nv\r\n"],
    ["touch key 2592000\r\n", "touch G 300\r\n"],
    ["incr key 5\r\n", "incr G 5\r\n"],
    ["delete key\r\n", "delete G\r\n"],
    ["ms key 1 F5\r\nv\r\n", "ms G 1 F5 T300\r\nv\r\n"],
    ["ms key 1 T20\r\nv\r\n", "ms G 1 T20\r\nv\r\n"],
    ["ms a2V5 1 b T0\r\nv\r\n", "ms G 1 T300\r\nv\r\n"],
    ["mg key v N0\r\n", "mg G v N300\r\n"],
    ["ma key N500 J5\r\n", "ma G N300 J5\r\n"],
    ["md a2V5 b q\r\n", "md G q\r\n"],
  ])("%j is %j", (text, expected) => {
    expect(requestOf(text).under("G", 300, NOW).toString("latin1")).toBe(expected);
    expect(requestOf(text).bytes.toString("latin1")).toBe(text);
  });
});

test.each([
  [0, 300],
  [-5, -5],
  [299, 299],
  [301, 300],
  [30 * 24 * 3600, 300],
  [NOW + 5, 5],
  [NOW, -1],
])("exptime %i is told as %i", (exptime, expected) => {
  expect(cappedExptime(exptime, 300, NOW)).toBe(expected);
});

describe("answers", () => {
  const row = (line: string, reply: Reply, value?: string): Answer[number] => ({
    reply,
    line,
    value: value === undefined ? undefined : Buffer.from(value),
  });

  test("a row is told under the key that was asked for", () => {
    const answer = [row("VALUE G 5 1", Reply.value, "G"), row("END", Reply.end)];
    expect(requestOf("get key\r\n").told(answer, "G").toString()).toBe("VALUE key 5 1\r\nG\r\nEND\r\n");
  });

  test("a meta answer has the key as it was written", () => {
    const answer = [row("VA 1 kG f5", Reply.metaValue, "v")];
    expect(requestOf("mg key v k f\r\n").told(answer, "G").toString()).toBe("VA 1 kkey f5\r\nv\r\n");
    expect(requestOf("mg a2V5 b v k f\r\n").told(answer, "G").toString()).toBe("VA 1 ka2V5 b f5\r\nv\r\n");
  });

  test.each([
    ["END", Reply.end, true],
    ["EN", Reply.metaMiss, true],
    ["NOT_FOUND", Reply.notFound, false],
    ["HD", Reply.metaHit, false],
  ])("%s is a miss of a get: %s", (line, reply, isMiss) => {
    expect(DetourRequest.isMiss([row(line, reply as Reply)])).toBe(isMiss);
  });
});

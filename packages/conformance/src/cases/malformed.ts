// Lines that are no commands, lines that never end, and what a server does with the bytes around them.

import type { Case } from "../case.ts";
import { BAD_FORMAT, exchange, family } from "./common.ts";

const unknown = [
  "foo",
  "foo bar",
  "set1 {a} 0 0 1",
  "gets1 {a}",
  "incrx {a} 1",
  "deletes {a}",
  "xx",
  "getq",
  "flush",
  "flush_al",
  "flush_alls",
  "stat",
  "ver",
  "versions",
  "quits",
  "verbosit",
  "mx {a}",
  "mz {a}",
  "m",
  "me1 {a}",
  "mgg {a}",
  "mss {a} 1",
  "mn1",
];

const bytes: readonly (readonly [name: string, line: string])[] = [
  ["a NUL", "{hex:00}{hex:00}"],
  ["bytes of UTF-8", "{hex:e38182e38184}"],
  ["a tab", "{hex:09}{hex:09}"],
  ["a quote", '"get" {a}'],
  ["0xff", "{hex:ffff}"],
  ["0x81, the magic of a binary answer", "{hex:8181}"],
];

const long: Case[] = [
  {
    name: "a line of 3,000 bytes that is no command closes",
    steps: [{ send: "{x*3000}", expect: "{...}", closes: true }],
  },
  { name: "a set line of 3,000 bytes closes", steps: [{ send: "set {x*3000}", expect: "{...}", closes: true }] },
];

export const malformed = family(
  "malformed",
  unknown.map((line) =>
    exchange(`"${line.replace("{a}", "a")}" is no command`, `${line}\n`, line === "m" ? BAD_FORMAT : "ERROR\n"),
  ),
  bytes.map(([name, line]) => exchange(`a line of ${name} is no command`, `${line}\n`, "ERROR\n")),
  exchange("an empty line", "\n", BAD_FORMAT),
  exchange("an empty line with a lone LF", "{lf}", BAD_FORMAT),
  exchange("a line of one letter", "x\n", BAD_FORMAT),
  exchange("a line of spaces", "   \n", "ERROR\n"),
  exchange("a lone CR in a line is part of a word", "get {a}{cr}b\n", "END\n"),
  exchange(
    "after a bad line the next is answered",
    "foo\nget {a}\nfoo bar\nversion\n",
    "ERROR\nEND\nERROR\nVERSION {..}\n",
  ),
  exchange("noreply hides the ERROR of an unknown command", "foo noreply\nfoo bar noreply\n", ""),
  exchange("30 words", `get${" {a}".repeat(30)}\n`, "END\n"),
  long,
  {
    name: "a get line longer than 2,048 bytes may come in pieces",
    steps: [{ parts: [`get${" {a:200}".repeat(15)}`, `${" {a:200}".repeat(15)}\n`], expect: "END\n" }],
  },
  {
    name: "a line in many pieces is one line",
    steps: [{ parts: ["g", "et", " {a}", "x", "{cr}", "{lf}"], expect: "END\n" }],
  },
);

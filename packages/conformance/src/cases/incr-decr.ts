// incr and decr: numbers, their limits, and values that are none.

import type { Case } from "../case.ts";
import { BAD_FORMAT, exchange, family } from "./common.ts";

const NON_NUMERIC = "CLIENT_ERROR cannot increment or decrement non-numeric value\n";
const BAD_DELTA = "CLIENT_ERROR invalid numeric delta argument\n";

const rows: readonly (readonly [name: string, value: string, command: string, answer: string, stored?: string])[] = [
  ["incr by 1", "5", "incr {a} 1", "6", "6"],
  ["incr by 0", "5", "incr {a} 0", "5", "5"],
  ["incr makes it longer", "99", "incr {a} 1", "100", "100"],
  ["incr to the largest number", "18446744073709551614", "incr {a} 1", "18446744073709551615", "18446744073709551615"],
  ["incr over 2^64 wraps", "18446744073709551615", "incr {a} 1", "0", "0                   "],
  ["incr by the largest number wraps", "10", "incr {a} 18446744073709551615", "9", "9 "],
  ["incr past 2^53 is exact", "9007199254740992", "incr {a} 1", "9007199254740993", "9007199254740993"],
  ["incr past 2^32", "4294967295", "incr {a} 1", "4294967296", "4294967296"],
  ["decr by 1", "5", "decr {a} 1", "4", "4"],
  ["decr keeps the length with spaces", "10", "decr {a} 1", "9", "9 "],
  ["decr from 1000 to 1", "1000", "decr {a} 999", "1", "1   "],
  ["decr stops at 0", "5", "decr {a} 6", "0", "0"],
  ["decr of 0", "0", "decr {a} 1", "0", "0"],
  ["decr by the largest number", "100", "decr {a} 18446744073709551615", "0", "0  "],
  ["decr past 2^53 is exact", "9007199254740993", "decr {a} 1", "9007199254740992", "9007199254740992"],
  ["leading zeros", "007", "incr {a} 1", "8", "8  "],
  ["a leading space", " 7", "incr {a} 1", "8", "8 "],
  ["a leading plus", "+7", "incr {a} 1", "8", "8 "],
  ["a trailing space", "7 ", "incr {a} 1", "8", "8 "],
  ["text after a space", "1 2", "incr {a} 1", "2", "2  "],
  ["a delta with zeros", "5", "incr {a} 002", "7", "7"],
  [
    "a value of 20 digits and a space",
    "10000000000000000000 ",
    "incr {a} 1",
    "10000000000000000001",
    "10000000000000000001 ",
  ],
];

const refusedValues: readonly (readonly [string, string])[] = [
  ["letters", "abc"],
  ["a negative number", "-1"],
  ["a fraction", "1.5"],
  ["a number over 64 bits", "18446744073709551616"],
  ["digits then letters", "12ab"],
  ["nothing", ""],
  ["a hexadecimal number", "0x10"],
  ["a very long number", "{1*30}"],
];

const refusedDeltas = ["abc", "-1", "1.5", "18446744073709551616", "1x", "0x1", "+2"];

function both(name: string, make: (command: string) => readonly string[]): Case[] {
  return ["incr", "decr"].map((command) => exchange(`${command}: ${name}`, ...make(command)));
}

export const incrDecr = family(
  "incr-decr",
  rows.map(([name, value, command, answer, stored]) =>
    exchange(
      name,
      `set {a} 3 0 ${value.length}\n${value}\n`,
      "STORED\n",
      `${command}\n`,
      `${answer}\n`,
      "get {a}\n",
      `VALUE {a} 3 ${(stored ?? answer).length}\n${stored ?? answer}\nEND\n`,
    ),
  ),
  refusedValues.map(([name, value]) => {
    const bytes = value === "{1*30}" ? 30 : value.length;
    return exchange(
      `a value of ${name} is no number`,
      `set {a} 0 0 ${bytes}\n${value}\n`,
      "STORED\n",
      "incr {a} 1\n",
      NON_NUMERIC,
      "decr {a} 1\n",
      NON_NUMERIC,
      "get {a}\n",
      `VALUE {a} 0 ${bytes}\n${value}\nEND\n`,
    );
  }),
  refusedDeltas.map((delta) =>
    exchange(
      `a delta of ${delta}`,
      "set {a} 0 0 1\n5\n",
      "STORED\n",
      `incr {a} ${delta}\n`,
      BAD_DELTA,
      `decr {a} ${delta}\n`,
      BAD_DELTA,
      "get {a}\n",
      "VALUE {a} 0 1\n5\nEND\n",
    ),
  ),
  both("a miss", (command) => [`${command} {a} 1\n`, "NOT_FOUND\n", "get {a}\n", "END\n"]),
  both("a bad delta on a miss", (command) => [`${command} {a} x\n`, BAD_DELTA]),
  both("noreply", (command) => [
    "set {a} 0 0 1\n5\n",
    "STORED\n",
    `${command} {a} 2 noreply\n`,
    "",
    "get {a}\n",
    `VALUE {a} 0 1\n${command === "incr" ? 7 : 3}\nEND\n`,
  ]),
  both("noreply on a miss", (command) => [`${command} {a} 2 noreply\n`, ""]),
  both("noreply hides what is no number", (command) => [
    "set {a} 0 0 1\nx\n",
    "STORED\n",
    `${command} {a} 2 noreply\n`,
    "",
  ]),
  both("noreply hides a bad delta", (command) => [`${command} {a} x noreply\n`, ""]),
  both("no words", (command) => [`${command}\n`, BAD_FORMAT]),
  both("no delta", (command) => [`${command} {a}\n`, BAD_FORMAT]),
  both("a key of 251 bytes", (command) => [`${command} {a:251} 1\n`, BAD_FORMAT]),
  both("a fourth word is ignored", (command) => [
    "set {a} 0 0 1\n5\n",
    "STORED\n",
    `${command} {a} 1 foo\n`,
    command === "incr" ? "6\n" : "4\n",
  ]),
  exchange(
    "keeps the time to live",
    "set {a} 0 100 1\n5\n",
    "STORED\n",
    "incr {a} 100\n",
    "105\n",
    "mg {a} t\n",
    "HD t{/100|99/}\n",
  ),
  exchange(
    "a value that grew by append is a number",
    "set {a} 0 0 1\n5\nappend {a} 0 0 1\n0\n",
    "STORED\nSTORED\n",
    "incr {a} 1\n",
    "51\n",
  ),
  exchange(
    "a value of 200 digits' room is too long to be a number",
    "set {a} 0 0 200\n1{0*199}\n",
    "STORED\n",
    "incr {a} 1\n",
    NON_NUMERIC,
  ),
  exchange(
    "a thousand incrs",
    "set {a} 0 0 1\n0\n",
    "STORED\n",
    "incr {a} 1 noreply\n".repeat(1000),
    "",
    "get {a}\n",
    "VALUE {a} 0 4\n1000\nEND\n",
  ),
);

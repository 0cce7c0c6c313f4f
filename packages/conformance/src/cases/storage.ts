// set, add, replace, append, prepend and cas: what each does to a key that is there and to one that is not, and the
// lines they refuse. Values near the limit are in limits.ts.

import type { Case } from "../case.ts";
import { BAD_CHUNK, BAD_FORMAT, exchange, family } from "./common.ts";

const commands = ["set", "add", "replace", "append", "prepend"] as const;

/** What the command answers on a miss and on a hit. */
const outcome: Record<(typeof commands)[number], readonly [miss: string, hit: string]> = {
  set: ["STORED\n", "STORED\n"],
  add: ["STORED\n", "NOT_STORED\n"],
  replace: ["NOT_STORED\n", "STORED\n"],
  append: ["NOT_STORED\n", "STORED\n"],
  prepend: ["NOT_STORED\n", "STORED\n"],
};

/** Lines with a payload of one byte, `x`, that is swallowed with them. */
function refusedLines(command: string): Case[] {
  const lines: (readonly [name: string, line: string])[] = [
    ["a key of 251 bytes", `${command} {a:251} 0 0 1`],
    ["negative flags", `${command} {a} -1 0 1`],
    ["flags that are no number", `${command} {a} x 0 1`],
    ["an exptime that is no number", `${command} {a} 0 x 1`],
  ];
  return lines.map(([name, line]) => exchange(`${name}: refused, payload swallowed`, `${line}\nx\n`, BAD_FORMAT));
}

function forCommand(command: (typeof commands)[number]): Case[] {
  const [miss, hit] = outcome[command];
  const end = (changed: string) => (hit === "STORED\n" ? changed : "VALUE {a} 1 3\nold\nEND\n");
  const after = {
    set: "VALUE {a} 2 3\nnew\nEND\n",
    add: "",
    replace: "VALUE {a} 2 3\nnew\nEND\n",
    append: "VALUE {a} 1 6\noldnew\nEND\n",
    prepend: "VALUE {a} 1 6\nnewold\nEND\n",
  };
  const stored = miss === "STORED\n" ? "VALUE {a} 2 3\nnew\nEND\n" : "END\n";
  return [
    exchange("on a miss", `${command} {a} 2 0 3\nnew\n`, miss, "get {a}\n", stored),
    exchange(
      "on a hit",
      "set {a} 1 0 3\nold\n",
      "STORED\n",
      `${command} {a} 2 0 3\nnew\n`,
      hit,
      "get {a}\n",
      end(after[command]),
    ),
    exchange("noreply on a miss", `${command} {a} 2 0 3 noreply\nnew\n`, "", "get {a}\n", stored),
    exchange(
      "noreply on a hit",
      "set {a} 1 0 3\nold\n",
      "STORED\n",
      `${command} {a} 2 0 3 noreply\nnew\n`,
      "",
      "get {a}\n",
      end(after[command]),
    ),
    exchange("an empty value", "set {a} 1 0 3\nold\n", "STORED\n", `${command} {a} 1 0 0\n\n`, hit),
    exchange(
      "after a delete it is a miss again",
      "set {a} 1 0 3\nold\ndelete {a}\n",
      "STORED\nDELETED\n",
      `${command} {a} 2 0 3\nnew\n`,
      miss,
    ),
    exchange("spaces between the words do not count", `${command}  {a}  2  0  3  \nnew\n`, miss),
    exchange(
      "a payload must end in CRLF, a lone LF will not do",
      `${command} {a} 2 0 3{lf}new{lf}version\n`,
      `${BAD_CHUNK}ERROR\n`,
    ),
    exchange("a fourth word that is not noreply is taken as nothing", `${command} {a} 2 0 3 foo\nnew\n`, miss),
    exchange("no words", `${command}\n`, BAD_FORMAT),
    exchange("only a key", `${command} {a}\n`, BAD_FORMAT),
    exchange("a key and flags", `${command} {a} 0\n`, BAD_FORMAT),
    exchange("no length", `${command} {a} 0 0\n`, BAD_FORMAT),
    exchange(
      "a length that is no number leaves the payload a command",
      `${command} {a} 0 0 abc\nversionx\n`,
      `${BAD_FORMAT}ERROR\n`,
    ),
    exchange(
      "a negative length leaves the payload a command",
      `${command} {a} 0 0 -1\nversionx\n`,
      `${BAD_FORMAT}ERROR\n`,
    ),
    exchange(
      "a length with a plus leaves the payload a command",
      `${command} {a} 0 0 +1\nversionx\n`,
      `${BAD_FORMAT}ERROR\n`,
    ),
    exchange(
      "a length of 2^31 leaves the payload a command",
      `${command} {a} 0 0 2147483648\nversionx\n`,
      `${BAD_FORMAT}ERROR\n`,
    ),
    exchange("a payload longer than said", `${command} {a} 0 0 3\nabcdefgh\nversionx\n`, `${BAD_CHUNK}ERROR\nERROR\n`),
    exchange(
      "a payload shorter than said takes what follows with it",
      `${command} {a} 0 0 5\nabc\nget {a}\n`,
      `${BAD_CHUNK}ERROR\n`,
    ),
    exchange(
      "a bad payload leaves what was there",
      "set {a} 1 0 3\nold\n",
      "STORED\n",
      `${command} {a} 0 0 3\nabcdefgh\n`,
      `${BAD_CHUNK}ERROR\n`,
      "get {a}\n",
      "VALUE {a} 1 3\nold\nEND\n",
    ),
    exchange("noreply hides a bad payload, not the rest of it", `${command} {a} 0 0 1 noreply\nabcdef\n`, "ERROR\n"),
    ...refusedLines(command),
  ].map((one) => ({ ...one, name: `${command}: ${one.name}` }));
}

const cas = [
  exchange(
    "the right number stores",
    "set {a} 1 0 3\nold\n",
    "STORED\n",
    "gets {a}\n",
    "VALUE {a} 1 3 {#cas}\nold\nEND\n",
    "cas {a} 2 0 3 {$cas}\nnew\n",
    "STORED\n",
    "get {a}\n",
    "VALUE {a} 2 3\nnew\nEND\n",
  ),
  exchange(
    "the number changes with each store",
    "set {a} 1 0 3\nold\n",
    "STORED\n",
    "gets {a}\n",
    "VALUE {a} 1 3 {#cas}\nold\nEND\n",
    "cas {a} 2 0 3 {$cas}\nnew\ncas {a} 2 0 3 {$cas}\nnew\n",
    "STORED\nEXISTS\n",
  ),
  exchange(
    "a wrong number is EXISTS",
    "set {a} 1 0 3\nold\n",
    "STORED\n",
    "gets {a}\n",
    "VALUE {a} 1 3 {#cas}\nold\nEND\n",
    "cas {a} 2 0 3 {$cas+1}\nnew\n",
    "EXISTS\n",
    "get {a}\n",
    "VALUE {a} 1 3\nold\nEND\n",
  ),
  exchange(
    "0 on a key that is there is EXISTS",
    "set {a} 1 0 3\nold\n",
    "STORED\n",
    "cas {a} 2 0 3 0\nnew\n",
    "EXISTS\n",
  ),
  exchange("on a miss is NOT_FOUND", "cas {a} 2 0 3 1\nnew\n", "NOT_FOUND\n", "get {a}\n", "END\n"),
  exchange("0 on a miss is NOT_FOUND", "cas {a} 2 0 3 0\nnew\n", "NOT_FOUND\n"),
  exchange("the largest number is taken", "cas {a} 2 0 3 18446744073709551615\nnew\n", "NOT_FOUND\n"),
  exchange("a number over 64 bits", "cas {a} 0 0 1 18446744073709551616\nx\n", BAD_FORMAT),
  exchange("a number that is no number", "cas {a} 0 0 1 abc\nx\n", BAD_FORMAT),
  exchange("a negative number", "cas {a} 0 0 1 -1\nx\n", BAD_FORMAT),
  exchange("no number", "cas {a} 0 0 1\nx\n", BAD_FORMAT),
  exchange("no length", "cas {a} 0 0\n", BAD_FORMAT),
  exchange("only a key", "cas {a}\n", BAD_FORMAT),
  exchange("no words", "cas\n", BAD_FORMAT),
  exchange(
    "noreply with the right number",
    "set {a} 1 0 3\nold\n",
    "STORED\n",
    "gets {a}\n",
    "VALUE {a} 1 3 {#cas}\nold\nEND\n",
    "cas {a} 2 0 3 {$cas} noreply\nnew\n",
    "",
    "get {a}\n",
    "VALUE {a} 2 3\nnew\nEND\n",
  ),
  exchange(
    "noreply with a wrong number",
    "set {a} 1 0 3\nold\n",
    "STORED\n",
    "cas {a} 2 0 3 0 noreply\nnew\n",
    "",
    "get {a}\n",
    "VALUE {a} 1 3\nold\nEND\n",
  ),
  exchange("noreply on a miss", "cas {a} 2 0 3 1 noreply\nnew\n", ""),
  exchange(
    "a bad payload",
    "set {a} 1 0 3\nold\n",
    "STORED\n",
    "gets {a}\n",
    "VALUE {a} 1 3 {#cas}\nold\nEND\n",
    "cas {a} 2 0 3 {$cas}\nabcdefgh\n",
    `${BAD_CHUNK}ERROR\n`,
    "get {a}\n",
    "VALUE {a} 1 3\nold\nEND\n",
  ),
  exchange(
    "append gives a new number",
    "set {a} 1 0 1\nx\n",
    "STORED\n",
    "gets {a}\n",
    "VALUE {a} 1 1 {#cas}\nx\nEND\n",
    "append {a} 0 0 1\ny\n",
    "STORED\n",
    "gets {a}\n",
    "VALUE {a} 1 2 {$cas+1}\nxy\nEND\n",
  ),
  exchange(
    "incr gives a new number",
    "set {a} 1 0 1\n1\n",
    "STORED\n",
    "gets {a}\n",
    "VALUE {a} 1 1 {#cas}\n1\nEND\n",
    "incr {a} 1\n",
    "2\n",
    "gets {a}\n",
    "VALUE {a} 1 1 {$cas+1}\n2\nEND\n",
  ),
  exchange(
    "touch and gat give no new number",
    "set {a} 1 0 1\n1\n",
    "STORED\n",
    "gets {a}\n",
    "VALUE {a} 1 1 {#cas}\n1\nEND\n",
    "touch {a} 100\ngat 0 {a}\n",
    "TOUCHED\nVALUE {a} 1 1\n1\nEND\n",
    "gets {a}\n",
    "VALUE {a} 1 1 {$cas}\n1\nEND\n",
  ),
  exchange(
    "a failed add gives no new number",
    "set {a} 1 0 1\n1\n",
    "STORED\n",
    "gets {a}\n",
    "VALUE {a} 1 1 {#cas}\n1\nEND\n",
    "add {a} 0 0 1\n2\n",
    "NOT_STORED\n",
    "gets {a}\n",
    "VALUE {a} 1 1 {$cas}\n1\nEND\n",
  ),
  {
    name: "two connections, one wins",
    steps: [
      ["set {a} 1 0 1\nx\n", "STORED\n"],
      ["gets {a}\n", "VALUE {a} 1 1 {#cas}\nx\nEND\n"],
      { on: "other", send: "cas {a} 1 0 1 {$cas}\ny\n", expect: "STORED\n" },
      ["cas {a} 1 0 1 {$cas}\nz\n", "EXISTS\n"],
      ["get {a}\n", "VALUE {a} 1 1\ny\nEND\n"],
    ],
  } satisfies Case,
];

export const storage = family(
  "storage",
  commands.map(forCommand).flat(),
  cas.map((one) => ({ ...one, name: `cas: ${one.name}` })),
  exchange(
    "append and prepend keep flags",
    "set {a} 9 0 1\nb\nappend {a} 5 0 1\nc\nprepend {a} 6 0 1\na\n",
    "STORED\nSTORED\nSTORED\n",
    "get {a}\n",
    "VALUE {a} 9 3\nabc\nEND\n",
  ),
  exchange(
    "append and prepend keep the time to live",
    "set {a} 9 100 1\nb\nappend {a} 5 0 1\nc\nprepend {a} 6 -1 1\na\n",
    "STORED\nSTORED\nSTORED\n",
    "mg {a} t v\n",
    "VA 3 t{/100|99/}\nabc\n",
  ),
  exchange(
    "set replaces flags, time to live and value",
    "set {a} 9 100 1\nb\nset {a} 3 0 2\ncc\n",
    "STORED\nSTORED\n",
    "mg {a} f t v\n",
    "VA 2 f3 t-1\ncc\n",
  ),
  exchange(
    "a value grows by 50 appends",
    "set {a} 0 0 4\nseed\n",
    "STORED\n",
    "append {a} 0 0 10\n0123456789\n".repeat(50),
    "STORED\n".repeat(50),
    "get {a}\n",
    `VALUE {a} 0 504\nseed${"0123456789".repeat(50)}\nEND\n`,
  ),
  exchange(
    "a key shrinks and grows in place",
    "set {a} 0 0 1000\n{x*1000}\nset {a} 0 0 1\ny\nset {a} 0 0 500\n{z*500}\n",
    "STORED\nSTORED\nSTORED\n",
    "get {a}\n",
    "VALUE {a} 0 500\n{z*500}\nEND\n",
  ),
  exchange(
    "flags of 2^32 are taken and wrap",
    "set {a} 4294967296 0 1\nx\n",
    "STORED\n",
    "get {a}\n",
    "VALUE {a} 0 1\nx\nEND\n",
  ),
  exchange("SET in capitals is no command, nor is its payload", "SET {a} 0 0 1\nxyz\n", "ERROR\nERROR\n"),
);

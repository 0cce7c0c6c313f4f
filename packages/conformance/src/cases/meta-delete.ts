// md: deleting, invalidating, dropping the value, cas, quiet mode.

import type { Case } from "../case.ts";
import { BAD_FORMAT, exchange, family, shown } from "./common.ts";

const set = ["ms {a} 5 F5 c\nhello\n", "HD c{#cas}\n"] as const;

const rows: readonly (readonly [flags: string, hit: string, miss: string, left: string])[] = [
  ["", "HD\n", "NF\n", "EN\n"],
  [" q", "", "NF\n", "EN\n"],
  [" k", "HD k{a}\n", "NF k{a}\n", "EN\n"],
  [" Oabc", "HD Oabc\n", "NF Oabc\n", "EN\n"],
  [" k O1", "HD k{a} O1\n", "NF k{a} O1\n", "EN\n"],
  [" q k O1", "", "NF k{a} O1\n", "EN\n"],
  [" C{$cas}", "HD\n", "NF\n", "EN\n"],
  [" C{$cas} q", "", "NF\n", "EN\n"],
  [" C{$cas-1}", "EX\n", "NF\n", "VA 5 f5 s5\nhello\n"],
  [" C{$cas+1} k O2", "EX k{a} O2\n", "NF k{a} O2\n", "VA 5 f5 s5\nhello\n"],
  [" C{$cas-1} q", "EX\n", "NF\n", "VA 5 f5 s5\nhello\n"],
  [" I", "HD\n", "NF\n", "VA 5 f5 s5 X W\nhello\n"],
  [" I q", "", "NF\n", "VA 5 f5 s5 X W\nhello\n"],
  [" I T100", "HD\n", "NF\n", "VA 5 f5 s5 X W\nhello\n"],
  [" I C{$cas-1}", "EX\n", "NF\n", "VA 5 f5 s5\nhello\n"],
  [" I C{$cas}", "HD\n", "NF\n", "VA 5 f5 s5 X W\nhello\n"],
  [" x", "HD\n", "NF\n", "VA 0 f0 s0\n\n"],
  [" x I", "HD\n", "NF\n", "VA 0 f0 s0 X W\n\n"],
  [" x T100", "HD\n", "NF\n", "VA 0 f0 s0\n\n"],
  [" P L", "HD\n", "NF\n", "EN\n"],
];

const refused: readonly (readonly [name: string, line: string, answer: string])[] = [
  ["no key", "md", BAD_FORMAT],
  ["a key of 251 bytes", "md {a:251}", BAD_FORMAT],
  ["an unknown flag", "md {a} z", "CLIENT_ERROR invalid flag\n"],
  ["a flag that is no letter", "md {a} !", BAD_FORMAT],
  ["a flag twice", "md {a} k k", "CLIENT_ERROR duplicate flag\n"],
  ["C that is no number", "md {a} Cx", "CLIENT_ERROR bad token in command line format\n"],
  ["T that is no number", "md {a} I Tx", "CLIENT_ERROR bad token in command line format\n"],
  ["a key that is not base64", "md !!!! b", "CLIENT_ERROR error decoding key\n"],
  ["an opaque of 33 bytes", "md {a} O{x*33}", "CLIENT_ERROR opaque token too long\n"],
  ["quiet does not hide an error", "md {a} q z", "CLIENT_ERROR invalid flag\n"],
];

const more: Case[] = [
  exchange(
    "I gives a new cas",
    "ms {a} 5 F5 c\nhello\n",
    "HD c{#old}\n",
    "md {a} I\n",
    "HD\n",
    "mg {a} c\n",
    "HD c{#cas} X W\n",
    "ms {a} 1 C{$old}\nx\n",
    "EX\n",
  ),
  exchange("I with E gives that cas", ...set, "md {a} I E2000\n", "HD\n", "mg {a} c\n", "HD c2000 X W\n"),
  exchange("I with T sets the time to live", ...set, "md {a} I T100\n", "HD\n", "mg {a} t\n", "HD t{/100|99/} X W\n"),
  exchange("I twice gives the win again", ...set, "md {a} I\nmg {a}\nmd {a} I\nmg {a}\n", "HD\nHD X W\nHD\nHD X W\n"),
  exchange(
    "x keeps the item",
    ...set,
    "md {a} x\n",
    "HD\n",
    "get {a}\n",
    "VALUE {a} 0 0\n\nEND\n",
    "add {a} 0 0 1\nx\n",
    "NOT_STORED\n",
  ),
  exchange("x takes the time to live away", "ms {a} 1 T100\nx\nmd {a} x\n", "HD\nHD\n", "mg {a} t\n", "HD t-1\n"),
  exchange("x with T sets it", "ms {a} 1 T100\nx\nmd {a} x T500\n", "HD\nHD\n", "mg {a} t\n", "HD t{/500|499/}\n"),
  exchange(
    "b deletes the decoded key",
    "set {a} 0 0 1\nx\nmd {a.b64} b k\n",
    "STORED\nHD k{a.b64} b\n",
    "get {a}\n",
    "END\n",
  ),
  exchange("b and k on a miss", "md {a.b64} b k\n", "NF k{a.b64} b\n"),
  exchange("quiet deletes and a noop: a miss is told", "ms {a} 1 q\nx\nmd {a} q\nmd {a} q\nmn\n", "NF\nMN\n"),
  exchange("flags of mg are passed over", "md {a} v t\n", "NF\n"),
];

export const metaDelete = family(
  "meta-delete",
  rows.map(([flags, hit, , left]) =>
    exchange(`a hit with "${shown(flags)}"`, ...set, `md {a}${flags}\n`, hit, "mg {a} v f s\n", left),
  ),
  rows.map(([flags, , miss]) =>
    exchange(`a miss with "${shown(flags)}"`, `md {a}${flags.replace(/\{.*?\}/, "1")}\n`, miss),
  ),
  refused.map(([name, line, answer]) => exchange(name, `${line}\n`, answer)),
  more,
);

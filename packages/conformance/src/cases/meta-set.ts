// ms: modes, flags in and out, cas, invalidation, quiet mode, base64 keys, bad lines.

import type { Case } from "../case.ts";
import { BAD_CHUNK, BAD_FORMAT, exchange, family, shown } from "./common.ts";

const old = ["set {a} 1 0 3\nold\n", "STORED\n"] as const;

/** Flags of a set on a miss, and the answer. */
const returned: readonly (readonly [flags: string, answer: string])[] = [
  ["", "HD\n"],
  [" c", "HD c{#}\n"],
  [" k", "HD k{a}\n"],
  [" Oabc", "HD Oabc\n"],
  [" k O1 c", "HD k{a} O1 c{#}\n"],
  [" s", "HD s2\n"],
  [" c s k Oabc", "HD c{#} s2 k{a} Oabc\n"],
  [" q", ""],
  [" q k O1", ""],
  [" F7", "HD\n"],
  [" T100", "HD\n"],
  [" T0", "HD\n"],
  [" T-1", "HD\n"],
  [" F7 T100 c", "HD c{#}\n"],
  [" P L", "HD\n"],
  [" E99999999999", "HD\n"],
  [" E99999999999 c", "HD c99999999999\n"],
  [" MS", "HD\n"],
  [" MSet", "HD\n"],
  [" ME", "HD\n"],
  [" MEadd", "HD\n"],
  [" MR", "NS\n"],
  [" MA", "NS\n"],
  [" MP", "NS\n"],
  [" MR k O1", "NS k{a} O1\n"],
  [" MR q", "NS\n"],
  [" MA q k", "NS k{a}\n"],
  [" C1", "NF\n"],
  [" C1 q", "NF\n"],
  [" C1 k O1", "NF k{a} O1\n"],
  [" I", "HD\n"],
  ["  k   O1 ", "HD k{a} O1\n"],
];

const refused: readonly (readonly [name: string, line: string, answer: string])[] = [
  ["no words", "ms", BAD_FORMAT],
  ["only a key", "ms {a}", BAD_FORMAT],
  ["a length that is no number", "ms {a} x", BAD_FORMAT],
  ["a length with letters", "ms {a} 2x", BAD_FORMAT],
  ["a negative length", "ms {a} -1", BAD_FORMAT],
  ["a flag in the length's place", "ms {a} c", BAD_FORMAT],
  ["a flag that is no letter", "ms {a} 2 !", BAD_FORMAT],
  ["a flag that is no letter, quiet", "ms {a} 2 q !", BAD_FORMAT],
];

/** Lines that are refused with a payload of two bytes swallowed. */
const swallowed: readonly (readonly [name: string, line: string, answer: string])[] = [
  ["a key of 251 bytes", "ms {a:251} 2", BAD_FORMAT],
  ["an unknown flag", "ms {a} 2 z", "CLIENT_ERROR invalid flag\n"],
  ["a mode in lower case", "ms {a} 2 Ms", "CLIENT_ERROR invalid mode for ms M token\n"],
  ["another mode in lower case", "ms {a} 2 Mappend", "CLIENT_ERROR invalid mode for ms M token\n"],
  ["a flag twice", "ms {a} 2 c c", "CLIENT_ERROR duplicate flag\n"],
  ["an unknown mode", "ms {a} 2 MX", "CLIENT_ERROR invalid mode for ms M token\n"],
  ["an empty mode", "ms {a} 2 M", "CLIENT_ERROR invalid mode for ms M token\n"],
  ["F that is no number", "ms {a} 2 Fx", BAD_FORMAT],
  ["F over 32 bits", "ms {a} 2 F4294967296", BAD_FORMAT],
  ["F that is negative", "ms {a} 2 F-1", BAD_FORMAT],
  ["T that is no number", "ms {a} 2 Tx", "CLIENT_ERROR bad token in command line format\n"],
  ["C that is no number", "ms {a} 2 Cx", "CLIENT_ERROR bad token in command line format\n"],
  ["E that is no number", "ms {a} 2 Ex", "CLIENT_ERROR bad token in command line format\n"],
  ["an opaque of 33 bytes", "ms {a} 2 O{x*33}", "CLIENT_ERROR opaque token too long\n"],
  ["a key that is not base64", "ms !!!! 2 b", "CLIENT_ERROR error decoding key\n"],
  ["quiet does not hide an error", "ms {a} 2 q z", "CLIENT_ERROR invalid flag\n"],
];

const modes: Case[] = [
  exchange(
    "ME adds only where nothing is",
    "ms {a} 2 ME\nhi\nms {a} 2 ME\nho\n",
    "HD\nNS\n",
    "mg {a} v\n",
    "VA 2\nhi\n",
  ),
  exchange("MR replaces only what is there", ...old, "ms {a} 2 MR F5\nhi\n", "HD\n", "mg {a} v f\n", "VA 2 f5\nhi\n"),
  exchange("MA appends", ...old, "ms {a} 2 MA\nhi\n", "HD\n", "mg {a} v f\n", "VA 5 f1\noldhi\n"),
  exchange("MP prepends", ...old, "ms {a} 2 MP\nhi\n", "HD\n", "mg {a} v f\n", "VA 5 f1\nhiold\n"),
  exchange("MA with N makes the item", "ms {a} 2 MA N60\nhi\n", "HD\n", "mg {a} v t\n", "VA 2 t{/60|59/}\nhi\n"),
  exchange("MP with N makes the item", "ms {a} 2 MP N0\nhi\n", "HD\n", "mg {a} v t\n", "VA 2 t-1\nhi\n"),
  exchange(
    "MA with N on a hit appends and keeps the time to live",
    "set {a} 1 0 3\nold\n",
    "STORED\n",
    "ms {a} 2 MA N60\nhi\n",
    "HD\n",
    "mg {a} v t\n",
    "VA 5 t-1\noldhi\n",
  ),
  exchange(
    "the first letter alone counts",
    ...old,
    "ms {a} 2 MAppend\nhi\nms {a} 2 MPx\nyo\n",
    "HD\nHD\n",
    "mg {a} v\n",
    "VA 7\nyooldhi\n",
  ),
  exchange(
    "set on a hit replaces flags and time to live",
    "set {a} 9 100 3\nold\n",
    "STORED\n",
    "ms {a} 2\nhi\n",
    "HD\n",
    "mg {a} v f t\n",
    "VA 2 f0 t-1\nhi\n",
  ),
];

const casCases: Case[] = [
  exchange(
    "C with the right number stores",
    "ms {a} 1 c\nx\n",
    "HD c{#cas}\n",
    "ms {a} 1 C{$cas} c\ny\n",
    "HD c{$cas+1}\n",
    "mg {a} v\n",
    "VA 1\ny\n",
  ),
  exchange(
    "C with a wrong number is EX",
    "ms {a} 1 c\nx\n",
    "HD c{#cas}\n",
    "ms {a} 1 C{$cas+1}\ny\n",
    "EX\n",
    "mg {a} v\n",
    "VA 1\nx\n",
  ),
  exchange(
    "C with a lower number is EX",
    "ms {a} 1\nx\nms {a} 1 c\nx\n",
    "HD\nHD c{#cas}\n",
    "ms {a} 1 C{$cas-1}\ny\n",
    "EX\n",
  ),
  exchange("EX shows k and O", "ms {a} 1\nx\n", "HD\n", "ms {a} 1 C999999999999 k O5\ny\n", "EX k{a} O5\n"),
  exchange("EX is not hidden by q", "ms {a} 1\nx\n", "HD\n", "ms {a} 1 C999999999999 q\ny\n", "EX\n"),
  exchange("C with mode R on a miss", "ms {a} 1 C5 MR\ny\n", "NF\n"),
  exchange("C of 0 is a number that no item has", "ms {a} 1\nx\n", "HD\n", "ms {a} 1 C0\ny\n", "EX\n"),
  exchange(
    "E gives the item its cas",
    "ms {a} 1 E1000000000000\nx\n",
    "HD\n",
    "gets {a}\n",
    "VALUE {a} 0 1 1000000000000\nx\nEND\n",
  ),
  exchange(
    "E and C: compare, then give",
    "ms {a} 1 E1000000000000\nx\n",
    "HD\n",
    "ms {a} 1 C1000000000000 E1000000000005 c\ny\n",
    "HD c1000000000005\n",
  ),
  exchange(
    "E with append",
    "ms {a} 1 E1000000000000\nx\n",
    "HD\n",
    "ms {a} 1 MA E1000000000007 c\ny\n",
    "HD c1000000000007\n",
    "mg {a} v c\n",
    "VA 2 c1000000000007\nxy\n",
  ),
  exchange(
    "E does not move the counter for others",
    "ms {a} 1 c\nx\n",
    "HD c{#cas}\n",
    "ms {b} 1 E1000000000000\nx\n",
    "HD\n",
    "ms {c} 1 c\nx\n",
    "HD c{$cas+1}\n",
  ),
];

const invalidation: Case[] = [
  exchange(
    "I with a lower C stores it stale",
    "ms {a} 1 c\nx\n",
    "HD c{#cas}\n",
    "ms {a} 1 I C{$cas-1}\ny\n",
    "HD\n",
    "mg {a} v\n",
    "VA 1 X W\ny\n",
    "mg {a} v\n",
    "VA 1 Z X\ny\n",
  ),
  exchange(
    "I with a higher C is EX",
    "ms {a} 1 c\nx\n",
    "HD c{#cas}\n",
    "ms {a} 1 I C{$cas+1}\ny\n",
    "EX\n",
    "mg {a} v\n",
    "VA 1\nx\n",
  ),
  exchange(
    "I with the right C stores it fresh",
    "ms {a} 1 c\nx\n",
    "HD c{#cas}\n",
    "ms {a} 1 I C{$cas}\ny\n",
    "HD\n",
    "mg {a} v\n",
    "VA 1\ny\n",
  ),
];

const payload: Case[] = [
  exchange("an empty value", "ms {a} 0\n\n", "HD\n", "mg {a} v\n", "VA 0\n\n"),
  exchange("a payload longer than said", "ms {a} 2\nabcdef\n", `${BAD_CHUNK}ERROR\n`),
  exchange("a payload shorter than said", "ms {a} 5\nabc\nget {a}\n", `${BAD_CHUNK}ERROR\n`),
  exchange("q does not hide a bad payload", "ms {a} 2 q\nabcdef\n", `${BAD_CHUNK}ERROR\n`),
  exchange(
    "F comes back from get",
    "ms {a} 1 F4294967295\nx\n",
    "HD\n",
    "get {a}\n",
    "VALUE {a} 4294967295 1\nx\nEND\n",
  ),
  exchange("flags of mg are passed over", "ms {a} 1 v t\nx\n", "HD\n"),
  exchange("T comes back from mg", "ms {a} 1 T3600\nx\n", "HD\n", "mg {a} t\n", "HD t{/3600|3599/}\n"),
  exchange("T of a Unix time", "ms {a} 1 T{now+100}\nx\n", "HD\n", "mg {a} t\n", "HD t{/100|99|101/}\n"),
  exchange("T -1 stores what nobody finds", "ms {a} 1 T-1\nx\n", "HD\n", "mg {a} v\n", "EN\n"),
  exchange("S in place of the length, the old form, is refused", "ms {a} S2\nhi\n", `${BAD_FORMAT}ERROR\n`),
  exchange("a large value", "ms {a} 100000 c\n{x*100000}\n", "HD c{#}\n", "mg {a} s\n", "HD s100000\n"),
  exchange("a value with line ends", "ms {a} 4\na\nb\n", "HD\n", "mg {a} v\n", "VA 4\na\nb\n"),
  exchange("ten quiet sets and a noop", "ms {a} 1 q\nx\n".repeat(10) + "mn\n", "MN\n"),
];

const base64: Case[] = [
  exchange("b stores under the decoded key", "ms {a.b64} 2 b\nhi\n", "HD\n", "get {a}\n", "VALUE {a} 0 2\nhi\nEND\n"),
  exchange("b and k give the encoded key back", "ms {a.b64} 2 b k\nhi\n", "HD k{a.b64} b\n"),
  exchange(
    "a binary key",
    "ms AQIDBAUGBwgJCgsM 2 b k\nhi\n",
    "HD kAQIDBAUGBwgJCgsM b\n",
    "mg AQIDBAUGBwgJCgsM b v\n",
    "VA 2\nhi\n",
    "md AQIDBAUGBwgJCgsM b\n",
    "HD\n",
  ),
  exchange("base64 without its padding", "ms YWJjZA 2 b\nhi\n", "CLIENT_ERROR error decoding key\n"),
  exchange("the text key of the same letters is another", "ms {a.b64} 2 b\nhi\n", "HD\n", "mg {a.b64} v\n", "EN\n"),
];

export const metaSet = family(
  "meta-set",
  returned.map(([flags, answer]) => exchange(`a miss with "${shown(flags)}"`, `ms {a} 2${flags}\nhi\n`, answer)),
  refused.map(([name, line, answer]) =>
    exchange(`${name}: the payload is a command`, `${line}\nhi\n`, `${answer}ERROR\n`),
  ),
  swallowed.map(([name, line, answer]) => exchange(`${name}: the payload is swallowed`, `${line}\nhi\n`, answer)),
  modes,
  casCases,
  invalidation,
  payload,
  base64,
);

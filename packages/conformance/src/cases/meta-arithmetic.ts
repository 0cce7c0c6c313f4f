// ma: modes, delta, initial value, vivifying, cas, flags out.

import type { Case } from "../case.ts";
import { BAD_FORMAT, exchange, family, shown } from "./common.ts";

const ten = ["ms {a} 2 c\n10\n", "HD c{#cas}\n"] as const;
const NON_NUMERIC = "CLIENT_ERROR cannot increment or decrement non-numeric value\n";

const hits: readonly (readonly [flags: string, answer: string, stored?: string])[] = [
  ["", "HD\n", "11"],
  [" v", "VA 2\n11\n", "11"],
  [" q", "", "11"],
  [" q v", "", "11"],
  [" k", "HD k{a}\n", "11"],
  [" Oabc", "HD Oabc\n", "11"],
  [" k O1 v", "VA 2 k{a} O1\n11\n", "11"],
  [" t", "HD t-1\n", "11"],
  [" c", "HD c{#}\n", "11"],
  [" t c v", "VA 2 t-1 c{#}\n11\n", "11"],
  [" T100 t", "HD t{/100|99/}\n", "11"],
  [" D5", "HD\n", "15"],
  [" D0 v", "VA 2\n10\n", "10"],
  [" D90 v", "VA 3\n100\n", "100"],
  [" MI", "HD\n", "11"],
  [" M+", "HD\n", "11"],
  [" MIncr", "HD\n", "11"],
  [" MD", "HD\n", "9 "],
  [" M- D3", "HD\n", "7 "],
  [" MD D100 v", "VA 1\n0\n", "0 "],
  [" MDecr D5 v", "VA 1\n5\n", "5 "],
  [" C{$cas}", "HD\n", "11"],
  [" C{$cas-1}", "EX\n", "10"],
  [" C{$cas-1} k O1", "EX k{a} O1\n", "10"],
  [" C{$cas-1} q", "EX\n", "10"],
  [" E2000 c", "HD c2000\n", "11"],
  [" N60 J5 v t", "VA 2 t-1\n11\n", "11"],
  [" D18446744073709551615 v", "VA 1\n9\n", "9 "],
  [" P L v", "VA 2\n11\n", "11"],
];

const misses: readonly (readonly [flags: string, answer: string])[] = [
  ["", "NF\n"],
  [" q", "NF\n"],
  [" k O1", "NF k{a} O1\n"],
  [" v", "NF\n"],
  [" N60", "HD\n"],
  [" N60 v", "VA 1\n0\n"],
  [" N60 J13 v", "VA 2\n13\n"],
  [" N60 J13 D5 v", "VA 2\n13\n"],
  [" N60 J13 v t", "VA 2 t{/60|59/}\n13\n"],
  [" N0 J13 v t", "VA 2 t-1\n13\n"],
  [" N60 J18446744073709551615 v", "VA 20\n18446744073709551615\n"],
  [" N60 q", ""],
  [" N60 k O1 v", "VA 1 k{a} O1\n0\n"],
  [" N60 E2000 c", "HD c2000\n"],
  [" J13", "NF\n"],
  [" MD N60 J13 v", "VA 2\n13\n"],
  [" C5 N60 v", "VA 1\n0\n"],
];

const BAD_MODE = "CLIENT_ERROR invalid mode for ma M token\n";
const FLAG = "CLIENT_ERROR invalid or duplicate flag\n";
const refused: readonly (readonly [name: string, line: string, answer: string])[] = [
  ["no key", "ma", BAD_FORMAT],
  ["a key of 251 bytes", "ma {a:251}", FLAG],
  ["an unknown flag", "ma {a} z", FLAG],
  ["a flag that is no letter", "ma {a} !", BAD_FORMAT],
  ["a flag twice", "ma {a} v v", FLAG],
  ["an unknown mode", "ma {a} MX", BAD_MODE],
  ["a mode in lower case", "ma {a} Mi", BAD_MODE],
  ["another mode in lower case", "ma {a} Mdecr", BAD_MODE],
  ["an empty mode", "ma {a} M", BAD_MODE],
  ["a delta that is no number", "ma {a} Dx", FLAG],
  ["a negative delta", "ma {a} D-1", FLAG],
  ["an initial value that is no number", "ma {a} N60 Jx", FLAG],
  ["N that is no number", "ma {a} Nx", FLAG],
  ["a key that is not base64", "ma !!!! b", FLAG],
];

const more: Case[] = [
  exchange(
    "a value that is no number",
    "ms {a} 2\nhi\n",
    "HD\n",
    "ma {a}\n",
    NON_NUMERIC,
    "ma {a} q\n",
    NON_NUMERIC,
    "mg {a} v\n",
    "VA 2\nhi\n",
  ),
  exchange("wraps at 2^64", "ms {a} 20\n18446744073709551615\n", "HD\n", "ma {a} v\n", "VA 1\n0\n"),
  exchange("gives a new cas", "ms {a} 1 c\n5\n", "HD c{#cas}\n", "ma {a} c\n", "HD c{$cas+1}\n"),
  exchange(
    "keeps flags and time to live",
    "ms {a} 1 F7 T100\n5\n",
    "HD\n",
    "ma {a}\n",
    "HD\n",
    "mg {a} f t v\n",
    "VA 1 f7 t{/100|99/}\n6\n",
  ),
  exchange("T -1 ends it", "ms {a} 1\n5\n", "HD\n", "ma {a} T-1 v\n", "VA 1\n6\n", "mg {a}\n", "EN\n"),
  exchange("what N made is a number for incr", "ma {a} N0 J41\n", "HD\n", "incr {a} 1\n", "42\n"),
  exchange(
    "b counts at the decoded key",
    "set {a} 0 0 1\n5\n",
    "STORED\n",
    "ma {a.b64} b k v\n",
    "VA 1 k{a.b64} b\n6\n",
  ),
  exchange("N and b make the decoded key", "ma {a.b64} b N0 J7\n", "HD\n", "get {a}\n", "VALUE {a} 0 1\n7\nEND\n"),
  exchange("a hundred quiet counts", "ma {a} N0 q\n".repeat(101) + "mn\n", "MN\n", "mg {a} v\n", "VA 3\n100\n"),
];

export const metaArithmetic = family(
  "meta-arithmetic",
  hits.map(([flags, answer, stored]) =>
    exchange(
      `a hit with "${shown(flags)}"`,
      ...ten,
      `ma {a}${flags}\n`,
      answer,
      "mg {a} v\n",
      `VA ${stored?.length ?? 0}\n${stored ?? ""}\n`,
    ),
  ),
  misses.map(([flags, answer]) => exchange(`a miss with "${shown(flags)}"`, `ma {a}${flags}\n`, answer)),
  refused.map(([name, line, answer]) => exchange(name, `${line}\n`, answer)),
  more,
);

// The differences that the differential fuzz may meet, each with its reason and a matcher as narrow as its reason. What
// is not here is a mismatch. The cases' own list, with exact answers, is ../differences.ts.

import type { Dialect } from "../case.ts";
import type { Differing } from "./compare.ts";
import type { Unit } from "./unit.ts";

export interface NamedDifference {
  readonly name: string;
  readonly reason: string;
  /** Whose peculiarity it is; it explains a difference between that one and any other. */
  readonly of: Dialect;
  /** What the request is like. */
  readonly request: RegExp;
  /** What the answer of `of` is like. */
  readonly own: RegExp;
  /** What the other's answer is like. */
  readonly other: RegExp;
  /** Only of requests that were damaged. */
  readonly mutatedOnly?: true;
  /** The two servers hold different items from here on. */
  readonly splitsState?: true;
}

/** A storage line with a word that no memcached takes: a long key, or what is no number where one must be. */
const REFUSED_STORAGE = new RegExp(
  "^ *(?:" +
    "(?:set|add|replace|append|prepend) +(?![^ \\n]{1,250} +\\d{1,10} +-?\\d{1,10} +\\d{1,9}(?: +[^ \\n]+)? *\\r?\\n)" +
    "|cas +(?![^ \\n]{1,250} +\\d{1,10} +-?\\d{1,10} +\\d{1,9} +(?:\\d{1,19}|18446744073709551615|\\u{e000}\\S+)(?: +[^ \\n]+)? *\\r?\\n)" +
    "|ms +(?![^ \\n]{1,250} +\\d{1,9}(?: +[^ \\n]+)* *\\r?\\n)" +
    ")",
  "u",
);

export const namedDifferences: readonly NamedDifference[] = [
  // ---- ours, on purpose ----
  {
    name: "me decodes a base64 key",
    reason: "memcached 1.6.45 takes b for something else: a defect",
    of: "marugoto",
    request: /^ *me +[^ \n]+ +b/,
    own: /^(?:EN|ME .*|CLIENT_ERROR bad command line format)\r\n$/,
    other: /^(?:EN|ME .*)\r\n$/,
  },
  {
    name: "me writes the key as it was asked",
    reason: "memcached writes it as it was stored, in base64 where the key came so",
    of: "marugoto",
    request: /^ *me +[^ \n]+/,
    own: /^ME \S+ exp=-?\d+ la=\d+ cas=\d+ fetch=(?:yes|no) cls=\d+ size=\d+\r\n$/,
    other: /^ME [A-Za-z0-9+/]+=* exp=-?\d+ la=\d+ cas=\d+ fetch=(?:yes|no) cls=\d+ size=\d+\r\n$/,
  },
  {
    name: "k gives the key back as it was asked",
    reason: "memcached gives it as it was stored; what mg N made under a base64 key even as raw bytes",
    of: "marugoto",
    request: /^ *m[gsda] +\S+ .*\bk/s,
    own: /^(?:HD|VA \d+|EN|NF|NS|EX) .*\bk/s,
    other: /^(?:HD|VA \d+|EN|NF|NS|EX) .*\bk/s,
  },
  {
    name: "the time left of an item that has ended is negative",
    reason: "memcached 1.6.45 writes it unsigned",
    of: "marugoto",
    request: / [TN][-\d]/,
    own: /\bt-\d+\b/,
    other: /\bt42949\d{5}\b/,
  },

  // ---- Debian's 1.6.18 ----
  {
    name: "1.6.18 words a refusal otherwise",
    reason: "too few or too many words, and some bad flags, have other errors there; the cases have the exact words",
    of: "1.6.18",
    request: /^/,
    own: /^(?:ERROR|CLIENT_ERROR [^\r\n]*)\r\n$/,
    other: /^(?:ERROR|CLIENT_ERROR [^\r\n]*)\r\n$/,
  },
  {
    name: "1.6.18 does not swallow the payload of a refused line",
    reason: "changed since: there the payload is read as commands, and noreply hides the error",
    of: "1.6.18",
    request: REFUSED_STORAGE,
    own: /^/,
    other: /^/,
    splitsState: true,
  },
  {
    name: "1.6.18 ends a line at a NUL",
    reason: "its tokenizer works on C strings",
    of: "1.6.18",
    request: /^[^\n]*\0/,
    own: /^/,
    other: /^/,
    splitsState: true,
  },
  {
    name: "1.6.18 says otherwise that shutdown is not enabled",
    reason: "ERROR became SERVER_ERROR",
    of: "1.6.18",
    request: /^ *shutdown/,
    own: /^ERROR: shutdown not enabled\r\n$/,
    other: /^SERVER_ERROR: shutdown not enabled\r\n$/,
  },
  {
    name: "1.6.18 refuses what was damaged",
    reason: "its own ideas of how many words a line has, and of numbers, flags and modes",
    of: "1.6.18",
    request: /^/,
    own: /^(?:ERROR|CLIENT_ERROR [^\r\n]*)\r\n/,
    other: /^/,
    mutatedOnly: true,
    splitsState: true,
  },
  {
    name: "1.6.18 takes what was damaged",
    reason: "spaces may come first, numbers may have a plus, a NUL ends the line",
    of: "1.6.18",
    request: /^/,
    own: /^/,
    other: /^(?:ERROR|CLIENT_ERROR [^\r\n]*)\r\n/,
    mutatedOnly: true,
    splitsState: true,
  },
  {
    name: "1.6.18 finds nothing for gat without a key",
    reason: "it looks for a key only after it has begun to answer",
    of: "1.6.18",
    request: /^ *gats? +\S+ *\r?\n/,
    own: /^END\r\n$/,
    other: /^CLIENT_ERROR bad command line format\r\n$/,
  },
  {
    name: "1.6.18 writes the key of me raw",
    reason: "it decodes a base64 key and answers with the bytes, line ends too",
    of: "1.6.18",
    request: /^ *me +[^ \n]+ +b/,
    own: /^ME .* exp=/s,
    other: /^ME .* exp=/s,
  },
  {
    name: "1.6.18 tells me's exp with the wrong sign",
    reason: "it subtracts the wrong way round",
    of: "1.6.18",
    request: /^ *me /,
    own: /^ME \S+ exp=-\d+ /,
    other: /^ME \S+ exp=\d+ /,
  },
  {
    name: "1.6.18 takes noreply for a key",
    reason: "it counts the words first",
    of: "1.6.18",
    request: /^ *\w+ +noreply *\r?\n/,
    own: /./,
    other: /^$/,
    splitsState: true,
  },
  {
    name: "1.6.18 shows the ERROR of a line with noreply",
    reason: "noreply counts in commands it knows",
    of: "1.6.18",
    request: /noreply/,
    own: /ERROR\r\n$/,
    other: /^(?!.*ERROR\r\n$)/s,
  },
];

/** The difference that explains the two answers to a unit, if one does. */
export function explain(
  dialects: readonly [left: Dialect, right: Dialect],
  unit: Unit,
  { left, right }: Differing,
): NamedDifference | undefined {
  return namedDifferences.find((one) => {
    if (!one.request.test(unit.text) || (one.mutatedOnly && !unit.mutated)) return false;
    if (one.of === dialects[0] && one.own.test(left) && one.other.test(right)) return true;
    return one.of === dialects[1] && one.own.test(right) && one.other.test(left);
  });
}

// The one list of where a server answers otherwise than memcached 1.6.45, whose answers the cases expect: what Debian's
// 1.6.18 did before, and what ours and our proxy do on purpose. A difference that is not here is a failure.

import { BAD_CHUNK, BAD_FORMAT } from "./cases/common.ts";
import type { Dialect } from "./case.ts";

/** Cases that differ for one reason. */
export interface Difference {
  readonly of: Dialect;
  readonly reason: string;
  /** `family / case`, a `*` for any text; or for one step of a case, `family / case, step 2`. */
  readonly cases: readonly string[];
  /** What is expected, in place of the expectation that the case holds. */
  readonly expect?: string;
  /** Or: this part of the expectation … */
  readonly from?: string;
  /** … reads so. */
  readonly to?: string;
  /** Or: the cases are about what this dialect does not have, and are left out. */
  readonly lacks?: true;
}

const DELETE_USAGE = "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\n";

/** The version whose answers the cases hold. */
export const REFERENCE: Dialect = "1.6.45";

export const differences: readonly Difference[] = [
  // ---- ours, on purpose ----
  {
    of: "marugoto",
    reason: "memcached 1.6.45 sends an empty line after the error of a key that is too long: a defect",
    cases: ["get / a key of 251 bytes*", "touch-gat / gat with a key of 251 bytes"],
    from: `${BAD_FORMAT}\n`,
    to: BAD_FORMAT,
  },
  {
    of: "marugoto",
    reason: "memcached 1.6.45 takes b of me for something else and answers EN: a defect; its document says ME",
    cases: ["meta-noop-debug / me of a base64 key, step 2"],
    expect: "ME {a.b64} exp={..}\n",
  },
  {
    of: "marugoto",
    reason: "stats names must be whole, as in 1.6.18: an abbreviation of something else must not lose the counters",
    cases: ["stats / * by its first letter"],
    expect: "ERROR\n",
  },
  {
    of: "marugoto",
    reason: "delete takes 0 or noreply after the key, as 1.6.18: memccapable wants the rest refused",
    cases: ["delete / with a time, step 2", "delete / with several words"],
    expect: DELETE_USAGE,
  },

  {
    of: "marugoto",
    reason: "there are no slab pages to move; memcached answers so when its own are not to be moved",
    cases: ["server / slabs automove", "server / slabs reassign of *"],
    expect: "CLIENT_ERROR slab reassignment disabled\n",
  },
  {
    of: "marugoto",
    reason: "there is no segmented LRU to tune",
    cases: ["server / lru tune", "server / lru mode", "server / lru temp_ttl"],
    expect: "ERROR\n",
  },
  {
    of: "marugoto",
    reason: "nothing can be watched; memcached answers so under -W",
    cases: ["server / watch of an unknown stream"],
    expect: "CLIENT_ERROR watch commands not allowed\n",
  },
  {
    of: "marugoto",
    reason: "every fetch counts as the last access; memcached moves its time at most once a minute",
    cases: ["meta-get / l counts seconds, and a fetch within the minute does not start it anew, step 4"],
    expect: "HD l{/0|1/}\n",
  },

  {
    of: "marugoto",
    reason:
      "k gives the key back as the request wrote it, so that a client finds its request; memcached as it was stored",
    cases: ["meta-get / b and k of a key that was stored as text give it as text, step 2"],
    expect: "VA 5 k{a.b64} b\nhello\n",
  },
  {
    of: "marugoto",
    reason:
      "k gives the key back as the request wrote it, so that a client finds its request; memcached as it was stored",
    cases: ["meta-get / k alone of a key that was stored as base64 gives that and b, step 2"],
    expect: "VA 1 k{a}\nx\n",
  },

  // ---- ours behind our proxy, besides what is ours anyway ----
  {
    of: "proxy",
    reason: "stats are the proxy's own: what one server counts is asked of that server",
    cases: [
      "stats / has a row cmd_*",
      "stats / has a row get_*",
      "stats / has a row delete_*",
      "stats / has a row incr_*",
      "stats / has a row decr_*",
      "stats / has a row cas_*",
      "stats / has a row touch_*",
      "stats / has a row bytes*",
      "stats / has a row *_items",
      "stats / has a row limit_maxbytes",
      "stats / has a row hash_bytes",
      "stats / has a row evictions",
      "stats / has a row reclaimed",
      "stats / * grows by *",
      "stats / detail counts by the prefix before a colon",
      "stats / reset zeroes the counters, not the gauges",
    ],
    lacks: true,
  },
  {
    of: "proxy",
    reason: "sections about one server are empty, so that a program that asks for all of them goes on",
    cases: [
      "stats / settings",
      "stats / settings tells what -m and others set",
      "stats / items, step 2",
      "stats / slabs, step 2",
      "stats / sizes is off",
      "server / cache_memlimit, step 2",
      "stats / conns tells this connection",
    ],
    expect: "END\n",
  },
  {
    of: "proxy",
    reason: "what steers or dumps one server has no meaning for a pool of them",
    cases: [
      "stats / detail without a word",
      "stats / detail with another word",
      "stats / cachedump of a class lists keys, step 2",
      "stats / cachedump without words",
      "stats / cachedump of a class only",
      "stats / cachedump of a class that cannot be",
      "stats / cachedump with letters",
      "server / shutdown is off",
      "server / cache_memlimit, step 1",
      "server / cache_memlimit, step 3",
      "server / cache_memlimit too small",
      "server / slabs automove",
      "server / slabs reassign of *",
      "server / lru_crawler tocrawl",
      "server / lru_crawler sleep too long",
    ],
    expect: "ERROR\n",
  },

  // ---- Debian's 1.6.18 ----
  {
    of: "1.6.18",
    reason: "a line with too few words, and one of a letter or none, is ERROR",
    cases: [
      "get / get without a key",
      "get / gets without a key",
      "get / get with only spaces",
      "storage / *: no words",
      "storage / *: only a key",
      "storage / *: a key and flags",
      "storage / *: no length",
      "delete / without a key",
      "incr-decr / *: no words",
      "incr-decr / *: no delta",
      "touch-gat / touch without *",
      "touch-gat / gat without words",
      "meta-get / no key*",
      "meta-set / no words*",
      "meta-delete / no key",
      "meta-arithmetic / no key",
      "server / verbosity without a word",
      'malformed / "m" is no command',
      "malformed / an empty line*",
      "malformed / a line of one letter",
    ],
    from: BAD_FORMAT,
    to: "ERROR\n",
  },
  {
    of: "1.6.18",
    reason: "gat without a key finds nothing",
    cases: ["touch-gat / gat without a key"],
    expect: "END\n",
  },
  {
    of: "1.6.18",
    reason: "the payload of a refused line is not swallowed",
    cases: [
      "storage / *: refused, payload swallowed",
      "storage / cas: a number *",
      "storage / cas: a negative number",
      "meta-set / a key of 251 bytes: the payload is swallowed",
    ],
    from: BAD_FORMAT,
    to: `${BAD_FORMAT}ERROR\n`,
  },
  {
    of: "1.6.18",
    reason: "the payload of a refused line is not swallowed",
    cases: ["storage / cas: no number"],
    expect: "ERROR\nERROR\n",
  },
  {
    of: "1.6.18",
    reason: "the payload of a refused line is not swallowed",
    cases: ["pipelining / a swallowed payload in pieces"],
    expect: `${BAD_FORMAT}ERROR\nEND\n`,
  },
  {
    of: "1.6.18",
    reason: "no empty line after the error of a key that is too long",
    cases: ["get / a key of 251 bytes*", "touch-gat / gat with a key of 251 bytes"],
    from: `${BAD_FORMAT}\n`,
    to: BAD_FORMAT,
  },
  { of: "1.6.18", reason: "spaces may come first", cases: ["get / a space before the command"], expect: "END\n" },
  { of: "1.6.18", reason: "a NUL ends the line", cases: ["get / a key with a NUL"], lacks: true },
  {
    of: "1.6.18",
    reason: "a number may have a plus",
    cases: ["storage / *: a length with a plus leaves the payload a command"],
    expect: `${BAD_CHUNK}ERROR\n`,
  },
  {
    of: "1.6.18",
    reason: "a number may have a plus",
    cases: ["incr-decr / a delta of +2", "touch-gat / set takes an exptime with a plus, touch and gat do not"],
    lacks: true,
  },
  { of: "1.6.18", reason: "delete takes 0 or noreply", cases: ["delete / with a time, step 2"], expect: DELETE_USAGE },
  {
    of: "1.6.18",
    reason: "a line with too many words is ERROR",
    cases: ["delete / with several words"],
    expect: "ERROR\n",
  },
  {
    of: "1.6.18",
    reason: "a line with too many words is ERROR",
    cases: ["server / verbosity with three words"],
    expect: "ERROR\n",
  },
  {
    of: "1.6.18",
    reason: "noreply does not hide ERROR",
    cases: ["malformed / noreply hides the ERROR of an unknown command"],
    expect: "ERROR\nERROR\n",
  },
  { of: "1.6.18", reason: "stats names must be whole", cases: ["stats / * by its first letter"], expect: "ERROR\n" },
  {
    of: "1.6.18",
    reason: "another text",
    cases: ["server / shutdown is off"],
    expect: "ERROR: shutdown not enabled\n",
  },
  {
    of: "1.6.18",
    reason: "me tells a time to live with the wrong sign",
    cases: ["meta-noop-debug / me tells the seconds left, step 2"],
    from: "exp={/100|99/}",
    to: "exp=-{/100|99/}",
  },
  {
    of: "1.6.18",
    reason: "me decodes a base64 key, and shows it decoded",
    cases: ["meta-noop-debug / me of a base64 key, step 2"],
    expect: "ME {a} {..}\n",
  },
  {
    of: "1.6.18",
    reason: "no flag E, no x of md, no C of mg, no N of ms, no s of ms, no words for modes",
    cases: [
      "meta-get / C equal drops the value",
      "meta-get / E makes the new item's cas",
      'meta-set / a miss with "s"',
      'meta-set / a miss with "c s k Oabc"',
      'meta-set / a miss with "E*',
      'meta-set / a miss with "MSet"',
      'meta-set / a miss with "MEadd"',
      "meta-set / E *",
      "meta-set / M* with N makes the item",
      "meta-set / the first letter alone counts",
      "meta-set / F over 32 bits*",
      'meta-delete / a * with "x*',
      "meta-delete / I with E gives that cas",
      "meta-delete / x *",
      'meta-arithmetic / a hit with "MIncr"',
      'meta-arithmetic / a hit with "MDecr*',
      'meta-arithmetic / a * with "*E2000 c"',
    ],
    lacks: true,
  },
  {
    of: "1.6.18",
    reason: "any byte may be a flag, so an unknown one is an invalid flag",
    cases: ["meta-get / a flag that is no letter"],
    expect: "CLIENT_ERROR invalid flag\n",
  },
  {
    of: "1.6.18",
    reason: "a high byte is taken for a flag seen before",
    cases: ["meta-get / a flag of a high byte"],
    expect: "CLIENT_ERROR duplicate flag\n",
  },
  {
    of: "1.6.18",
    reason: "any byte may be a flag, so an unknown one is an invalid flag",
    cases: ["meta-set / a flag that is no letter*"],
    expect: "CLIENT_ERROR invalid flag\n",
  },
  {
    of: "1.6.18",
    reason: "a mode is one letter, any other length has its own error",
    cases: ["meta-set / another mode in lower case*", "meta-set / an empty mode*"],
    expect: "CLIENT_ERROR incorrect length for M token\n",
  },
  {
    of: "1.6.18",
    reason: "md and ma have one error for all bad flags",
    cases: [
      "meta-delete / an unknown flag",
      "meta-delete / a flag that is no letter",
      "meta-delete / a flag twice",
      "meta-delete / C that is no number",
      "meta-delete / T that is no number",
      "meta-delete / a key that is not base64",
      "meta-delete / quiet does not hide an error",
      "meta-arithmetic / a flag that is no letter",
      "meta-arithmetic / another mode in lower case",
      "meta-arithmetic / an empty mode",
    ],
    expect: "CLIENT_ERROR invalid or duplicate flag\n",
  },
  {
    of: "1.6.18",
    reason: "a key that is too long has its own error",
    cases: ["meta-arithmetic / a key of 251 bytes"],
    expect: BAD_FORMAT,
  },
  {
    of: "1.6.18",
    reason: "q does not hide that ma made the item",
    cases: ['meta-arithmetic / a miss with "N60 q"'],
    expect: "HD\n",
  },
  {
    of: "1.6.18",
    reason: "q does not hide that ma made the item",
    cases: ["meta-arithmetic / a hundred quiet counts, step 1"],
    expect: "HD\nMN\n",
  },
];

/** True when `dialect` lacks what the case is about. */
export function isLacking(dialect: Dialect, family: string, name: string): boolean {
  return concerning(dialect).some((one) => one.lacks === true && names(one, family, name));
}

/**
 * What may be expected of `dialect` at a step (from 0), where the case expects `reference`.
 *
 * A version of memcached that nobody recorded may answer as any recorded one does.
 */
export function expectations(
  dialect: Dialect,
  family: string,
  name: string,
  step: number,
  reference: string,
): readonly string[] {
  const concerned = concerning(dialect).filter((one) => one.lacks !== true && names(one, family, name, step));
  const nearest = concerned.filter((one) => one.of === dialect);
  const own = (nearest.length > 0 ? nearest : concerned)
    .map((one) => one.expect ?? reference.replaceAll(one.from ?? "", one.to ?? ""))
    .filter((expected) => expected !== reference);
  return own.length > 0 && isRecorded(dialect) ? own : [reference, ...own];
}

/** True when the answers of `dialect` are known: the cases hold them, or the list of differences does. */
export function isRecorded(dialect: Dialect): boolean {
  return dialect === REFERENCE || differences.some((one) => one.of === dialect);
}

function concerning(dialect: Dialect): readonly Difference[] {
  if (dialect === "proxy") return differences.filter((one) => one.of === "proxy" || one.of === "marugoto");
  if (isRecorded(dialect)) return differences.filter((one) => one.of === dialect);
  return differences.filter((one) => one.of !== "marugoto" && one.of !== "proxy");
}

/** True when the difference names the case; and the step, if one is given and it names a step. */
export function names(difference: Difference, family: string, name: string, step?: number): boolean {
  return difference.cases.some((pattern) => {
    const [, title = "", only] = /^(.*?)(?:, step (\d+))?$/.exec(pattern) ?? [];
    if (only !== undefined && step !== undefined && step + 1 !== Number(only)) return false;
    const expression = title.split("*").map(escape).join(".*");
    return new RegExp(`^${expression}$`).test(`${family} / ${name}`);
  });
}

function escape(text: string): string {
  return text.replace(/[\\^$.+?()[\]{}|/-]/g, "\\$&");
}

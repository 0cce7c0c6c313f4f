// Random damage to a request, and what must not be sent because real time would decide the answer.

import type { Random } from "@marugoto/testing";

/** Changes a request in one to three places. Open cas numbers are left whole or taken away whole. */
export function mutate(text: string, random: Random): string {
  let result = text;
  for (let left = random.between(1, 3); left > 0; left--) result = change(result, random);
  return result;
}

function change(text: string, random: Random): string {
  const parts = text.match(/\u{e000}\w+(?:[+-]\d+)?\]|[^]/gu) ?? [];
  // The line matters more than a long payload.
  const at = random.int(Math.min(parts.length, 120) || 1);
  const words = text.split(" ");
  const word = random.int(words.length);
  switch (random.int(9)) {
    case 0:
      parts.splice(at, 1);
      return parts.join("");
    case 1:
      parts.splice(at, 0, String.fromCharCode(random.int(256)));
      return parts.join("");
    case 2:
      parts[at] = random.pick([" ", "\r", "\n", "\t", "\0", "0", "9", "-", "+", "q", "noreply"]);
      return parts.join("");
    case 3:
      words.splice(word, 1);
      return words.join(" ");
    case 4:
      words.splice(word, 0, words[word] ?? "");
      return words.join(" ");
    case 5:
      words.splice(word, 0, random.pick(["noreply", "q", "b", "0", "-1", "4294967296", "b b", "k", "O1"]));
      return words.join(" ");
    case 6:
      return words.reverse().join(" ");
    case 7:
      return text.toUpperCase() === text ? text.toLowerCase() : text.replace(/^\w/, (letter) => letter.toUpperCase());
    default:
      return parts.slice(0, at).join("") + "\r\n";
  }
}

const shortLife = [
  // An exptime of some seconds.
  /^(?:set|add|replace|append|prepend|cas) +\S+ +\S+ +\+?0*[1-9]\d?\b/m,
  /^touch +\S+ +\+?0*[1-9]\d?\b/m,
  /^gats? +\+?0*[1-9]\d?\b/m,
  / [TN]\+?0*[1-9]\d?\b/,
  // A time to live near 30 seconds that is compared with R.
  / R[1-9]\d?\b(?<! R30)/,
  // A flush that comes later.
  /^flush_all +\+?0*[1-9]/m,
];

/** Commands whose answers are the server's own, or that steer it. */
const own =
  /^ *(?:version|stats(?! (?:foo|item|cachedump|detail|sizes)\b)|watch|shutdown|misbehave|quit|debug|verbosity +[^0 ]|cache_memlimit +\d{2,}|lru_crawler +(?:meta|mg|crawl|enable|disable|sleep|tocrawl)|slabs|lru|extstore|refresh_certs)/im;

/** After a key that is too long, memcached 1.6.45 may lose answers of earlier requests in the same packet. */
const LOSES_ANSWERS = /^ *g(?:et|at)s? [^\n]*(?:[^ \r\n]{251}|[^ \n]{251}(?!\n))/im;

/** Where ma makes a number longer, memcached gives T to the item that it replaced. */
const LOST_TTL = /^ *ma .* T/im;

/** A cas number in a place where another number is meant, say a length, would make two different requests. */
const MISPLACED_CAS = /(?<!^ *cas(?: +\S+){4} +|^ *m.* C)\u{e000}/imu;

/** An opaque that is too long is refused by memcached after it has done the work, by ours before: the cases have it. */
const LONG_OPAQUE = /^ *m.* O\S{32}/m;

/** The words after the key of delete are the one thing where all three differ: the cases have them. */
const DELETE_WORDS = /^ *delete +[^ \n]+ +(?!(?:0|noreply|0 +noreply)? *\r?\n)/im;

/**
 * True for a request that may be sent to two servers side by side: no clock decides its answer, no line of it is so
 * long that the answer depends on how it is cut into packets.
 */
export function isComparable(text: string, mutated: boolean): boolean {
  if (shortLife.some((pattern) => pattern.test(text))) return false;
  if (
    [LOSES_ANSWERS, DELETE_WORDS, LOST_TTL, MISPLACED_CAS, LONG_OPAQUE].some((pattern) => pattern.test(text)) ||
    (mutated && own.test(text))
  )
    return false;
  return !text.split("\n").some((line) => line.length > 1500 && !/^gets? /.test(line));
}

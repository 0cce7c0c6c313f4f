// Whether two servers answered the same. Equal bytes do; beyond them only cas numbers, of which each server has its
// own, and seconds, of which the two clocks may be one or two apart.

/** Pairs of cas numbers that have stood in the same place. One belongs to one, or an item was stored that should not. */
export class CasPairs {
  readonly #rightOf = new Map<string, string>();
  readonly #leftOf = new Map<string, string>();

  /** True when the two can be the same item's. */
  join(left: string, right: string): boolean {
    // A cas that a request gave (meta E) is the same on both.
    if (left === right) return true;
    const knownRight = this.#rightOf.get(left);
    const knownLeft = this.#leftOf.get(right);
    if (knownRight === undefined && knownLeft === undefined) {
      this.#rightOf.set(left, right);
      this.#leftOf.set(right, left);
      return true;
    }
    return knownRight === right && knownLeft === left;
  }
}

/** Seconds that two clocks, and the time between two reads, may be apart. */
const CLOCK_SLACK_SEC = 2;

/** Two answers in the same place that are not the same; or all of both, where they are not even as many. */
export interface Differing {
  readonly left: string;
  readonly right: string;
}

/** Where `left` and `right` differ; nothing when the answers are the same. */
export function differing(left: string, right: string, pairs: CasPairs): Differing[] {
  const lefts = [...answers(left)];
  const rights = [...answers(right)];
  if (lefts.length !== rights.length) return [{ left, right }];
  return lefts.flatMap((one, index) => {
    const other = rights[index]!;
    if (one.data === other.data && sameHead(one.head, other.head, pairs)) return [];
    return [{ left: one.head + one.data, right: other.head + other.data }];
  });
}

interface Answer {
  /** A line without its end. */
  readonly head: string;
  /** The bytes of a value with their CRLF; empty for a line without. */
  readonly data: string;
}

/** Walks answers: lines, and the values that follow VALUE and VA. */
function* answers(text: string): Generator<Answer> {
  let at = 0;
  while (at < text.length) {
    const end = text.indexOf("\n", at);
    const next = end < 0 ? text.length : end + 1;
    const head = text.slice(at, next);
    const length = /^VALUE \S+ \d+ (\d+)/.exec(head)?.[1] ?? /^VA (\d+)/.exec(head)?.[1];
    const dataBytes = length === undefined ? 0 : Number(length) + 2;
    yield { head, data: text.slice(next, next + dataBytes) };
    at = next + dataBytes;
  }
}

function sameHead(left: string, right: string, pairs: CasPairs): boolean {
  if (left === right) return true;
  const lefts = left.split(" ");
  const rights = right.split(" ");
  const kind = lefts[0] ?? "";
  return (
    lefts.length === rights.length &&
    lefts.every((word, index) => sameWord(kind, index, word, rights[index] ?? "", pairs))
  );
}

function sameWord(kind: string, index: number, left: string, right: string, pairs: CasPairs): boolean {
  if (left === right) return true;
  const isCas =
    (kind === "VALUE" && index === 4) || kind === "ME" || kind === "HD\r\n" || kind === "HD" || kind === "VA";
  const cas = (kind === "VALUE" ? /^()(\d+)\s*$/ : /^(c|cas=)(\d+)\s*$/).exec(left);
  if (isCas && cas)
    return new RegExp(`^${cas[1] ?? ""}\\d+\\s*$`).test(right) && pairs.join(digits(left), digits(right));
  const seconds = (kind === "ME" ? /^(exp=|la=)-?\d+\s*$/ : /^([tl])-?\d+\s*$/).exec(left);
  if (!seconds || !["ME", "HD", "VA"].includes(kind) || !right.startsWith(seconds[1] ?? "")) return false;
  const [a, b] = [digits(left), digits(right)];
  // -1 is "never", not a second.
  return a !== "-1" && b !== "-1" && Math.abs(Number(a) - Number(b)) <= CLOCK_SLACK_SEC;
}

function digits(word: string): string {
  return /-?\d+/.exec(word)?.[0] ?? "";
}

// The differential fuzz: random requests to two servers, whose answers must be equal but for the named differences. On
// a mismatch it looks for the shortest script that still shows it.

import { eventually, freshSeed, seededRandom, type Random } from "@marugoto/testing";
import { REFERENCE } from "../differences.ts";
import type { Target } from "../target.ts";
import { Grammar } from "./grammar.ts";
import { isComparable, mutate } from "./mutate.ts";
import { SideBySide, type Mismatch } from "./side-by-side.ts";
import { showText, showUnit, type Unit } from "./unit.ts";

export interface FuzzOptions {
  /** Requests to send. Default 10000. */
  readonly lines?: number;
  /** End earlier, after this many milliseconds. Default: no such end. */
  readonly forMs?: number;
  /** By default a fresh one; the result tells it. */
  readonly seed?: number;
  /** Part of the requests that are damaged. Default 0.2. */
  readonly mutated?: number;
  /** Called now and then with the requests sent so far. */
  readonly onProgress?: (lines: number) => void;
}

export interface FuzzResult {
  readonly seed: number;
  /** Requests sent. */
  readonly lines: number;
  /** How often each named difference was met. */
  readonly explained: ReadonlyMap<string, number>;
  /** The first unexplained difference, in words, with the shortest script that shows it. Undefined when all was equal. */
  readonly mismatch: string | undefined;
}

/**
 * Flags for memcached: without its LRU thread, which holds items for a moment now and then, and then an incr makes a new
 * item in place of padding the old one.
 */
export const PEER_FLAGS: readonly string[] = ["-o", "no_lru_maintainer"];

/** Requests from one flush_all to the next. */
const BATCH_LINES = 200;
/** Replays that the search for a shorter script may take. */
const MAX_REPLAYS = 250;

/** Fuzzes two servers side by side until `lines` are sent, the time is over, or they differ. */
export async function fuzzDifferential(left: Target, right: Target, options: FuzzOptions = {}): Promise<FuzzResult> {
  const { lines = 10_000, forMs = Infinity, seed = freshSeed(), mutated = 0.2 } = options;
  const random = seededRandom(seed);
  const deadline = performance.now() + forMs;
  const modern = [left, right].every(({ dialect }) => dialect === "marugoto" || dialect === REFERENCE);
  const rounds = new Rounds(random, mutated, modern);
  const explained = new Map<string, number>();
  const pair = new SideBySide(left, right);
  let sent = 0;
  let played: Unit[] = [];
  try {
    while (sent < lines && performance.now() < deadline) {
      played = [];
      await pair.reset();
      while (played.length < BATCH_LINES && sent + played.length < lines) {
        const round = rounds.take();
        played.push(...round);
        const result = await pair.play(round, random);
        for (const one of result.explained) explained.set(one.name, (explained.get(one.name) ?? 0) + 1);
        if (result.mismatch) {
          const words = await describe(pair, left, right, seed, played, result.mismatch);
          return { seed, lines: sent + played.length, explained, mismatch: words };
        }
        if (result.splitState) break;
      }
      sent += played.length;
      options.onProgress?.(sent);
    }
    return { seed, lines: sent, explained, mismatch: undefined };
  } catch (error) {
    const words = await death(left, right, error, played);
    return { seed, lines: sent + played.length, explained, mismatch: `${words}\n(seed ${seed})` };
  } finally {
    await pair.close();
  }
}

/** Commands that memcached does in place, padding a shorter number with spaces, unless an answer still holds the item. */
const ARITHMETIC = /\b(?:incr|decr|ma)\b/i;

/** Makes the rounds of a run: an arithmetic command begins a new one, so that nothing before it is still being answered. */
class Rounds {
  readonly #random: Random;
  readonly #mutated: number;
  readonly #grammar: Grammar;
  #next: Unit;

  constructor(random: Random, mutated: number, modern: boolean) {
    this.#random = random;
    this.#mutated = mutated;
    this.#grammar = new Grammar(random, modern);
    this.#next = this.#unit();
  }

  take(): Unit[] {
    const round: Unit[] = [];
    const most = this.#random.between(5, 25);
    do {
      round.push(this.#next);
      this.#next = this.#unit();
    } while (round.length < most && !ARITHMETIC.test(this.#next.text));
    return round;
  }

  #unit(): Unit {
    for (;;) {
      const request = this.#grammar.request();
      const mutated = this.#random.chance(this.#mutated);
      const text = mutated ? endLine(mutate(request, this.#random)) : request;
      if (isComparable(text, mutated)) return { text, mutated };
    }
  }
}

/** A connection failed: the last words of the server that has died, and what it was sent; else the error goes on. */
async function death(left: Target, right: Target, error: unknown, played: readonly Unit[]): Promise<string> {
  const dead = await eventually(() => left.obituary() ?? right.obituary(), { withinMs: 1000 }).catch(() => undefined);
  if (dead === undefined) throw error;
  return [dead, "after:", ...played.map((unit) => `  ${showUnit(unit)}`)].join("\n");
}

/** Damage may have taken the line end: the next request must not become part of this one. */
function endLine(text: string): string {
  return text.endsWith("\n") ? text : `${text}\r\n`;
}

async function describe(
  pair: SideBySide,
  left: Target,
  right: Target,
  seed: number,
  played: readonly Unit[],
  mismatch: Mismatch,
): Promise<string> {
  const shortest = await shrink(pair, played);
  const shown = shortest?.mismatch ?? mismatch;
  const script = shortest?.units ?? played;
  return [
    `${left.name} and ${right.name} differ (seed ${seed})`,
    shortest ? "shortest script:" : "not seen again without the cuts between packets; the whole script:",
    ...script.map((unit) => `  ${showUnit(unit)}`),
    "answers to:",
    ...shown.units.map((unit) => `  ${showUnit(unit)}`),
    `${left.name}: ${showText(shown.left)}`,
    `${right.name}: ${showText(shown.right)}`,
  ].join("\n");
}

/** Drops units as long as a mismatch stays; undefined when the units alone, each by itself, don't show one. */
async function shrink(
  pair: SideBySide,
  played: readonly Unit[],
): Promise<{ units: readonly Unit[]; mismatch: Mismatch } | undefined> {
  let replays = 0;
  const replay = async (units: readonly Unit[]): Promise<Mismatch | undefined> => {
    replays++;
    await pair.reset();
    for (const unit of units) {
      const result = await pair.play([unit]);
      if (result.mismatch) return result.mismatch;
      if (result.splitState) return undefined;
    }
    return undefined;
  };
  const first = await replay(played);
  if (!first) return undefined;
  let best = { units: played, mismatch: first };
  for (let size = Math.ceil(played.length / 2); ; size = Math.ceil(size / 2)) {
    for (let at = 0; at < best.units.length && replays < MAX_REPLAYS;) {
      const fewer = best.units.filter((_, index) => index < at || index >= at + size);
      const mismatch = fewer.length > 0 ? await replay(fewer) : undefined;
      if (mismatch) best = { units: fewer, mismatch };
      else at += size;
    }
    if (size === 1) return best;
  }
}

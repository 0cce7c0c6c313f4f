// Two servers, one script: sends the same units to both, cut into the same pieces, and finds the first unit that they
// answer differently. A numbered question after each unit (`md` with an opaque, on a key that never is) marks where an
// answer ends, so that a difference has an address even when a bad length has eaten the next request.

import type { Random, TestConnection } from "@marugoto/testing";
import type { Target } from "../target.ts";
import { CasPairs, differing } from "./compare.ts";
import { keys } from "./grammar.ts";
import { explain, type NamedDifference } from "./named-differences.ts";
import { closeUnit, hasOpenCas, type Unit } from "./unit.ts";

/** A difference that no name explains. */
export interface Mismatch {
  /** Units that the answers may belong to; more than one when a bad length ate what lay between. */
  readonly units: readonly Unit[];
  readonly left: string;
  readonly right: string;
}

export interface RoundResult {
  readonly mismatch?: Mismatch;
  /** The named differences that were met. */
  readonly explained: readonly NamedDifference[];
  /** The servers may hold different items from here on: `reset` before the next round. */
  readonly splitState: boolean;
}

const MARK_KEY = "~";
const MARK = /NF O~(\d+)\r\n/g;

/** Milliseconds without a byte from either after which the mark has been eaten by a bad length. */
const QUIET_MS = 40;
/** The same when one of the two has answered all: it is worth a little more patience, and at the last much more. */
const ONE_DONE_MS = 100;
const ONE_DONE_AT_LAST_MS = 3000;
/** Ends a payload of up to 48 KiB that waits for the rest of itself. What it does not need are unknown commands. */
const FILLER = `\r\nfill ${"-".repeat(89)}`.repeat(500) + "\r\n";
/** Milliseconds for anything at all. */
const LIMIT_MS = 20_000;

interface Side {
  readonly target: Target;
  connection: TestConnection | undefined;
  readonly cas: Map<string, bigint>;
}

export class SideBySide {
  readonly #sides: readonly [left: Side, right: Side];
  #pairs = new CasPairs();
  #mark = 0;

  constructor(left: Target, right: Target) {
    this.#sides = [
      { target: left, connection: undefined, cas: new Map() },
      { target: right, connection: undefined, cas: new Map() },
    ];
  }

  /** Empties both servers and forgets their cas numbers. */
  async reset(): Promise<void> {
    this.#pairs = new CasPairs();
    for (const side of this.#sides) {
      const connection = await open(side);
      const answer = await connection.ask("flush_all", LIMIT_MS);
      if (answer !== "OK") throw new Error(`${side.target.name}: flush_all is answered ${JSON.stringify(answer)}`);
      side.cas.clear();
    }
  }

  /** Sends `units` in one go to both, cut at random if `random` is given, and compares. */
  async play(units: readonly Unit[], random?: Random): Promise<RoundResult> {
    // Not for nothing: a gets is a fetch, which mg's h would tell.
    if (units.some(hasOpenCas)) await this.#learnCas();
    for (const side of this.#sides) await open(side);
    const first = this.#mark;
    const marked = units.map((unit) => `${unit.text}md ${MARK_KEY} O~${this.#mark++}\r\n`).join("");
    const cuts = random ? chooseCuts(random) : undefined;
    await Promise.all(this.#sides.map((side) => send(side, marked, cuts)));
    const [left, right] = await this.#receive();
    return this.#compare(units, first, left, right);
  }

  async close(): Promise<void> {
    for (const side of this.#sides) {
      await side.connection?.close();
      side.connection = undefined;
    }
  }

  async #learnCas(): Promise<void> {
    const names = Object.entries(keys);
    const texts = await Promise.all(
      this.#sides.map(async (side) => {
        const connection = await open(side);
        connection.send(`gets ${names.map(([, key]) => key).join(" ")}\r\nmn\r\n`);
        return connection.readUntil(/END\r\nMN\r\n$/, LIMIT_MS);
      }),
    );
    this.#sides.forEach((side, index) => {
      side.cas.clear();
      for (const [name, key] of names) {
        const line = `VALUE ${key} `;
        const at = (texts[index] ?? "").indexOf(line);
        const cas =
          at < 0 ? undefined : /^\d+ \d+ (\d+)\r/.exec((texts[index] ?? "").slice(at + line.length, at + 100));
        if (cas?.[1] !== undefined) side.cas.set(name, BigInt(cas[1]));
      }
    });
  }

  /**
   * Reads from both until the last mark is there or the connection is closed. Where a bad length has eaten the mark,
   * the payload is filled up; one that is too long to fill is given up, and what came after the last mark with it.
   */
  async #receive(): Promise<readonly [left: Received, right: Received]> {
    if (!(await this.#settled(`NF O~${this.#mark - 1}\r\n`, ONE_DONE_MS))) {
      const filler = `${FILLER}md ${MARK_KEY} O~${this.#mark++}\r\n`;
      for (const side of this.#sides) if (!connectionOf(side).ended) connectionOf(side).send(filler);
      await this.#settled(`NF O~${this.#mark - 1}\r\n`, ONE_DONE_AT_LAST_MS);
    }
    const end = `NF O~${this.#mark - 1}\r\n`;
    const received = await Promise.all(this.#sides.map((side) => take(side, end)));
    return received as [Received, Received];
  }

  /** True when both have sent `end` or closed; false when both fall silent before that, or one for very long. */
  async #settled(end: string, oneDoneMs: number): Promise<boolean> {
    const connections = this.#sides.map(connectionOf);
    const done = (one: TestConnection) => one.ended || one.arrived.toString("latin1").endsWith(end);
    const deadline = performance.now() + LIMIT_MS;
    let quietSince = performance.now();
    let seen = -1;
    while (!connections.every(done)) {
      const bytes = connections.reduce((sum, one) => sum + one.arrivedBytes, 0);
      const now = performance.now();
      if (bytes !== seen) [seen, quietSince] = [bytes, now];
      if (now - quietSince > (connections.some(done) ? oneDoneMs : QUIET_MS) || now > deadline) return false;
      await Promise.race(connections.filter((one) => !done(one)).map((one) => one.activity(QUIET_MS)));
    }
    return true;
  }

  #compare(units: readonly Unit[], first: number, left: Received, right: Received): RoundResult {
    const explained: NamedDifference[] = [];
    const lefts = cutAtMarks(left.text, first);
    const rights = cutAtMarks(right.text, first);
    const common = [...lefts.keys()].filter((mark) => rights.has(mark));
    // The end of a connection cuts off answers that memcached has ready but not sent, so there the rest is not compared.
    const whole = left.end === "complete" && right.end === "complete";
    const bounds = whole || left.end === right.end ? common : [...common, units.length];
    let from = 0;
    for (const bound of bounds) {
      const group = units.slice(from, bound + 1);
      const a = collect(lefts, from, bound) + (bound === units.length ? `<${left.end}>` : "");
      const b = collect(rights, from, bound) + (bound === units.length ? `<${right.end}>` : "");
      from = bound + 1;
      const dialects = [this.#sides[0].target.dialect, this.#sides[1].target.dialect] as const;
      for (const pair of differing(a, b, this.#pairs)) {
        const named = group.map((unit) => explain(dialects, unit, pair)).find((one) => one !== undefined);
        if (!named) return { mismatch: { units: group, left: a, right: b }, explained, splitState: true };
        explained.push(named);
        if (named.splitsState) return { explained, splitState: true };
      }
    }
    // After what was not compared the two may hold different items.
    return { explained, splitState: !whole };
  }
}

interface Received {
  readonly text: string;
  /** All answered; or the server closed; or it waits for the rest of a payload that is too long to be sent. */
  readonly end: "complete" | "closed" | "waiting";
}

async function open(side: Side): Promise<TestConnection> {
  if (!side.connection || side.connection.ended) {
    await side.connection?.close();
    side.connection = await side.target.connect();
  }
  return side.connection;
}

async function send(side: Side, marked: string, cuts: ((length: number) => number[]) | undefined): Promise<void> {
  const connection = connectionOf(side);
  const bytes = Buffer.from(
    closeUnit(marked, (name) => side.cas.get(name)),
    "latin1",
  );
  let from = 0;
  for (const at of [...(cuts?.(bytes.length) ?? []), bytes.length]) {
    if (at > from) connection.send(bytes.subarray(from, at));
    from = Math.max(from, at);
    // A turn of the loop between two pieces, so that they leave as two writes.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Where to cut, in fractions of the length, so that both sides are cut alike although their cas numbers differ. */
function chooseCuts(random: Random): (length: number) => number[] {
  const fractions = Array.from({ length: random.pick([0, 0, 1, 2, 5, 20]) }, () => random.next()).sort((a, b) => a - b);
  return (length) => fractions.map((fraction) => Math.floor(fraction * length));
}

/** Takes what has arrived. A connection that does not end with the mark is of no more use, nor is its last answer. */
async function take(side: Side, end: string): Promise<Received> {
  const connection = connectionOf(side);
  const bytes = await connection.read(connection.arrivedBytes);
  const text = bytes.toString("latin1");
  const state = text.endsWith(end) ? "complete" : connection.ended ? "closed" : "waiting";
  if (state !== "complete") {
    await connection.close();
    side.connection = undefined;
  }
  return { text, end: state };
}

function connectionOf(side: Side): TestConnection {
  if (!side.connection) throw new TypeError(`no connection to ${side.target.name}`);
  return side.connection;
}

/** Answers by the index of the unit whose mark follows them. */
function cutAtMarks(text: string, first: number): Map<number, string> {
  const pieces = new Map<number, string>();
  let from = 0;
  for (const match of text.matchAll(MARK)) {
    pieces.set(Number(match[1]) - first, text.slice(from, match.index));
    from = match.index + match[0].length;
  }
  return pieces;
}

/** All answers of the units `from`..`bound`, the marks in between left out. */
function collect(pieces: Map<number, string>, from: number, bound: number): string {
  const inside = [...pieces].filter(([mark]) => mark >= from && mark <= bound);
  return inside.map(([, text]) => text).join("");
}

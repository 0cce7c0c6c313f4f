// Runs cases against a target and says, byte for byte, where an answer was not the expected one. Knows no test
// framework: the tests, the command line and the soak runs all stand on it.

import { setTimeout as sleep } from "node:timers/promises";
import type { TestConnection } from "@marugoto/testing";
import type { Case, Exchange, Family, Step } from "./case.ts";
import { expectations, isLacking } from "./differences.ts";
import type { Target } from "./target.ts";
import { matches, render, toPattern, type Pattern, type Scope } from "./template.ts";

/** Sent after each step: its answer marks the end of the step's own, so that a byte too many is seen. */
const SENTINEL = "mn\r\n";
const SENTINEL_ANSWER = "MN\r\n";

/** Milliseconds an answer may take. */
const ANSWER_MS = 5000;

/** Milliseconds of silence after a wrong answer, in case the rest of it is on its way. */
const SETTLE_MS = 60;

/** A case that did not go as it should. The message shows the step, what was sent, expected and received. */
export class CaseFailure extends Error {
  override name = "CaseFailure";
}

let runs = 0;
const runId = Math.floor(Math.random() * 36 ** 4)
  .toString(36)
  .padStart(4, "0");

/** A prefix for keys that no other case of this run has, seven characters. */
function freshPrefix(): string {
  return runId + (runs++ % 36 ** 3).toString(36).padStart(3, "0");
}

/** Runs one case. @throws CaseFailure */
export async function runCase(target: Target, family: string, one: Case): Promise<void> {
  const scope: Scope = { prefix: freshPrefix(), captures: new Map() };
  const connections = new Map<string, TestConnection>();
  try {
    for (const [index, step] of one.steps.entries()) {
      if ("pauseMs" in step) {
        await sleep(step.pauseMs);
        continue;
      }
      const exchange = toExchange(step);
      const name = exchange.on ?? "main";
      let connection = connections.get(name);
      if (!connection) connections.set(name, (connection = await target.connect()));
      const accepted = expectations(target.dialect, family, one.name, index, exchange.expect ?? "");
      await runExchange(connection, exchange, accepted, scope, `${family} / ${one.name}, step ${index + 1}`);
    }
  } finally {
    for (const connection of connections.values()) await connection.close();
  }
}

/** What became of a case. */
export interface CaseResult {
  readonly family: string;
  readonly name: string;
  /** Undefined when it passed. */
  readonly failure?: Error;
}

/**
 * Runs all cases of `families` that `target` can take (same flags; none that wants a fresh server), one by one, but
 * those that wait for time to pass all at once at the end.
 */
export async function runCases(target: Target, families: readonly Family[]): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  const run = async (family: string, one: Case) => {
    try {
      await runCase(target, family, one);
      results.push({ family, name: one.name });
    } catch (error) {
      results.push({ family, name: one.name, failure: error as Error });
    }
  };
  const waiting: (() => Promise<void>)[] = [];
  for (const family of families) {
    for (const one of family.cases) {
      if (!suits(target, family.name, one)) continue;
      if (waits(one)) waiting.push(() => run(family.name, one));
      else await run(family.name, one);
    }
  }
  await Promise.all(waiting.map((start) => start()));
  return results;
}

/** True for a case that lets time pass and disturbs nobody: many of them can run at once. */
export function waits(one: Case): boolean {
  return one.alone !== true && one.steps.some((step) => "pauseMs" in step);
}

/** True when `target` was started with the flags of the case, is fresh if it must be, and has what it is about. */
export function suits(target: Pick<Target, "dialect" | "flags" | "shared">, family: string, one: Case): boolean {
  if ((one.flags ?? []).join(" ") !== target.flags.join(" ")) return false;
  return !(one.fresh === true && target.shared) && !isLacking(target.dialect, family, one.name);
}

function toExchange(step: Exclude<Step, { pauseMs: number }>): Exchange {
  return "length" in step ? { send: step[0], expect: step[1] } : step;
}

async function runExchange(
  connection: TestConnection,
  exchange: Exchange,
  accepted: readonly string[],
  scope: Scope,
  where: string,
): Promise<void> {
  const ask = exchange.closes !== true && exchange.more !== true;
  const patterns = accepted.map((expect) => toPattern(expect, scope, ask ? SENTINEL_ANSWER : ""));
  const parts = (exchange.parts ?? [exchange.send ?? ""]).map((part) => render(part, scope));
  for (const [index, part] of parts.entries()) {
    if (index > 0) await sleep(10);
    if (part !== "") await connection.sendAll(part).catch(ignoreBrokenPipe);
  }
  if (ask) connection.send(SENTINEL);
  const answer = await readAnswer(connection, patterns, exchange.closes === true, scope);
  if (answer === undefined) return;
  throw new CaseFailure(
    [
      where,
      `  sent     ${shorten(parts.join(""))}${ask ? " + mn" : ""}`,
      ...patterns.map((pattern) => `  expected ${shorten(pattern.source)}${exchange.closes ? " + close" : ""}`),
      `  received ${shorten(answer)}${connection.ended ? " + close" : ""}`,
    ].join("\n"),
  );
}

/** Reads until a pattern fits: undefined. Or until it is clear that none will: what came. */
async function readAnswer(
  connection: TestConnection,
  patterns: readonly Pattern[],
  closes: boolean,
  scope: Scope,
): Promise<string | undefined> {
  const deadline = performance.now() + ANSWER_MS;
  for (;;) {
    const bytes = connection.arrived;
    const text = bytes.toString("latin1");
    if ((!closes || connection.ended) && patterns.some((pattern) => matches(pattern, text, scope.captures))) {
      if (bytes.length > 0) await connection.read(bytes.length);
      return undefined;
    }
    const left = deadline - performance.now();
    if (connection.ended || left <= 0) return text;
    // The sentinel's answer is there and nothing fits: give the rest a moment, then believe it.
    const wait = text.endsWith(SENTINEL_ANSWER) && !closes ? SETTLE_MS : left;
    if (!(await connection.activity(wait)) && connection.arrivedBytes === bytes.length) return text;
  }
}

/** The server has closed already: what it said before that is what counts. */
function ignoreBrokenPipe(): void {
  // Nothing to do: the answer is read and compared next.
}

function shorten(text: string): string {
  const shown = JSON.stringify(text);
  return shown.length <= 600 ? shown : `${shown.slice(0, 300)} … ${shown.slice(-250)} (${text.length} characters)`;
}

// Forwarded requests are executed once each, in the order of their numbers, and their answers kept while somebody waits.

import { beforeEach, describe, expect, test } from "vitest";
import { EffectLog } from "../../src/log/effect-log.ts";
import { MAX_INLINE_ANSWER_BYTES, readEnvelope } from "../../src/log/records.ts";
import { Executor } from "../../src/node/executor.ts";
import { MapContent } from "../simulation/map-content.ts";

const id = Buffer.alloc(16, 7);
const name = id.toString("hex");
const long = "x".repeat(MAX_INLINE_ANSWER_BYTES);

let executor: Executor;
let content: MapContent;
let log: EffectLog;
beforeEach(() => {
  executor = new Executor();
  content = new MapContent(() => undefined);
  content.sink = () => executor.effects;
  log = new EffectLog(1024 * 1024);
});

function ask(number: number, text: string, { floor = 1, nowMs = 0, inline = true } = {}): string | undefined {
  const asked = { id, number, floor, request: Buffer.from(text) };
  return executor.execute(content, log, asked, { inline, nowMs, timeMs: 1000, rank: 0 })?.toString();
}

/** Numbers and answers of the envelopes in the log. */
function logged(): [number, string | undefined][] {
  const found: [number, string | undefined][] = [];
  for (let at = 0; at < log.end;) {
    const piece = log.read(at, 1)!;
    const { number, answer } = readEnvelope(piece, 0);
    found.push([number, answer?.toString()]);
    at += piece.length;
  }
  return found;
}

describe("a request", () => {
  test("is one record with its effect and its answer", () => {
    expect(ask(1, "set a 1")).toBeUndefined();
    expect(logged()).toEqual([[1, "STORED 1 1"]]);
    expect(executor.last).toEqual(new Map([[name, 1]]));
  });

  test("that comes again is not executed again", () => {
    ask(1, "incr n");
    ask(1, "incr n");
    expect(content.items.get("n")?.value).toBe("1");
    expect(logged()).toHaveLength(1);
  });

  test("whose forerunner has not come is left, and executed in its turn", () => {
    ask(1, "set a 1");
    expect(ask(3, "set a 3")).toBeUndefined();
    expect(logged().map(([number]) => number)).toEqual([1]);
    ask(2, "set a 2");
    ask(3, "set a 3");
    expect(logged().map(([number]) => number)).toEqual([1, 2, 3]);
  });

  test("is the next one when its sender has answers to all before", () => {
    ask(9, "set a 9", { floor: 9 });
    expect(logged().map(([number]) => number)).toEqual([9]);
  });

  test("that was refused is no gap", () => {
    executor.refused({ id, number: 1, floor: 1, request: Buffer.alloc(0) });
    ask(2, "set a 2");
    expect(logged().map(([number]) => number)).toEqual([2]);
  });
});

describe("an answer that does not go into the log", () => {
  test("is given, and given again, until its sender says that it has it", () => {
    const answer = ask(1, `set a ${long}`);
    expect(answer).toMatch(/^STORED x+ 1$/);
    expect(logged()).toEqual([[1, undefined]]);
    expect(ask(1, `set a ${long}`)).toBe(answer);
    ask(2, "set b 1", { floor: 2 });
    expect(ask(1, `set a ${long}`)).toBeUndefined();
  });

  test("is forgotten when nobody can wait for it any more", () => {
    ask(1, "set a 1", { inline: false, nowMs: 100 });
    executor.forget(100);
    expect(ask(1, "set a 1")).toBe("STORED 1 1");
    executor.forget(101);
    expect(ask(1, "set a 1")).toBeUndefined();
  });
});

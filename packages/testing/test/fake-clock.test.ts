import { FIRST_SECOND, SystemClock } from "@marugoto/core";
import { expect, test } from "vitest";
import { FakeClock } from "../src/index.ts";

test("a FakeClock begins where a SystemClock does and stands still", () => {
  const clock = new FakeClock();
  expect(clock.seconds).toBe(FIRST_SECOND);
  clock.advance(1.5);
  expect(clock.seconds).toBe(FIRST_SECOND + 1);
  clock.advance(0.5);
  expect(clock.seconds).toBe(FIRST_SECOND + 2);
});

test("it has every method of a SystemClock", () => {
  const names = Object.getOwnPropertyNames(SystemClock.prototype);
  expect(names.filter((name) => !(name in FakeClock.prototype))).toEqual([]);
});

test("timers run in their order, at their time, those set by timers too", () => {
  const clock = new FakeClock();
  const seen: string[] = [];
  const start = clock.milliseconds;
  const note = (name: string) => () => seen.push(`${name}@${clock.milliseconds - start}`);
  clock.setTimeout(note("late"), 300);
  clock.setTimeout(() => {
    note("early")();
    clock.setTimeout(note("nested"), 50);
  }, 100);
  const cancelled = clock.setTimeout(note("cancelled"), 120);
  clock.clearTimeout(cancelled);
  clock.advanceMs(299);
  expect(seen).toEqual(["early@100", "nested@150"]);
  expect(clock.pendingTimers).toBe(1);
  clock.advanceMs(1);
  expect(seen.at(-1)).toBe("late@300");
});

test("listeners hear each new second once per move", () => {
  const clock = new FakeClock();
  const seen: number[] = [];
  const end = clock.onTick((seconds) => seen.push(seconds));
  clock.advanceMs(500);
  clock.advanceMs(500);
  clock.shift(-1);
  end();
  clock.advance(5);
  expect(seen).toEqual([FIRST_SECOND + 1, FIRST_SECOND]);
});

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FIRST_SECOND, SystemClock } from "../src/index.ts";

describe("the system's clock", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_700_000_000_500 });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("begins at second 2 and ticks once a second", () => {
    const clock = new SystemClock();
    const ticks: number[] = [];
    clock.onTick((seconds) => ticks.push(seconds));
    clock.start();
    expect(clock.seconds).toBe(FIRST_SECOND);
    vi.advanceTimersByTime(3500);
    expect(clock.seconds).toBe(5);
    expect(ticks).toEqual([3, 4, 5]);
    clock.stop();
    vi.advanceTimersByTime(5000);
    expect(clock.seconds).toBe(5);
  });

  test("tells the Unix time of its second 0", () => {
    expect(new SystemClock().startedAtUnix).toBe(1_700_000_000 - FIRST_SECOND);
  });

  test("can be moved, held and let go", () => {
    const clock = new SystemClock();
    clock.start();
    clock.shift(100);
    expect(clock.seconds).toBe(102);
    clock.pause();
    vi.advanceTimersByTime(10_000);
    expect(clock.seconds).toBe(102);
    clock.shift(5);
    expect(clock.seconds).toBe(107);
    clock.resume();
    expect(clock.seconds).toBe(117);
    clock.stop();
  });
});

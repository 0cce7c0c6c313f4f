// Listeners hear what they asked for, and one that throws harms nobody but its own program.

import { afterEach, expect, test, vi } from "vitest";
import { TypedEvents } from "../src/index.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

test("a listener is called until it is taken back", () => {
  const events = new TypedEvents<{ up: number }>();
  const heard: number[] = [];
  expect(events.has("up")).toBe(false);
  const end = events.on("up", (n) => heard.push(n));
  expect(events.has("up")).toBe(true);
  events.emit("up", 1);
  end();
  events.emit("up", 2);
  expect(heard).toEqual([1]);
  expect(events.has("up")).toBe(false);
});

test("what a listener throws comes up on the next tick, and the others are called", () => {
  const ticks = vi.spyOn(process, "nextTick").mockImplementation(() => undefined);
  const events = new TypedEvents<{ up: number }>();
  const heard: number[] = [];
  events.on("up", () => {
    throw new Error("a defect");
  });
  events.on("up", (n) => heard.push(n));
  events.emit("up", 1);
  expect(heard).toEqual([1]);
  expect(ticks).toHaveBeenCalledOnce();
  expect(ticks.mock.calls[0]![0]).toThrow("a defect");
});

import { expect, test } from "vitest";
import { CacheError, isCacheError, TypedEvents } from "../src/index.ts";

test("an error keeps its code and its cause, and is known by its brand to any copy of the package", () => {
  const cause = new Error("below");
  const error = new CacheError("timeout", "too late", { cause });
  expect(error).toMatchObject({ name: "CacheError", code: "timeout", message: "too late", cause });
  expect(isCacheError(error)).toBe(true);
  expect(
    isCacheError(Object.assign(new Error("x"), { [Symbol.for("marugoto.CacheError")]: true, code: "timeout" })),
  ).toBe(true);
  for (const other of [new Error("x"), { code: "timeout" }, null, undefined, "timeout"]) {
    expect(isCacheError(other)).toBe(false);
  }
});

test("events reach those who listen, in order, until they stop", () => {
  const events = new TypedEvents<{ moved: { to: number } }>();
  const seen: string[] = [];
  expect(events.has("moved")).toBe(false);
  const stop = events.on("moved", ({ to }) => seen.push(`a${to}`));
  events.on("moved", ({ to }) => seen.push(`b${to}`));
  events.emit("moved", { to: 1 });
  stop();
  events.emit("moved", { to: 2 });
  expect(events.has("moved")).toBe(true);
  expect(seen).toEqual(["a1", "b1", "b2"]);
});

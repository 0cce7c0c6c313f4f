import { describe, expect, test } from "vitest";
import { Strays } from "../../src/recovery/strays.ts";

const none = () => false;

/** All that is handed out, as `key@label`. */
function taken(strays: Strays, stays: (key: string) => boolean = none, batchKeys = 256): string[][] {
  return [...strays.take(batchKeys, stays)].map((batch) => batch.map(([key, label]) => `${key}@${label}`));
}

describe("strays", () => {
  test("of two outages are on two servers", () => {
    const strays = new Strays();
    strays.add("a", "s1", 10);
    strays.add("a", "s2", 10);
    strays.add("a", "s1", 10);
    expect(taken(strays)).toEqual([["a@s1", "a@s2"]]);
  });

  test("are handed out once", () => {
    const strays = new Strays();
    strays.add("a", "s1", 10);
    expect(strays.mayHave("a")).toBe(true);
    expect(taken(strays)).toEqual([["a@s1"]]);
    expect(strays.mayHave("a")).toBe(false);
    expect(taken(strays)).toEqual([]);
  });

  test("that are in use where they are stay", () => {
    const strays = new Strays();
    for (const key of ["a", "b"]) strays.add(key, "s1", 10);
    expect(taken(strays, (key) => key === "a")).toEqual([["b@s1"]]);
    expect(taken(strays)).toEqual([["a@s1"]]);
  });

  test("come in batches, and what is left somewhere else meanwhile comes the next time, whole", () => {
    const strays = new Strays();
    for (const key of ["a", "b", "c"]) strays.add(key, "s1", 10);
    const batches = strays.take(2, none);
    expect(batches.next().value).toHaveLength(2);
    strays.add("a", "s3", 10);
    strays.add("c", "s2", 10);
    expect(batches.next().value).toEqual([]);
    expect(taken(strays)).toEqual([["c@s1", "c@s2", "a@s3"]]);
  });

  test("beyond the limit may be any key", () => {
    const strays = new Strays();
    strays.add("a", "s1", 1);
    expect(strays.mayHave("b")).toBe(false);
    strays.add("a", "s2", 1);
    expect(strays.hasUnknown).toBe(false);
    strays.add("b", "s1", 1);
    expect(strays.mayHave("never seen")).toBe(true);
    expect(taken(strays)).toEqual([["a@s1", "a@s2"]]);
  });
});

import { describe, expect, test } from "vitest";
import { nearest } from "../../src/config/nearest.ts";

const words = ["hash", "hash_tag", "distribution", "timeout", "servers"];

describe("the nearest known word", () => {
  test.each([
    ["hsah", "hash"],
    ["hash-tag", "hash_tag"],
    ["hashTag", "hash_tag"],
    ["distibution", "distribution"],
    ["timeuot", "timeout"],
    ["server", "servers"],
    ["x", undefined],
    ["redis", undefined],
    ["", undefined],
  ])("%s → %s", (word, expected) => expect(nearest(word, words)).toBe(expected));
});

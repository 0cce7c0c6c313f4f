import { describe, expect, test } from "vitest";
import { checkTextKey, isTextKey } from "../src/index.ts";

const bytes = (text: string) => Buffer.from(text, "latin1");

describe("keys of the text protocol", () => {
  test.each([
    [0, false],
    [1, true],
    [250, true],
    [251, false],
  ])("a key of %i bytes is accepted: %s", (length, accepted) => {
    expect(isTextKey(bytes("k".repeat(length)), 0, length)).toBe(accepted);
  });

  test("spaces, control characters and DEL are refused, all else is taken", () => {
    for (let byte = 0; byte < 256; byte++) {
      const key = Buffer.from([0x61, byte, 0x62]);
      expect(isTextKey(key, 0, 3), `byte ${byte}`).toBe(byte > 0x20 && byte !== 0x7f);
    }
  });

  test("only the range given is looked at", () => {
    expect(isTextKey(bytes("a b"), 2, 3)).toBe(true);
  });

  test.each([
    ["k".repeat(251), "key_too_long", "key is 251 bytes, at most 250"],
    ["", "key_invalid", "key is empty, at least 1 byte"],
    ["a b", "key_invalid", "key has byte 0x20 at 1; spaces and control characters end a key"],
  ])("the error names what is wrong: %j", (key, code, message) => {
    expect(() => {
      checkTextKey(bytes(key), 0, key.length);
    }).toThrow(expect.objectContaining({ code, message }) as Error);
  });
});

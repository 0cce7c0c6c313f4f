// JSON as PHP writes and reads it.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { JsonReader, needsReader } from "../../src/values/json-reader.ts";
import { phpJsonDecode, phpJsonEncode } from "../../src/values/php-json.ts";
import { resolvePhpValueOptions, type PhpValueOptions } from "../../src/values/php-options.ts";
import { PhpEnum, PhpFloat, PhpObject, type PhpKey } from "../../src/values/php-types.ts";

const write = (value: unknown) => phpJsonEncode(value, resolvePhpValueOptions({})).toString();
const read = (text: string | Buffer, options: PhpValueOptions = {}) =>
  phpJsonDecode(Buffer.from(text as string), resolvePhpValueOptions(options));

test.each<[unknown, string]>([
  [null, "null"],
  ["/<>&'\"\\\b\f\n\r\t\u0001\u007f", '"\\/<>&\'\\"\\\\\\b\\f\\n\\r\\t\\u0001\u007f"'],
  ["\u2028é😀", '"\\u2028\\u00e9\\ud83d\\ude00"'],
  [[1, 0.5, 1e25, 2n ** 63n - 1n, new PhpFloat(3)], "[1,0.5,1.0e+25,9223372036854775807,3]"],
  [{ a: [], b: {}, c: undefined }, '{"a":[],"b":{}}'],
  [
    new Map<PhpKey, unknown>([
      [0, "a"],
      [1, "b"],
    ]),
    '["a","b"]',
  ],
  [
    new Map<PhpKey, unknown>([
      [5, "a"],
      ["k", new Map()],
    ]),
    '{"5":"a","k":[]}',
  ],
  [
    new PhpObject("Point", [
      ["x", 3],
      ["\0*\0y", 4],
    ]),
    '{"x":3}',
  ],
  [[Buffer.from("é")], '["\\u00e9"]'],
  [{ at: new Date(0) }, '{"at":"1970-01-01T00:00:00.000Z"}'],
])("$1 is what json_encode writes", (value, text) => {
  expect(write(value)).toBe(text);
});

test.each<[string, unknown, RegExp]>([
  ["NaN", [NaN], /NaN has no JSON/],
  ["an infinity", [-Infinity], /-Infinity has no JSON/],
  ["bytes that are no text", [Buffer.from([0xff])], /not UTF-8/],
  ["an enum", new PhpEnum("Suit", "Hearts"), /Suit:Hearts has no JSON/],
  ["512 levels", Array.from({ length: 511 }).reduce<unknown>((inner) => [inner], []), /deeper than 511/],
])("%s is refused", (_, value, message) => {
  expect(() => write(value)).toThrow(
    expect.objectContaining({ code: "value_unencodable", message: expect.stringMatching(message) as string }),
  );
});

test("ints of 64 bits survive, larger ones are floats as in PHP", () => {
  const text = "[9007199254740993,-9223372036854775808,9223372036854775808,1e3,-0]";
  expect(read(text)).toEqual([9007199254740993n, -(2n ** 63n), 2 ** 63, 1000, 0]);
});

test("the options arrays and floats hold for JSON too", () => {
  expect(read('{"b":1.0,"1":[]}', { arrays: "map", floats: "exact" })).toEqual(
    new Map<string, unknown>([
      ["b", new PhpFloat(1)],
      ["1", []],
    ]),
  );
  expect(Object.keys(read('{"__proto__":1234567890123456}') as object)).toEqual(["__proto__"]);
});

describe("the reader of our own and the engine's agree", () => {
  const settings = resolvePhpValueOptions({});
  const ours = (text: string) => {
    try {
      return { value: new JsonReader(text, settings).readAll() };
    } catch (error) {
      return { code: (error as { code: string }).code };
    }
  };
  const theirs = (text: string) => {
    try {
      return { value: JSON.parse(text) as unknown };
    } catch {
      return { code: "value_undecodable" };
    }
  };

  test("on JSON, dense and spaced", () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(0, 1, "\t"), (json, indent) => {
        const text = JSON.stringify(JSON.parse(json), null, indent);
        fc.pre(!needsReader(Buffer.from(text), 512) && !text.includes("-0"));
        expect(ours(text)).toEqual(theirs(text));
      }),
      { numRuns: 1000 },
    );
  });

  test("on what is nearly JSON", () => {
    const pieces = [
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"a"',
      '"\\u00e9"',
      '"\\x"',
      '"',
      "1",
      "01",
      "1.",
      "-",
      "1e5",
      "true",
      "nul",
      " ",
      "\n",
      "\u0001",
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 8 }), (parts) => {
        const text = parts.join("");
        expect(ours(text), text).toEqual(theirs(text));
      }),
      { numRuns: 20_000 },
    );
  });
});

test.each([
  ["{", /broken JSON/],
  ["", /broken JSON/],
  ["[12345678901234567,", /broken JSON at character 19 of 19/],
  [Buffer.from([0x22, 0xff, 0x22]), /not UTF-8/],
  ["[".repeat(513) + "]".repeat(513), /nested deeper than 512/],
])("broken %j is refused", (text, message) => {
  expect(() => read(text)).toThrow(
    expect.objectContaining({ code: "value_undecodable", message: expect.stringMatching(message) as string }),
  );
});

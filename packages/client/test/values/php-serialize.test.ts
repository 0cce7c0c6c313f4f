// serialize() and unserialize(): what stands for what, what is refused, and why.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { resolvePhpValueOptions, type PhpValueOptions } from "../../src/values/php-options.ts";
import { phpSerialize } from "../../src/values/php-serialize.ts";
import { PhpEnum, PhpFloat, PhpObject, type PhpKey } from "../../src/values/php-types.ts";
import { phpUnserialize } from "../../src/values/php-unserialize.ts";
import { exact } from "./golden.ts";
import { randomValue, startRandom } from "./random-values.ts";

const write = (value: unknown, options: PhpValueOptions = {}) =>
  phpSerialize(value, resolvePhpValueOptions(options)).toString("latin1");
const read = (text: string | Buffer, options: PhpValueOptions = {}) =>
  phpUnserialize(typeof text === "string" ? Buffer.from(text, "latin1") : text, resolvePhpValueOptions(options));

const point = new PhpObject("App\\Point", [
  ["x", 3],
  ["\0*\0name", "pt"],
  ["\0App\\Point\0z", 1.25],
]);

test.each<[unknown, string]>([
  [null, "N;"],
  [true, "b:1;"],
  [-7, "i:-7;"],
  [2n ** 63n - 1n, "i:9223372036854775807;"],
  [0.1, "d:0.1;"],
  [2 ** 53, "d:9007199254740992;"],
  ["é", 's:2:"\xc3\xa9";'],
  [[1, [true]], "a:2:{i:0;i:1;i:1;a:1:{i:0;b:1;}}"],
  [{ id: 7, tags: [] }, 'a:2:{s:2:"id";i:7;s:4:"tags";a:0:{}}'],
  [{ 9: "nine", "-5": "five", "05": "text" }, 'a:3:{i:9;s:4:"nine";i:-5;s:4:"five";s:2:"05";s:4:"text";}'],
  [new PhpObject("stdClass", { id: 7 }), 'O:8:"stdClass":1:{s:2:"id";i:7;}'],
])("$1 is what PHP writes, and is read again", (value, text) => {
  expect(write(value)).toBe(text);
  expect(read(text)).toEqual(value);
});

test.each<[string, unknown, string]>([
  ["a PhpFloat", new PhpFloat(1), "d:1;"],
  ["bytes", Buffer.from([0xff]), 's:1:"\xff";'],
  ["a view of memory", new DataView(Uint8Array.of(1, 0x61).buffer, 1), 's:1:"a";'],
  ["a Date, by its toJSON", new Date(0), 's:24:"1970-01-01T00:00:00.000Z";'],
  ["undefined in a list", [undefined], "a:1:{i:0;N;}"],
  ["undefined in an object", { a: undefined, b: 1 }, 'a:1:{s:1:"b";i:1;}'],
  [
    "a class instance",
    new (class User {
      id = 7;
    })(),
    'a:1:{s:2:"id";i:7;}',
  ],
  ["an object without prototype", Object.assign(Object.create(null), { a: 1 }), 'a:1:{s:1:"a";i:1;}'],
])("%s is written", (_, value, text) => {
  expect(write(value)).toBe(text);
});

describe("options", () => {
  const map = 'a:2:{i:5;s:1:"a";s:1:"k";d:2;}';

  test.each<[PhpValueOptions, unknown]>([
    [{}, { 5: "a", k: 2 }],
    [
      { arrays: "map" },
      new Map<PhpKey, unknown>([
        [5, "a"],
        ["k", 2],
      ]),
    ],
    [{ floats: "exact" }, { 5: "a", k: new PhpFloat(2) }],
    [{ strings: "bytes" }, { 5: Buffer.from("a"), k: 2 }],
  ])("%j reads an array so", (options, value) => {
    expect(read(map, options)).toEqual(value);
  });

  test("objects: plain and plainObjects: stdClass go together", () => {
    const text = 'O:8:"stdClass":1:{s:2:"id";i:7;}';
    expect(read(text, { objects: "plain" })).toEqual({ id: 7 });
    expect(write({ id: 7 }, { plainObjects: "stdClass" })).toBe(text);
  });

  test("a class is written only when it was named", () => {
    const text = 'O:9:"App\\Point":3:{s:1:"x";i:3;s:7:"\0*\0name";s:2:"pt";s:12:"\0App\\Point\0z";d:1.25;}';
    expect(() => write(point)).toThrow(/class App\\Point are not written, unless writeClasses names it/);
    expect(write(point, { writeClasses: ["App\\Point"] })).toBe(text);
    expect(write(point, { writeClasses: true })).toBe(text);
    expect(() => write(new PhpEnum("App\\Suit", "Hearts"))).toThrow(/writeClasses/);
    expect(write(new PhpEnum("App\\Suit", "Hearts"), { writeClasses: ["App\\Suit"] })).toBe('E:15:"App\\Suit:Hearts";');
  });

  test("out of range, they are refused at once", () => {
    expect(() => resolvePhpValueOptions({ maxDepth: 5000 })).toThrow(/maxDepth is 5000, must be .* to 1024/);
    expect(() => resolvePhpValueOptions({ arrays: "Map" as "map" })).toThrow(/arrays is "Map"/);
  });
});

test("an object of any class is read, and gives its properties by their plain names", () => {
  const value = read('O:5:"Point":3:{s:1:"x";i:3;s:7:"\0*\0name";s:2:"pt";s:8:"\0Point\0z";d:1.5;}') as PhpObject;
  expect(value).toBeInstanceOf(PhpObject);
  expect([value.className, value.get("x"), value.get("name"), value.get("z"), value.get("none")]).toEqual([
    "Point",
    3,
    "pt",
    1.5,
    undefined,
  ]);
  expect(JSON.stringify(value)).toBe('{"x":3}');
  expect(read('E:11:"Suit:Hearts";')).toEqual(new PhpEnum("Suit", "Hearts"));
});

test("one object in two places, or in itself, is one object again", () => {
  const inner = new PhpObject("stdClass");
  const outer = new PhpObject("stdClass", [
    ["a", inner],
    ["n", 1],
    ["b", inner],
  ]);
  outer.properties.set("self", outer);
  const text = 'O:8:"stdClass":4:{s:1:"a";O:8:"stdClass":0:{}s:1:"n";i:1;s:1:"b";r:2;s:4:"self";r:1;}';
  expect(write(outer)).toBe(text);
  const again = read(text) as PhpObject;
  expect(again.get("self")).toBe(again);
  expect(again.get("a")).toBe(again.get("b"));
  const plain = read(text, { objects: "plain" }) as Record<string, unknown>;
  expect(plain.self).toBe(plain);
});

test("__proto__ is a key like others", () => {
  const value = read('a:1:{s:9:"__proto__";a:1:{s:1:"x";i:1;}}') as object;
  expect(Object.keys(value)).toEqual(["__proto__"]);
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  expect(write(value)).toBe('a:1:{s:9:"__proto__";a:1:{s:1:"x";i:1;}}');
});

test("keys that are not UTF-8 are held by a Map only", () => {
  const text = 'a:1:{s:1:"\xff";i:1;}';
  expect(() => read(text)).toThrow(/not UTF-8; only the options arrays: "map"/);
  expect(write(read(text, { arrays: "map" }))).toBe(text);
});

test("random values come back equal", () => {
  const random = startRandom("php-serialize");
  for (let i = 0; i < 2000; i++) {
    const value = randomValue(random, false);
    const text = write(value, exact);
    expect(read(text, exact)).toEqual(value);
    expect(write(read(text, exact), exact)).toBe(text);
  }
});

test("JSON values come back equal with the plain options", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      const again = read(write(value));
      // An empty object and one with the keys 0, 1, 2 … is a list to PHP.
      expect(write(again)).toBe(write(value));
    }),
    { numRuns: 500 },
  );
});

const circle: unknown[] = [];
circle.push(circle);
const endless = { toJSON: (): unknown => endless };

test.each<[string, unknown, RegExp]>([
  ["undefined", undefined, /undefined has no PHP value/],
  ["a function in a list", [() => 0], /function has no PHP value/],
  ["a symbol", [Symbol("s")], /symbol has no PHP value/],
  ["a Set", new Set([1]), /Set has no PHP value/],
  ["a RegExp", { a: /x/ }, /RegExp has no PHP value/],
  ["a Promise", Promise.resolve(), /Promise has no PHP value/],
  ["a bigint of 65 bits", 2n ** 64n, /beyond PHP's ints/],
  ["half a surrogate pair", ["\ud800"], /surrogate/],
  ["half a surrogate pair as a key", { "\ud800": 1 }, /surrogate/],
  ["a circle", circle, /nests deeper than 512/],
  ["a toJSON without end", endless, /another toJSON/],
  ["a key of 1.5", new Map([[1.5, 1]]), /can be no key/],
  ["an object as a key", new Map([[{}, 1]]), /can be no key/],
  ["a symbol as a key", new Map([[Symbol("s"), 1]]), /can be no key/],
  [
    '5 beside "5"',
    new Map<unknown, number>([
      [5, 1],
      ["5", 2],
    ]),
    /the key 5 in PHP/,
  ],
  [
    '5n beside "5"',
    new Map<unknown, number>([
      ["5", 1],
      [5n, 2],
    ]),
    /the key 5 in PHP/,
  ],
  ["a broken property name", new PhpObject("stdClass", [["\0x", 1]]), /can be no property/],
  ["a broken class name", new PhpObject('a":1:{}', []), /can be no name of a PHP class/],
  ["a broken case name", new PhpEnum("Suit", "a b"), /can be no case/],
])("%s is refused", (_, value, message) => {
  expect(() => write(value, { writeClasses: true })).toThrow(
    expect.objectContaining({ code: "value_unencodable", message: expect.stringMatching(message) as string }),
  );
});

test("a value beyond maxValueBytes is refused", () => {
  expect(() => write(["x".repeat(100)], { maxValueBytes: 100 })).toThrow(
    expect.objectContaining({ code: "value_too_large" }),
  );
});

test.each([
  ["", /":" was expected/],
  ["N", /";" was expected/],
  ["N;N;", /the value has ended/],
  ["i:;", /not an int/],
  ["i:1.5;", /";" was expected/],
  ["i:9223372036854775808;", /beyond 64 bits/],
  [`i:${"9".repeat(1000)};`, /beyond 64 bits/],
  ["b:2;", /a bool is 0 or 1/],
  ["d:1e;", /not a float/],
  ["d:0x1;", /not a float/],
  ['s:5:"abc";', /5 bytes of text, only 5 left|was expected/],
  ['s:-1:"";', /not a length/],
  ['s:99999999999:"";', /not a length/],
  ["a:1:{", /cannot fit/],
  ["a:4000000000:{}", /cannot fit/],
  ["a:1:{i:0;i:1;", /"}" was expected/],
  ["a:1:{N;i:1;}", /was expected|a key is an int or a string/],
  ["a:1:{d:1;i:1;}", /a key is an int or a string/],
  ["a:2:{i:0;i:1;i:1;R:2;}", /reference \(R:\)/],
  ["a:2:{i:0;i:1;i:1;r:2;}", /r:2 names no object/],
  ['O:8:"stdClass":1:{s:1:"a";r:9;}', /r:9 names no object/],
  ['C:5:"Thing":2:{ab}', /class Thing serializes itself/],
  ['O:0:"":0:{}', /not the name of a class/],
  ["x:1;", /no type/],
])("broken %j is refused and says why", (text, message) => {
  expect(() => read(text)).toThrow(
    expect.objectContaining({ code: "value_undecodable", message: expect.stringMatching(message) as string }),
  );
});

test("depth is bounded both ways", () => {
  const nested = (depth: number) => `${"a:1:{i:0;".repeat(depth)}N;${"}".repeat(depth)}`;
  const deep = (depth: number): unknown => (depth === 0 ? null : [deep(depth - 1)]);
  for (const maxDepth of [3, 512, 1024]) {
    expect(write(read(nested(maxDepth), { maxDepth }), { maxDepth })).toBe(nested(maxDepth));
    expect(() => read(nested(maxDepth + 1), { maxDepth })).toThrow(/nested deeper/);
    expect(() => write(deep(maxDepth + 1), { maxDepth })).toThrow(/nests deeper/);
  }
});

import { expect, test } from "vitest";
import {
  decodeInt,
  isIntNumber,
  jsonFloatText,
  memcacheFloatText,
  memcachedFloatText,
  parseFloatText,
  parseIntText,
  serializedFloatText,
} from "../../src/values/php-numbers.ts";

// As PHP 8.2, pecl-memcache 8.0 and php-memcached 3.2.0 print them.
test.each([
  // value, serialize(), json_encode(), class Memcached, class Memcache
  [0.1, "0.1", "0.1", ".1", "0.1"],
  [3, "3", "3", "3", "3"],
  [-2.25, "-2.25", "-2.25", "-2.25", "-2.25"],
  [-0, "-0", "-0", "-0", "-0"],
  [1 / 3, "0.3333333333333333", "0.3333333333333333", ".3333333333333333", "0.33333333333333"],
  [0.0001, "0.0001", "0.0001", ".0001", "0.0001"],
  [0.00001, "1.0E-5", "1.0e-5", "1e-05", "1.0e-5"],
  [100000, "100000", "100000", "100000", "100000"],
  [1e6, "1000000", "1000000", "1e+06", "1000000"],
  [1e14, "100000000000000", "100000000000000", "1e+14", "1.0e+14"],
  [1e16, "10000000000000000", "10000000000000000", "1e+16", "1.0e+16"],
  [1e17, "1.0E+17", "1.0e+17", "1e+17", "1.0e+17"],
  [123456789012345680, "1.2345678901234568E+17", "1.2345678901234568e+17", "123456789012345680", "1.2345678901235e+17"],
  [1.5e-300, "1.5E-300", "1.5e-300", "1.5e-300", "1.5e-300"],
  // Exact ties of 14 digits go to the even one.
  [10000000000000.5, "10000000000000.5", "10000000000000.5", "10000000000000.5", "10000000000000"],
  [10000000000001.5, "10000000000001.5", "10000000000001.5", "10000000000001.5", "10000000000002"],
  [21680873127936.5, "21680873127936.5", "21680873127936.5", "21680873127936.5", "21680873127936"],
])("%d is written as PHP does", (value, serialize, json, memcached, memcache) => {
  expect([
    serializedFloatText(value),
    jsonFloatText(value),
    memcachedFloatText(value),
    memcacheFloatText(value),
  ]).toEqual([serialize, json, memcached, memcache]);
});

test.each([
  [NaN, "NAN", "NaN", "NAN"],
  [Infinity, "INF", "Infinity", "INF"],
  [-Infinity, "-INF", "-Infinity", "-INF"],
])("%d has a name of its own in each", (value, serialize, memcached, memcache) => {
  expect([serializedFloatText(value), memcachedFloatText(value), memcacheFloatText(value)]).toEqual([
    serialize,
    memcached,
    memcache,
  ]);
  for (const text of [serialize, memcached]) expect(parseFloatText(text)).toBe(value);
});

test.each([
  ["0", 0],
  ["-0", 0],
  ["+7", 7],
  ["99 ", 99],
  ["9007199254740991", 2 ** 53 - 1],
  ["9007199254740993", 9007199254740993n],
  ["-9223372036854775808", -(2n ** 63n)],
  ["18446744073709551615", 2n ** 64n - 1n],
  ["", undefined],
  ["-", undefined],
  ["1.5", undefined],
  ["0x10", undefined],
  ["1e3", undefined],
  ["9".repeat(21), undefined],
])("the int %j is read as %s", (text, value) => {
  expect(parseIntText(text)).toBe(value);
  if (value !== undefined) expect(decodeInt(Buffer.from(text), "a test")).toBe(value);
  else expect(() => decodeInt(Buffer.from(text), "a test")).toThrow(/an int of a test/);
});

test.each([".1", "1.", "1e+06", "-2.5E-7", "+3", " 4 "])("the float %j is read", (text) => {
  expect(parseFloatText(text)).toBe(Number(text));
});

test.each(["", ".", "e5", "1e", "0x10", "1_000", "infinite", "--1"])("%j is no float", (text) => {
  expect(parseFloatText(text)).toBeUndefined();
});

test.each([
  [1, true],
  [-(2 ** 53) + 1, true],
  [2 ** 53, false],
  [-0, false],
  [0.5, false],
  [NaN, false],
])("%d is written as an int: %s", (value, isInt) => {
  expect(isIntNumber(value)).toBe(isInt);
});

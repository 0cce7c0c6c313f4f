// What the recorded data cannot say about twemproxy: the server line, tags in detail, the refusals.

import { describe, expect, test } from "vitest";
import { isCacheError } from "@marugoto/core";
import { NO_SERVER, parseTwemproxyServer, twemproxy, type TwemproxyOptions } from "../src/index.ts";

const servers = ["127.0.0.1:11211:1", "127.0.0.1:11212:2", "cache.example:11213:1 third"];

test.each([
  ["127.0.0.1:11212:1", { host: "127.0.0.1", port: 11212, weight: 1, name: "127.0.0.1:11212" }],
  ["127.0.0.1:11211:3", { host: "127.0.0.1", port: 11211, weight: 3, name: "127.0.0.1" }],
  ["cache.example:11211:1 first", { host: "cache.example", port: 11211, weight: 1, name: "first", alias: "first" }],
  ["::1:11212:1", { host: "::1", port: 11212, weight: 1, name: "::1:11212" }],
  ["/run/a.sock:2", { host: "/run/a.sock", port: 0, weight: 2, name: "/run/a.sock:" }],
  ["/run/a:1.sock:2 a", { host: "/run/a:1.sock", port: 0, weight: 2, name: "a", alias: "a" }],
])("server line %j", (line, expected) => {
  expect(parseTwemproxyServer(line)).toEqual(expected);
});

describe("hash_tag {}", () => {
  const placement = twemproxy({ servers, hash_tag: "{}" });
  const plain = twemproxy({ servers });

  test.each([
    ["a{tag}b", "tag"],
    ["{tag}", "tag"],
    ["x{}y", "x{}y"],
    ["x{tag", "x{tag"],
    ["}x{tag}", "tag"],
    ["a{b}{c}", "b"],
    ["a{b{c}d}", "b{c"],
    ["{}{tag}", "{}{tag}"],
  ])("%j is placed as %j", (key, hashed) => {
    for (let i = 0; i < 20; i++) {
      expect(placement.serverIndexOf(key.replace("tag", `tag${i}`))).toBe(
        plain.serverIndexOf(hashed.replace("tag", `tag${i}`)),
      );
    }
  });
});

test("the order of the lines does not count, for either distribution", () => {
  for (const distribution of ["ketama", "modula"] as const) {
    const one = twemproxy({ servers, distribution });
    const other = twemproxy({ servers: servers.toReversed(), distribution });
    for (let i = 0; i < 500; i++) {
      expect(other.serverIndexOf(`key${i}`)).toBe(servers.length - 1 - one.serverIndexOf(`key${i}`));
    }
  }
});

test("with all servers ejected there is no owner; a pool of one needs no hash", () => {
  expect(twemproxy({ servers, ejected: [0, 1, 2] }).serverIndexOf("key")).toBe(NO_SERVER);
  expect(twemproxy({ servers: ["a:1:1"] }).serverIndexOf("key")).toBe(0);
  expect(twemproxy({ servers }).withEjected([0, 1, 2]).withEjected([0, 2]).serverIndexOf("key")).toBe(1);
  expect(twemproxy({ servers: ["a:1:1"], ejected: [0] }).serverIndexOf("key")).toBe(NO_SERVER);
});

test.each<[Partial<TwemproxyOptions>, RegExp, string]>([
  [{ servers: [] }, /at least one server/, "invalid_option"],
  [{ servers: ["127.0.0.1"] }, /"127.0.0.1" is not a server/, "invalid_option"],
  [{ servers: ["127.0.0.1:1:0"] }, /weight in "127.0.0.1:1:0" is 0/, "invalid_option"],
  [{ servers: ["127.0.0.1:0:1"] }, /port in "127.0.0.1:0:1" is 0/, "invalid_option"],
  [{ servers: ["a:1:1 x", "b:1:1 x"] }, /two servers have the name "x"/, "invalid_option"],
  [{ hash: "sha1" as "md5" }, /hash is "sha1"; it must be one of one_at_a_time/, "invalid_option"],
  [{ distribution: "ring" as "ketama" }, /distribution is "ring"/, "invalid_option"],
  [{ distribution: "random" as "ketama" }, /"random" places nothing/, "not_supported"],
  [{ hash_tag: "{" }, /hash_tag is "{"/, "invalid_option"],
  [{ ejected: [-1] }, /index of an ejected server is -1/, "invalid_option"],
])("options %j are refused with a sentence", (options, message, code) => {
  const make = () => twemproxy({ servers, ...options });
  expect(make).toThrow(message);
  expect(make).toThrow(expect.toSatisfy((error) => isCacheError(error) && error.code === code));
});

test("describe", () => {
  expect(twemproxy({ servers, hash_tag: "{}", ejected: [1] }).describe()).toBe(
    "twemproxy, ketama, fnv1a_64, hash_tag {}, 1 ejected: 127.0.0.1:11211, 127.0.0.1:11212*2, cache.example:11213 (third)",
  );
});

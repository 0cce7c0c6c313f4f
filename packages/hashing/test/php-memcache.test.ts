// What the recorded data cannot say about PHP's class Memcache: the origin story, the helpers, the refusals.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isCacheError } from "@marugoto/core";
import { crc32, fold15, NO_SERVER, phpMemcache, type PhpMemcacheOptions } from "../src/index.ts";

const story = [7600, 7602, 7603].map((port) => ({ host: "127.0.0.1", port }));

function found(options: Partial<PhpMemcacheOptions>, key: string, ...down: number[]): string {
  const placement = phpMemcache({ servers: story, ...options });
  const bytes = Buffer.from(key);
  const server = placement.findServer(bytes, 0, bytes.length, (i) => !down.includes(i));
  return String(placement.servers[server]?.id.split(":")[1]);
}

describe("servers 7600, 7602 and 7603, keys a, b and c, 7603 goes down", () => {
  const sevenSixOhThree = 2;

  test.each([
    ["consistent", {}, "7602", "7600"],
    ["standard", { hashStrategy: "standard" }, "7600", "7600"],
    ["standard of 2.2.x", { hashStrategy: "standard", legacyFailover: "2.2" }, "7602", "7602"],
  ] as const)("%s: a goes to %s", (_, options, a, c) => {
    expect(["a", "b", "c"].map((key) => found(options, key))).toEqual(["7603", "7600", "7603"]);
    expect(["a", "b", "c"].map((key) => found(options, key, sevenSixOhThree))).toEqual([a, "7600", c]);
  });

  test("without failover a and c stay on 7603", () => {
    const options = { allowFailover: false };
    expect(["a", "b", "c"].map((key) => found(options, key, sevenSixOhThree))).toEqual(["7603", "7600", "7603"]);
  });
});

test("the failover sequence is KEY-0, KEY-1, …: also for keys that are cut or changed", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.integer({ min: 0, max: 5000 }), (key, attempt) => {
      const placement = phpMemcache({ servers: story, prefix: "p q" });
      const wire = Buffer.alloc(250);
      const length = placement.wireKey(key, 0, key.length, wire);
      const next = Buffer.concat([wire.subarray(0, length), Buffer.from(`-${attempt}`)]);
      // The sequence's keys are hashed as they are, even past 250 bytes.
      if (next.length > 250) return;
      const plain = phpMemcache({ servers: story });
      expect(placement.candidate(key, 0, key.length, attempt)).toBe(plain.serverIndex(next, 0, next.length));
    }),
  );
});

test("findServer asks for the owner, then for up to maxFailoverAttempts candidates, and fails on the last", () => {
  const key = Buffer.from("some key");
  const placement = phpMemcache({ servers: story, maxFailoverAttempts: 4 });
  const asked: number[] = [];
  const last = placement.findServer(key, 0, key.length, (server) => {
    asked.push(server);
    return false;
  });
  const candidates = [0, 1, 2, 3].map((attempt) => placement.candidate(key, 0, key.length, attempt));
  expect(asked).toEqual([placement.serverIndex(key, 0, key.length), ...candidates]);
  expect(last).toBe(candidates.at(-1));
});

test("copies are as many different servers as redundancy says, the owner first, the dead left out", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 60 }), fc.integer({ min: 1, max: 5 }), (key, redundancy) => {
      const bytes = Buffer.from(key);
      const placement = phpMemcache({ servers: [...story, { host: "x" }, { host: "y" }], redundancy });
      const copies = placement.copies(bytes, 0, bytes.length);
      expect(copies[0]).toBe(placement.serverIndex(bytes, 0, bytes.length));
      expect(new Set(copies).size).toBe(copies.length);
      expect(copies.length).toBeLessThanOrEqual(redundancy);
      const owner = copies[0]!;
      expect(placement.copies(bytes, 0, bytes.length, (server) => server !== owner)).not.toContain(owner);
    }),
  );
});

test("the consistent strategy does not depend on the order of addServer; the standard one does", () => {
  const servers = Array.from({ length: 9 }, (_, i) => ({ host: `cache${i}`, weight: 1 + (i % 3) }));
  const reversed = servers.toReversed();
  const keys = Array.from({ length: 500 }, (_, i) => `key${i}`);
  const owners = (pool: typeof servers, hashStrategy: "consistent" | "standard") => {
    const placement = phpMemcache({ servers: pool, hashStrategy });
    return keys.map((key) => placement.servers[placement.serverIndexOf(key)]!.id);
  };
  expect(owners(reversed, "consistent")).toEqual(owners(servers, "consistent"));
  expect(owners(reversed, "standard")).not.toEqual(owners(servers, "standard"));
});

test("on a machine with unsigned chars only fnv and only keys beyond ASCII may move", () => {
  const place = (hashFunction: "crc32" | "fnv", char: "signed" | "unsigned", head: string) => {
    const placement = phpMemcache({ servers: story, hashFunction, hashStrategy: "standard", char });
    return Array.from({ length: 200 }, (_, i) => placement.serverIndexOf(`${head}${i}`));
  };
  expect(place("crc32", "unsigned", "ключ")).toEqual(place("crc32", "signed", "ключ"));
  expect(place("fnv", "unsigned", "key")).toEqual(place("fnv", "signed", "key"));
  expect(place("fnv", "unsigned", "ключ")).not.toEqual(place("fnv", "signed", "ключ"));
});

test("standard: a hash whose bits 16 to 30 are zero counts as 1, not as bucket 0", () => {
  const placement = phpMemcache({ servers: story, hashStrategy: "standard" });
  const zero = Array.from({ length: 200_000 }, (_, i) => `key${i}`).filter((key) => {
    const bytes = Buffer.from(key);
    return fold15(crc32(bytes, 0, bytes.length)) === 0;
  });
  expect(zero.length).toBeGreaterThan(0);
  for (const key of zero) expect(placement.serverIndexOf(key)).toBe(1);
});

test("the empty key is refused", () => {
  const placement = phpMemcache({ servers: story, prefix: "x" });
  const none = Buffer.alloc(0);
  expect(placement.serverIndexOf("")).toBe(NO_SERVER);
  expect(placement.candidate(none, 0, 0, 0)).toBe(NO_SERVER);
  expect(placement.findServer(none, 0, 0, () => false)).toBe(NO_SERVER);
  expect(placement.copies(none, 0, 0)).toEqual([]);
  expect(placement.wireKey(none, 0, 0, Buffer.alloc(250))).toBe(0);
});

test.each<[Partial<PhpMemcacheOptions>, RegExp]>([
  [{ servers: [] }, /at least one server/],
  [{ servers: [{ host: "a", weight: 0 }] }, /weight of a is 0/],
  [{ servers: [{ host: "a", port: 65536 }] }, /port of a is 65536/],
  [{ hashStrategy: "modula" as "standard" }, /hashStrategy is "modula"; it must be one of consistent, standard/],
  [{ hashFunction: "md5" as "fnv" }, /hashFunction is "md5"/],
  [{ maxFailoverAttempts: 0 }, /maxFailoverAttempts is 0/],
  [{ redundancy: 1.5 }, /redundancy is 1.5/],
  [{ prefix: "é".repeat(126) }, /prefix is 252 bytes, at most 250/],
])("options %j are refused with a sentence", (options, message) => {
  const make = () => phpMemcache({ servers: story, ...options });
  expect(make).toThrow(message);
  expect(make).toThrow(expect.toSatisfy((error) => isCacheError(error) && error.code === "invalid_option"));
});

test("describe says what a person needs to compare two programs", () => {
  const servers = [{ host: "127.0.0.1", port: 7600, weight: 2 }, { host: "unix:///run/mc.sock" }, { host: "::1" }];
  expect(phpMemcache({ servers, prefix: "app:" }).describe()).toBe(
    "PHP Memcache, consistent, crc32, prefix of 4 bytes: 127.0.0.1:7600*2, /run/mc.sock, [::1]:11211",
  );
});

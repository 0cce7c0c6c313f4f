// The small parts: the ring of waiting requests, keys, ttls.

import { describe, expect, test } from "vitest";
import { RequestRing } from "../src/connection/request-ring.ts";
import { DRAIN, type Sink } from "../src/connection/sink.ts";
import { KeyEncoder, type KeyRules } from "../src/operation/keys.ts";
import { toExptime } from "../src/operation/ttl.ts";

const sink = (name: string, calls: string[], again = Infinity): Sink => ({
  onAnswer: () => undefined,
  onFailure: () => undefined,
  onDeadline: () => {
    calls.push(name);
    return again;
  },
});

describe("RequestRing", () => {
  test("keeps order while it grows and wraps", () => {
    const ring = new RequestRing();
    const sinks = Array.from({ length: 100 }, (_, i) => sink(String(i), []));
    let next = 0;
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 10; i++) ring.push(sinks[round * 10 + i]!, Infinity, i & 3);
      for (let i = 0; i < (round < 5 ? 3 : 17); i++) {
        if (ring.length === 0) break;
        expect(ring.first).toBe(sinks[next]!);
        expect(ring.firstExpect).toBe((next % 10) & 3);
        ring.shift();
        next++;
      }
    }
    expect(next).toBe(100);
  });

  test("calls what is overdue once, and knows when to look again", () => {
    const ring = new RequestRing();
    const calls: string[] = [];
    ring.push(sink("late", calls), 300, 0);
    ring.push(sink("early", calls), 100, 0);
    ring.push(sink("again", calls, 250), 150, 0);
    expect(ring.nextDeadlineMs).toBe(100);
    expect(ring.expire(99)).toBe(0);
    expect(ring.expire(200)).toBe(2);
    expect(calls).toEqual(["early", "again"]);
    expect(ring.nextDeadlineMs).toBe(250);
    expect(ring.expire(400)).toBe(2);
    expect(calls).toEqual(["early", "again", "late", "again"]);
    ring.shift();
    expect(ring.first).toBe(DRAIN);
  });

  test("a detached request keeps its place", () => {
    const ring = new RequestRing();
    const calls: string[] = [];
    const ticket = ring.push(sink("gone", calls), 10, 0);
    const kept = sink("kept", calls);
    ring.push(kept, 10, 0);
    ring.detach(ticket);
    ring.detach(99);
    expect(ring.first).toBe(DRAIN);
    ring.shift();
    expect(ring.first).toBe(kept);
    expect(ring.expire(11)).toBe(1);
    expect(calls).toEqual(["kept"]);
  });
});

describe("KeyEncoder", () => {
  const rules = (policy: KeyRules["policy"], prefix = ""): KeyRules => ({
    policy,
    prefix: Buffer.from(prefix),
    hashPrefix: false,
  });
  const encode = (key: string | Uint8Array, policy: KeyRules["policy"], prefix = "") => {
    const encoder = new KeyEncoder();
    encoder.encode(key, rules(policy, prefix));
    return encoder;
  };
  const text = (encoder: KeyEncoder) => encoder.bytes.toString("utf8", 0, encoder.end);

  test.each([
    ["plain", "key", "key"],
    ["beyond ASCII", "キー", "キー"],
    ["250 bytes", "x".repeat(250), "x".repeat(250)],
  ])("%s keys travel as they are", (_what, key, wire) => {
    expect(text(encode(key, "reject"))).toBe(wire);
    expect(text(encode(Buffer.from(key), "reject"))).toBe(wire);
  });

  test("the prefix travels, and the hash begins behind it", () => {
    const encoder = encode("k", "reject", "p:");
    expect([text(encoder), encoder.hashStart]).toEqual(["p:k", 2]);
  });

  test.each([
    ["", "key_invalid"],
    ["a b", "key_invalid"],
    ["a\x7f", "key_invalid"],
    ["\ud800", "key_invalid"],
    ["x".repeat(251), "key_too_long"],
    ["é".repeat(126), "key_too_long"],
  ])("%j is refused", (key, code) => {
    expect(() => encode(key, "reject")).toThrow(expect.objectContaining({ code }));
  });

  test("what is no key at all is a TypeError", () => {
    expect(() => encode(5 as never, "reject")).toThrow(TypeError);
    expect(() => encode(null as never, "hash")).toThrow(TypeError);
  });

  test("hash: unusual keys get a readable beginning and a digest, usual ones stay", () => {
    expect(text(encode("usual", "hash"))).toBe("usual");
    const long = text(encode("user:" + "x".repeat(300), "hash", "p:"));
    expect(long).toMatch(/^p:user:x{59}#[\w-]{43}$/);
    expect(text(encode("user:" + "x".repeat(301), "hash", "p:"))).not.toBe(long);
    expect(text(encode("a b", "hash"))).toMatch(/^a#[\w-]{43}$/);
  });

  test("base64: unusual keys travel under flag b, up to 186 bytes", () => {
    expect(encode("usual", "base64").binary).toBe(false);
    expect(encode("a b", "base64").binary).toBe(true);
    expect(encode(Buffer.alloc(186), "base64").binary).toBe(true);
    expect(() => encode(Buffer.alloc(187), "base64")).toThrow(/187 bytes, at most 186/);
  });
});

describe("toExptime", () => {
  const nowMs = 1_700_000_000_400;
  test.each([
    [undefined, 0],
    [0, 0],
    [-5, -1],
    [0.2, 1],
    [2_592_000, 2_592_000],
    [2_592_001, 1_702_592_001],
    [1e12, 0x7fff_ffff],
    [new Date(nowMs + 10_000), 1_700_000_011],
    [new Date(nowMs - 1000), -1],
  ])("%s is %i", (ttl, exptime) => {
    expect(toExptime(ttl, nowMs)).toBe(exptime);
  });

  test.each([Number.NaN, new Date(Number.NaN), "60" as never])("%s is refused", (ttl) => {
    expect(() => toExptime(ttl, nowMs)).toThrow(/ttl/);
  });
});

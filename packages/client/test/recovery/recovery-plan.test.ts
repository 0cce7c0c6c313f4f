// The plan must say what really happens, so each kind of pool is also driven through failure and return by the rules.

import { describe, expect, test } from "vitest";
import { phpMemcache, phpMemcached } from "@marugoto/hashing";
import { recoveryPlan } from "../../src/recovery/recovery-plan.ts";

const servers = ["127.0.0.1:7600", "127.0.0.1:7602", "127.0.0.1:7603"];
const failed = ["127.0.0.1:7603"];
const abc = ["a", "b", "c"];

describe("like phpMemcache", () => {
  test("consistent: a goes to 7602 and c to 7600, and both stay there (the second post)", () => {
    const plan = recoveryPlan({ like: { program: "phpMemcache" }, servers, failed, keys: abc });
    expect(plan.onFailure.moves).toEqual([
      { from: "127.0.0.1:7603", to: "127.0.0.1:7602", keys: 1, share: 1 / 3 },
      { from: "127.0.0.1:7603", to: "127.0.0.1:7600", keys: 1, share: 1 / 3 },
    ]);
    expect(plan.onReturn.stale.map(({ on, list }) => [on, list])).toEqual([
      ["127.0.0.1:7602", ["a"]],
      ["127.0.0.1:7600", ["c"]],
    ]);
    expect(plan.onFailure).toMatchObject({ unserved: 0, disturbed: 0 });
    expect(plan.onReturn.staleServed).toBe(0);
    expect(plan.toString()).toContain("keys of 127.0.0.1:7603 go to 127.0.0.1:7602");
    expect(plan.steps.join("\n")).toContain("Wait 15 s");
  });

  test("standard: both go to 7600", () => {
    const like = { program: "phpMemcache", hashStrategy: "standard" } as const;
    const { moves } = recoveryPlan({ like, servers, failed, keys: abc }).onFailure;
    expect(moves).toEqual([{ from: "127.0.0.1:7603", to: "127.0.0.1:7600", keys: 2, share: 2 / 3 }]);
  });

  test("without allow_failover nobody serves the keys, and nothing is left behind", () => {
    const like = { program: "phpMemcache", allowFailover: false } as const;
    const plan = recoveryPlan({ like, servers, failed, keys: abc });
    expect(plan.onFailure.unserved).toBeCloseTo(2 / 3);
    expect(plan.onReturn.stale).toEqual([]);
    expect(plan.toString()).toContain("No other server keeps copies");
  });

  test("the keys that are listed as stale are those that findServer sends elsewhere", () => {
    const keys = Array.from({ length: 1000 }, (_, i) => `page:${i}`);
    const plan = recoveryPlan({ like: { program: "phpMemcache" }, servers, failed, keys });
    const placement = phpMemcache({ servers: [7600, 7602, 7603].map((port) => ({ host: "127.0.0.1", port })) });
    for (const { on, list } of plan.onReturn.stale) {
      for (const key of list ?? []) {
        const bytes = Buffer.from(key);
        expect(servers[placement.findServer(bytes, 0, bytes.length, (server) => server !== 2)]).toBe(on);
      }
    }
    const listed = plan.onReturn.stale.flatMap(({ list }) => list ?? []);
    expect(listed).toHaveLength(keys.filter((key) => placement.serverIndexOf(key) === 2).length);
  });
});

describe("like phpMemcached", () => {
  test("modula keeps every key where it is, ejecting or not", () => {
    for (const removeFailedServers of [false, true]) {
      const like = { program: "phpMemcached", removeFailedServers } as const;
      const plan = recoveryPlan({ like, servers, failed });
      expect(plan.onFailure.unserved).toBe(plan.onFailure.lost);
      expect(plan.onFailure.lost).toBeCloseTo(1 / 3, 1);
      expect(plan.onReturn.stale).toEqual([]);
    }
  });

  test("ketama with ejection moves the failed server's keys, and 35 for ever is named", () => {
    const like = { program: "phpMemcached", libketamaCompatible: true, removeFailedServers: true } as const;
    const plan = recoveryPlan({ like, servers, failed });
    expect(plan.onFailure.unserved).toBe(0);
    expect(plan.onFailure.moves.every(({ from }) => from === "127.0.0.1:7603")).toBe(true);
    expect(plan.toString()).toContain("code 35");
    expect(plan.steps.join("\n")).toContain("OPT_DEAD_TIMEOUT");
    const recovering = recoveryPlan({ like: { ...like, deadTimeoutSec: 3 }, servers, failed });
    expect(recovering.toString()).toContain("3 s after it ejected it");
    expect(recovering.toString()).not.toContain("for ever");
  });

  test("unequal weights disturb keys whose server is up, as many as the ring says", () => {
    const weighted = [
      { address: "10.0.0.1:11211", weight: 5 },
      { address: "10.0.0.2:11211", weight: 3 },
      { address: "10.0.0.3:11211", weight: 7 },
    ];
    const like = { program: "phpMemcached", libketamaCompatible: true, removeFailedServers: true } as const;
    const keys = Array.from({ length: 20_000 }, (_, i) => `k${i}`);
    const plan = recoveryPlan({ like, servers: weighted, failed: ["10.0.0.3:11211"], keys });
    const before = phpMemcached({
      libketamaCompatible: true,
      servers: weighted.map(({ address, weight }) => [address.split(":")[0]!, 11211, weight] as const),
    });
    const after = before.withEjected([2]);
    const moved = keys.filter(
      (key) => before.serverIndexOf(key) !== 2 && before.serverIndexOf(key) !== after.serverIndexOf(key),
    );
    expect(plan.onFailure.disturbed).toBeCloseTo(moved.length / keys.length);
    expect(plan.onReturn.staleServed).toBe(plan.onFailure.disturbed);
  });
});

describe("like twemproxy", () => {
  test("modula with auto_eject_hosts moves keys of servers that are up, which come back old", () => {
    const like = { program: "twemproxy", distribution: "modula", auto_eject_hosts: true } as const;
    const plan = recoveryPlan({ like, servers, failed });
    expect(plan.onFailure.disturbed).toBeGreaterThan(0.2);
    expect(plan.toString()).toContain("serves\n  what it had before");
  });

  test("without auto_eject_hosts the keys have no server", () => {
    const plan = recoveryPlan({ like: { program: "twemproxy" }, servers, failed });
    expect(plan.onFailure.unserved).toBeCloseTo(1 / 3, 1);
  });
});

describe("like this client", () => {
  test.each([
    ["throw", "nowhere", 0],
    ["miss", "nowhere", 0],
    ["gutter", "gutter", 0],
    ["next", "127.0.0.1:7600", 2],
  ] as const)("onFailure %s: keys go to %s, and %i servers keep copies", (onFailure, to, holders) => {
    const plan = recoveryPlan({ like: { program: "marugoto", onFailure }, servers, failed });
    expect(plan.onFailure.moves.map((move) => move.to)).toContain(to);
    expect(new Set(plan.onReturn.stale.map(({ on }) => on)).size).toBe(holders);
    expect(plan.onFailure.disturbed).toBe(0);
  });
});

test("with every server down nobody serves anything", () => {
  for (const program of ["phpMemcache", "phpMemcached", "twemproxy", "marugoto"] as const) {
    const plan = recoveryPlan({ like: { program }, servers, failed: servers, keys: abc });
    expect(plan.onFailure.unserved).toBe(1);
  }
});

test.each([
  [{ failed: [] }, /no server has failed/],
  [{ failed: ["10.0.0.9:11211"] }, /10\.0\.0\.9:11211 has failed, but it is none of/],
  [{ keys: [] }, /no key to plan with/],
])("%j is refused", (change, message) => {
  expect(() => recoveryPlan({ like: { program: "phpMemcache" }, servers, failed, ...change })).toThrow(message);
});

// rendezvous and jump: who moves, who doesn't, and how even it is.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { jump, plan, rendezvous, type RendezvousServer } from "../src/index.ts";

const keys = Array.from({ length: 2000 }, (_, i) => `key:${i}`);
const name = fc.string({ minLength: 1, maxLength: 12 });
const pool = fc.uniqueArray(fc.record({ name, weight: fc.constantFrom(1, 1, 2, 0.5, 10) }), {
  minLength: 2,
  maxLength: 10,
  selector: (server) => Buffer.from(server.name).toString("hex"),
});

function owners(servers: readonly RendezvousServer[]): string[] {
  const placement = rendezvous({ servers });
  return keys.map((key) => placement.servers[placement.serverIndexOf(key)]!.id);
}

describe("rendezvous", () => {
  test("does not depend on the order of the servers", () => {
    fc.assert(
      fc.property(pool, (servers) => {
        expect(owners(servers.toReversed())).toEqual(owners(servers));
      }),
      { numRuns: 20 },
    );
  });

  test("moves keys only to a server that joins, or only away from one that leaves", () => {
    fc.assert(
      fc.property(pool, (servers) => {
        const without = owners(servers.slice(1));
        owners(servers).forEach((owner, i) => {
          if (owner !== without[i]) expect(owner).toBe(servers[0]!.name);
        });
      }),
      { numRuns: 30 },
    );
  });

  test("a server that gains weight only gains keys", () => {
    fc.assert(
      fc.property(pool, (servers) => {
        const heavier = servers.map((server, i) => (i === 0 ? { ...server, weight: server.weight * 3 } : server));
        const before = owners(servers);
        owners(heavier).forEach((owner, i) => {
          if (owner !== before[i]) expect(owner).toBe(servers[0]!.name);
        });
      }),
      { numRuns: 30 },
    );
  });

  test("equal weights place as no weights do, whatever the weight", () => {
    const names = ["a", "b", "c", "d"];
    expect(owners(names.map((n) => ({ name: n, weight: 7 })))).toEqual(owners(names.map((n) => ({ name: n }))));
  });

  test("shares follow weights within 5 % of themselves at 100,000 keys", () => {
    const servers = [1, 2, 4, 0.5, 2.5].map((weight, i) => ({ name: `node-${i}`, weight }));
    const placement = rendezvous({ servers });
    const counts = servers.map(() => 0);
    for (let i = 0; i < 100_000; i++) counts[placement.serverIndexOf(`user:${i}`)]!++;
    servers.forEach(({ weight }, i) => {
      const share = counts[i]! / 10_000;
      expect(Math.abs(share / weight - 1)).toBeLessThan(0.05);
    });
  });

  test("places these keys here for ever", () => {
    const plain = rendezvous({ servers: ["alpha", "beta", "gamma", "delta"] });
    expect(
      keys
        .slice(0, 32)
        .map((key) => plain.serverIndexOf(key))
        .join(""),
    ).toBe("32312300222110110313231210210230");
    const weighted = rendezvous({ servers: [{ name: "alpha", weight: 3 }, "beta", { name: "gamma", weight: 0.5 }] });
    expect(
      keys
        .slice(0, 32)
        .map((key) => weighted.serverIndexOf(key))
        .join(""),
    ).toBe("00002000020110100101011000200200");
  });

  test("refuses no servers, equal names and weights that are none", () => {
    expect(() => rendezvous({ servers: [] })).toThrow(/at least one server/);
    expect(() => rendezvous({ servers: ["a", "b", "a"] })).toThrow(/two servers have the name "a"/);
    expect(() => rendezvous({ servers: [{ name: "a", weight: 0 }] })).toThrow(/weight of a is 0/);
    expect(() => rendezvous({ servers: [{ name: "a", weight: Infinity }] })).toThrow(/weight of a is Infinity/);
  });
});

describe("jump", () => {
  const named = (count: number) => Array.from({ length: count }, (_, i) => `shard-${i}`);

  test("one server more moves keys to it alone, and about 1/n of them", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), (count) => {
        const change = plan(jump({ servers: named(count) }), jump({ servers: named(count + 1) }), keys);
        for (const move of change.moves) expect(move.to).toBe(`shard-${count}`);
        expect(Math.abs(change.share - 1 / (count + 1))).toBeLessThan(0.05);
      }),
      { numRuns: 30 },
    );
  });

  test("places these keys here for ever", () => {
    const placement = jump({ servers: named(10) });
    expect(
      keys
        .slice(0, 32)
        .map((key) => placement.serverIndexOf(key))
        .join(""),
    ).toBe("14689317385317406374391015902912");
  });

  test("refuses no servers", () => {
    expect(() => jump({ servers: [] })).toThrow(/at least one server/);
  });
});

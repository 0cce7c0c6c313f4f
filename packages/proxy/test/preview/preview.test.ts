// What the commands of the binary tell: where keys are, what a change moves, what a failure does.

import { phpMemcache } from "@marugoto/hashing";
import { isCacheError } from "@marugoto/core";
import { seededRandom } from "@marugoto/testing";
import { describe, expect, test } from "vitest";
import { parseConfig } from "../../src/config/load.ts";
import { toPlacement } from "../../src/config/placement.ts";
import type { PoolConfig } from "../../src/config/types.ts";
import { changePlan, sayChange } from "../../src/preview/change-plan.ts";
import { poolRecoveryPlan } from "../../src/preview/recovery.ts";
import { whereIs } from "../../src/preview/where.ts";

function poolOf(servers: readonly string[], ...lines: string[]): PoolConfig {
  const list = servers.map((server) => `   - ${server}\n`).join("");
  const text = `a:\n  listen: 127.0.0.1:1\n  servers:\n${list}${lines.map((line) => `  ${line}\n`).join("")}`;
  return parseConfig(text, "c.yml").pools[0]!;
}

/** The pool of the origin posts. */
const posts = ["127.0.0.1:7600:1", "127.0.0.1:7602:1", "127.0.0.1:7603:1"];

describe("where a key is", () => {
  test("as PHP's Memcache has it: a and c on 7603, b on 7600", () => {
    const found = whereIs(poolOf(posts, "placement: phpMemcache"), ["a", "b", "c"]);
    expect(found.map(({ key, server }) => `${key} ${server?.address ?? ""}`)).toEqual([
      "a 127.0.0.1:7603",
      "b 127.0.0.1:7600",
      "c 127.0.0.1:7603",
    ]);
  });

  test("and with 7603 down, where PHP fails over to", () => {
    const placement = phpMemcache({ servers: [7600, 7602, 7603].map((port) => ({ host: "127.0.0.1", port })) });
    const expected = ["a", "c"].map((key) => {
      const server = placement.findServer(Buffer.from(key), 0, key.length, (index) => index !== 2);
      return posts[server]?.slice(0, -2);
    });
    const found = whereIs(poolOf(posts, "placement: phpMemcache"), ["a", "c"], ["127.0.0.1:7603"]);
    expect(found.map(({ server }) => server?.address)).toEqual(expected);
  });

  test("nowhere, when every server is down", () => {
    const pool = poolOf(posts);
    expect(
      whereIs(
        pool,
        ["a"],
        pool.servers.map(({ name }) => name),
      ),
    ).toEqual([{ key: "a", server: undefined }]);
  });

  test("a server that is not there, and a random pool, are errors", () => {
    const codeOf = (run: () => unknown) => {
      try {
        return run();
      } catch (error) {
        return isCacheError(error) ? error.message : error;
      }
    };
    expect(codeOf(() => whereIs(poolOf(posts), ["a"], ["x"]))).toBe(
      '"x" is no server of pool a, which has 127.0.0.1:7600, 127.0.0.1:7602, 127.0.0.1:7603',
    );
    expect(codeOf(() => whereIs(poolOf(posts, "distribution: random"), ["a"]))).toBe(
      "pool a is random: a key has no place",
    );
  });
});

describe("what a change moves", () => {
  const keys = Array.from({ length: 100_000 }, (_, i) => `session:${i * 7}:data`);
  const random = seededRandom(9);
  const spread = keys.map(() => `user:${random.int(2 ** 31).toString(36)}`);

  /** The share of keys whose server has another name afterwards. */
  function countMoved(before: PoolConfig, after: PoolConfig, from: readonly string[]): number {
    const old = toPlacement(before.placement, before.servers);
    const next = toPlacement(after.placement, after.servers);
    const moved = from.filter(
      (key) => before.servers[old.serverIndexOf(key)]?.name !== after.servers[next.serverIndexOf(key)]?.name,
    );
    return moved.length / from.length;
  }

  test.each([
    ["ketama, a server more", poolOf(posts), poolOf([...posts, "127.0.0.1:7604:1"])],
    [
      "modula, a server more",
      poolOf(posts, "distribution: modula"),
      poolOf([...posts, "h:1:1"], "distribution: modula"),
    ],
    ["ketama to rendezvous", poolOf(posts), poolOf(posts, "placement: rendezvous")],
    ["a weight", poolOf(posts), poolOf([...posts.slice(1), "127.0.0.1:7600:3"])],
  ])("N9: %s: the share told beforehand is that counted on 100 000 other keys, to a point", (_, before, after) => {
    const counted = countMoved(before, after, spread);
    expect(counted).toBeGreaterThan(0);
    expect(Math.abs((changePlan([before], [after])[0]?.plan?.share ?? 0) - counted)).toBeLessThan(0.01);
  });

  test("N9: every tenth of the site's own keys tells the share of all, however alike they are", () => {
    const [before, after] = [poolOf(posts), poolOf([...posts, "127.0.0.1:7604:1"])];
    const sample = keys.filter((_, i) => i % 10 === 0);
    const told = changePlan([before], [after], sample)[0]?.plan?.share ?? 0;
    expect(Math.abs(told - countMoved(before, after, keys))).toBeLessThan(0.01);
  });

  test("a server that moves keeps its keys when it keeps its name", () => {
    const before = poolOf(["10.0.0.1:1:1 a", "10.0.0.2:1:1 b"]);
    const after = poolOf(["10.9.9.9:5:1 a", "10.0.0.2:1:1 b"]);
    expect(changePlan([before], [after], keys)[0]?.plan).toMatchObject({ moved: 0, keys: keys.length });
  });

  test("pools are told by name, also those that come and go", () => {
    const pool = poolOf(posts);
    const lines = changePlan([pool, { ...pool, name: "old" }], [pool, { ...pool, name: "new" }], ["x"]).flatMap(
      sayChange,
    );
    expect(lines[0]).toBe("pool a: 0.0 % of the keys move (0 of 1)");
    expect(lines.slice(-2)).toEqual(["pool old: removed", "pool new: added"]);
  });
});

describe("what a failure and the return do", () => {
  test("by the pool's own rules, or those of another program", () => {
    const pool = poolOf(posts, "auto_eject_hosts: true", "server_failure_limit: 3");
    const own = poolRecoveryPlan(pool, ["127.0.0.1:7603"]);
    expect(own.like).toMatchObject({ program: "twemproxy", auto_eject_hosts: true, server_failure_limit: 3 });
    expect(own.onFailure.lost).toBeGreaterThan(0.2);
    expect(own.onFailure.unserved).toBe(0);
    const php = poolRecoveryPlan(pool, ["127.0.0.1:7603"], "phpMemcache");
    expect(php.like).toEqual({ program: "phpMemcache" });
    expect(php.onReturn.stale.map(({ of }) => of)).toEqual(["127.0.0.1:7603", "127.0.0.1:7603"]);
  });

  test("servers with names are placed by them", () => {
    const pool = poolOf(["10.0.0.1:1:1 a", "10.0.0.2:1:1 b", "10.0.0.3:1:1 c"]);
    const placement = toPlacement(pool.placement, pool.servers);
    const keys = Array.from({ length: 3000 }, (_, i) => `k${i}`);
    const shares = poolRecoveryPlan(pool, ["b"], undefined, keys).servers.map(({ before }) => before);
    const counted = [0, 1, 2].map(
      (server) => keys.filter((key) => placement.serverIndexOf(key) === server).length / 3000,
    );
    expect(shares).toEqual(counted);
  });

  test("jump has no rules for it", () => {
    expect(() => poolRecoveryPlan(poolOf(posts, "placement: jump"), ["127.0.0.1:7600"])).toThrow(
      "there is no recovery plan for jump, the placement of pool a",
    );
  });
});

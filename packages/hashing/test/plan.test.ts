// plan: shares that add up, servers matched across programs, refused keys set aside.

import fc from "fast-check";
import { expect, test } from "vitest";
import { jump, phpMemcache, phpMemcached, plan, rendezvous, twemproxy, type Placement } from "../src/index.ts";

const keys = Array.from({ length: 1000 }, (_, i) => `session:${i}`);

test("every share adds up to 1, and what leaves one server comes to another", () => {
  const placements: Placement[] = [
    jump({ servers: ["a", "b", "c"] }),
    jump({ servers: ["c", "b"] }),
    rendezvous({ servers: ["a", "b", { name: "d", weight: 2 }] }),
    rendezvous({ servers: ["x"] }),
  ];
  fc.assert(
    fc.property(
      fc.constantFrom(...placements),
      fc.constantFrom(...placements),
      fc.array(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 200 }),
      (before, after, some) => {
        const change = plan(before, after, some);
        const sum = (of: (server: (typeof change.servers)[number]) => number) =>
          change.servers.reduce((total, server) => total + of(server), 0);
        expect(sum((server) => server.before)).toBeCloseTo(1, 12);
        expect(sum((server) => server.after)).toBeCloseTo(1, 12);
        expect(sum((server) => server.lost)).toBeCloseTo(change.share, 12);
        expect(sum((server) => server.gained)).toBeCloseTo(change.share, 12);
        expect(change.moves.reduce((total, move) => total + move.keys, 0)).toBe(change.moved);
        expect(change.keys).toBe(some.length);
        for (const { before: share, after: later, lost, gained } of change.servers) {
          expect(share - lost + gained).toBeCloseTo(later, 12);
        }
      },
    ),
  );
});

test("the same servers under two programs are the same servers", () => {
  const libketama = phpMemcached({
    servers: [
      ["10.0.0.1", 11211],
      ["10.0.0.2", 11211],
      ["/run/mc.sock", 0],
    ],
    libketamaCompatible: true,
  });
  const proxy = twemproxy({
    servers: ["10.0.0.2:11211:1", "10.0.0.1:11211:1", "/run/mc.sock:1 /run/mc.sock"],
    hash: "md5",
  });
  expect(plan(libketama, proxy, keys)).toMatchObject({ keys: 1000, moved: 0, share: 0, moves: [] });

  const memcache = phpMemcache({
    servers: [{ host: "10.0.0.1" }, { host: "10.0.0.2" }, { host: "unix:///run/mc.sock" }],
  });
  const change = plan(memcache, libketama, keys);
  expect(change.servers.map(({ id }) => id)).toEqual(["10.0.0.1:11211", "10.0.0.2:11211", "/run/mc.sock"]);
  expect(change.share).toBeGreaterThan(0.4);
});

test("a key that one of them refuses is counted as refused and nowhere else", () => {
  const memcached = phpMemcached({ servers: [["a", 0]], verifyKey: true });
  const change = plan(memcached, jump({ servers: ["b"] }), [
    "plain",
    "with space",
    Buffer.from("bytes"),
    Buffer.from("é"),
  ]);
  expect(change).toMatchObject({ keys: 2, refused: 2, moved: 2, share: 1 });
  expect(change.moves).toEqual([{ from: "a:11211", to: "b", keys: 2, share: 1 }]);
});

test("without keys nothing moves", () => {
  expect(plan(jump({ servers: ["a"] }), jump({ servers: ["b"] }), [])).toMatchObject({ keys: 0, moved: 0, share: 0 });
});

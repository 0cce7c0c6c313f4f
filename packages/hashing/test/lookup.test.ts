// What holds for every preset: an index in range, no trace of what is around the key, the string door, no garbage.

import { getHeapStatistics } from "node:v8";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { jump, NO_SERVER, phpMemcache, phpMemcached, rendezvous, twemproxy, type Placement } from "../src/index.ts";

const hosts = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"];
const memcache = hosts.map((host, i) => ({ host, weight: 1 + i }));
const memcached = hosts.map((host, i) => [host, 11211, 1 + i] as const);
const lines = hosts.map((host, i) => `${host}:11211:${1 + i}`);
const named = hosts.map((host, i) => ({ name: host, weight: 1 + i }));

const placements: [string, Placement][] = [
  ["phpMemcache consistent", phpMemcache({ servers: memcache })],
  [
    "phpMemcache standard fnv prefix",
    phpMemcache({ servers: memcache, hashStrategy: "standard", hashFunction: "fnv", prefix: "p:" }),
  ],
  ["phpMemcached default", phpMemcached({ servers: memcached })],
  ["phpMemcached libketama", phpMemcached({ servers: memcached, libketamaCompatible: true })],
  [
    "phpMemcached ring, hashed prefix",
    phpMemcached({ servers: memcached, distribution: "CONSISTENT", prefixKey: "p:", hashWithPrefixKey: true }),
  ],
  ["phpMemcached buckets", phpMemcached({ servers: memcached, buckets: [0, 1, 2, 3, 4, 0, 1, 2] })],
  ["twemproxy ketama", twemproxy({ servers: lines, hash_tag: "{}" })],
  ["twemproxy modula md5", twemproxy({ servers: lines, distribution: "modula", hash: "md5" })],
  ["rendezvous", rendezvous({ servers: hosts })],
  ["rendezvous weighted", rendezvous({ servers: named })],
  ["jump", jump({ servers: hosts })],
];

describe.each(placements)("%s", (_, placement) => {
  test("gives an index in range, whatever stands around the key", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 250 }), fc.uint8Array({ maxLength: 20 }), (key, around) => {
        const index = placement.serverIndex(key, 0, key.length);
        expect(Number.isInteger(index)).toBe(true);
        expect(index).toBeGreaterThanOrEqual(0);
        expect(index).toBeLessThan(placement.servers.length);
        const inside = Buffer.concat([around, key, around]);
        expect(placement.serverIndex(inside, around.length, around.length + key.length)).toBe(index);
      }),
    );
  });

  test("answers for any range of any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 700 }), (key) => {
        const index = placement.serverIndex(key, 0, key.length);
        expect(index === NO_SERVER || placement.servers[index] !== undefined).toBe(true);
      }),
    );
  });

  test("places text as its UTF-8", () => {
    fc.assert(
      // UTF-16 units as they come, lone surrogates among them.
      fc.property(fc.array(fc.oneof(fc.nat(0x7f), fc.nat(0xffff)), { maxLength: 400 }), (units) => {
        const key = String.fromCharCode(...units);
        const bytes = Buffer.from(key, "utf8");
        expect(placement.serverIndexOf(key)).toBe(placement.serverIndex(bytes, 0, bytes.length));
      }),
    );
  });

  test("allocates nothing per lookup, and nothing per short ASCII string", () => {
    const count = 1000;
    const keys = Array.from({ length: count }, (_, i) => `user:${1_000_000 + i * 7919}:profile`);
    const starts = Int32Array.from({ length: count + 1 }, (_, i) => keys.slice(0, i).join("").length);
    const bytes = Buffer.from(keys.join(""));
    let sum = 0;
    const lookUp = (rounds: number) => {
      for (let round = 0; round < rounds; round++) {
        for (let i = 0; i < count; i++) {
          sum += placement.serverIndex(bytes, starts[i]!, starts[i + 1]!);
          sum += placement.serverIndexOf(keys[i]!);
        }
      }
    };
    lookUp(100);
    // One object per lookup would be 16 bytes × 100,000. A collection in between makes a round void, compilation adds
    // to one: so the least of some rounds is what lookups cost.
    let least = Infinity;
    for (let attempt = 0; attempt < 20 && least > 16 * 1024; attempt++) {
      const before = getHeapStatistics().used_heap_size;
      lookUp(50);
      const grown = getHeapStatistics().used_heap_size - before;
      if (grown >= 0) least = Math.min(least, grown);
    }
    expect(sum).toBeGreaterThan(0);
    expect(least).toBeLessThanOrEqual(16 * 1024);
  });
});

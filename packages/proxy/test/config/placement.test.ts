// The placements that a pool can have, with servers ejected and without.

import { NO_SERVER, phpMemcache, phpMemcached, twemproxy } from "@marugoto/hashing";
import { describe, expect, test } from "vitest";
import { parseConfig } from "../../src/config/load.ts";
import { toPlacement } from "../../src/config/placement.ts";

const SERVERS = ["10.0.0.1:11211:1", "10.0.0.2:11211:1", "10.0.0.3:11300:1", "10.0.0.4:11211:1"];
const keys = Array.from({ length: 2000 }, (_, i) => `user:${i}:profile`);

function poolOf(...lines: string[]) {
  const servers = SERVERS.map((line) => `   - ${line}\n`).join("");
  const text = `a:\n  listen: 127.0.0.1:1\n  servers:\n${servers}${lines.map((line) => `  ${line}\n`).join("")}`;
  return parseConfig(text, "c.yml").pools[0]!;
}

function owners(lines: readonly string[], ejected: readonly number[] = []): number[] {
  const pool = poolOf(...lines);
  const placement = toPlacement(pool.placement, pool.servers, ejected);
  return keys.map((key) => placement.serverIndexOf(key));
}

const php = SERVERS.map((line) => ({ host: line.split(":")[0]!, port: Number(line.split(":")[1]) }));
const tuples = php.map(({ host, port }) => [host, port] as const);

describe("each preset places keys as the library does", () => {
  test.each([
    [["hash: md5", 'hash_tag: "::"'], twemproxy({ servers: SERVERS, hash: "md5", hash_tag: "::" })],
    [["distribution: modula"], twemproxy({ servers: SERVERS, distribution: "modula" })],
    [["placement: phpMemcache"], phpMemcache({ servers: php })],
    [
      ["placement: {preset: phpMemcache, hash_strategy: standard, hash_function: fnv}"],
      phpMemcache({ servers: php, hashStrategy: "standard", hashFunction: "fnv" }),
    ],
    [["placement: phpMemcached"], phpMemcached({ servers: tuples })],
    [
      ["placement: {preset: phpMemcached, libketama_compatible: true, sort_hosts: true}"],
      phpMemcached({ servers: tuples, libketamaCompatible: true, sortHosts: true }),
    ],
    [
      ["placement: {preset: phpMemcached, hash: MURMUR, distribution: CONSISTENT}"],
      phpMemcached({ servers: tuples, hash: "MURMUR", distribution: "CONSISTENT" }),
    ],
  ])("%j", (lines, expected) => {
    expect(owners(lines)).toEqual(keys.map((key) => expected.serverIndexOf(key)));
  });

  test("a name that is an address stands for the address in PHP's rules", () => {
    const [pool] = parseConfig(
      "a:\n  listen: 127.0.0.1:1\n  placement: phpMemcache\n  servers: ['192.168.0.1:99:1 10.0.0.1:11211', 'h:1:1 10.0.0.2:11211']\n",
      "c.yml",
    ).pools;
    const placement = toPlacement(pool!.placement, pool!.servers);
    const expected = phpMemcache({ servers: php.slice(0, 2) });
    expect(keys.map((key) => placement.serverIndexOf(key))).toEqual(keys.map((key) => expected.serverIndexOf(key)));
  });
});

describe("a prefix that PHP does not hash", () => {
  const prefixed = (lines: string) => {
    const pool = poolOf(`placement: {preset: phpMemcached, prefix_key: 'app:'${lines}}`);
    const placement = toPlacement(pool.placement, pool.servers);
    return (key: string) => placement.serverIndexOf(key);
  };
  const plain = phpMemcached({ servers: tuples });

  test("is left out where it stands, and nowhere else", () => {
    const owner = prefixed("");
    for (const key of keys) {
      expect(owner(`app:${key}`)).toBe(plain.serverIndexOf(key));
      expect(owner(key)).toBe(plain.serverIndexOf(key));
    }
    expect(owner("app:")).toBe(plain.serverIndexOf("app:"));
  });

  test("is hashed with the key where PHP does that", () => {
    const owner = prefixed(", hash_with_prefix_key: true");
    for (const key of keys) expect(owner(`app:${key}`)).toBe(plain.serverIndexOf(`app:${key}`));
  });
});

describe("with server 1 ejected", () => {
  test.each([
    [["distribution: ketama"], false],
    [["distribution: modula"], false],
    [["placement: phpMemcache"], true],
    [["placement: {preset: phpMemcache, hash_strategy: standard}"], true],
    [["placement: phpMemcached"], true],
    [["placement: {preset: phpMemcached, libketama_compatible: true}"], false],
    [["placement: rendezvous"], true],
    [["placement: jump"], true],
  ])("%j: nothing is placed there, and only its own keys move: %s", (lines, onlyItsOwn) => {
    const before = owners(lines);
    const after = owners(lines, [1]);
    expect(before).toContain(1);
    expect(after).not.toContain(1);
    expect(new Set(after)).toEqual(new Set([0, 2, 3]));
    const heirs = new Set(after.filter((_, i) => before[i] === 1));
    expect(heirs).toEqual(new Set([0, 2, 3]));
    if (onlyItsOwn) expect(after.filter((server, i) => before[i] !== 1 && server !== before[i])).toEqual([]);
  });

  test("Memcache's keys go where PHP looks for them then", () => {
    const placement = phpMemcache({ servers: php });
    const expected = keys.map((key) => {
      const bytes = Buffer.from(key);
      return placement.findServer(bytes, 0, bytes.length, (server) => server !== 1);
    });
    expect(owners(["placement: phpMemcache"], [1])).toEqual(expected);
  });

  test("rings are those of the program without the server", () => {
    expect(owners([], [1])).toEqual(
      keys.map((key) => twemproxy({ servers: SERVERS, ejected: [1] }).serverIndexOf(key)),
    );
  });
});

test.each(["distribution: ketama", "distribution: random", "placement: phpMemcached", "placement: jump"])(
  "%s: with every server ejected no key has one",
  (line) => {
    expect(new Set(owners([line], [0, 1, 2, 3]))).toEqual(new Set([NO_SERVER]));
  },
);

test("random takes any server that is not ejected", () => {
  expect(new Set(owners(["distribution: random"]))).toEqual(new Set([0, 1, 2, 3]));
  expect(new Set(owners(["distribution: random"], [0, 2]))).toEqual(new Set([1, 3]));
});

// What the recorded data cannot say about PHP's class Memcached: the plain config, ejection, the refusals.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isCacheError } from "@marugoto/core";
import {
  NO_SERVER,
  phpMemcached,
  type MemcachedStep,
  type PhpMemcachedOptions,
  type PhpMemcachedServer,
} from "../src/index.ts";

const servers: PhpMemcachedServer[] = [
  ["10.0.0.3", 11211, 1],
  ["10.0.0.1", 11211, 2],
  ["10.0.0.2", 11311, 4],
];
const keys = Array.from({ length: 300 }, (_, i) => `key${i}`);

function owners(options: PhpMemcachedOptions): string[] {
  const placement = phpMemcached(options);
  return keys.map((key) => placement.servers[placement.serverIndexOf(key)]!.id);
}

describe("a plain config is the calls in the order: options, then servers", () => {
  test.each<[string, Partial<PhpMemcachedOptions>, MemcachedStep[]]>([
    ["defaults", {}, []],
    ["libketama", { libketamaCompatible: true }, [["setOption", "OPT_LIBKETAMA_COMPATIBLE", true]]],
    [
      "a ring of another hash",
      { hash: "MURMUR", distribution: "CONSISTENT" },
      [
        ["setOption", "OPT_HASH", 8],
        ["setOption", "OPT_DISTRIBUTION", 1],
      ],
    ],
    ["sorted", { sortHosts: true }, [["setOption", "OPT_SORT_HOSTS", true]]],
    [
      "a hashed prefix",
      { prefixKey: "app:", hashWithPrefixKey: true },
      [
        ["setOption", "OPT_PREFIX_KEY", "app:"],
        ["setOption", "OPT_HASH_WITH_PREFIX_KEY", true],
      ],
    ],
    ["buckets", { buckets: [0, 1, 2, 2] }, [["setBucket", [0, 1, 2, 2], null, 0]]],
  ])("%s", (_, config, steps) => {
    expect(owners({ servers, ...config })).toEqual(owners({ servers, steps: [...steps, ["addServer"]] }));
  });
});

describe("the order of calls", () => {
  const consistent: MemcachedStep = ["setOption", "OPT_DISTRIBUTION", "Memcached::DISTRIBUTION_CONSISTENT"];

  test("weights count when the distribution is set first, and are lost when it is set last", () => {
    const first = phpMemcached({ steps: [consistent, ["addServers", servers]] });
    const last = phpMemcached({ steps: [["addServers", servers], consistent] });
    expect(first.describe()).toContain("CONSISTENT, DEFAULT, weighted");
    expect(last.describe()).not.toContain("weighted");
  });

  test("a hash set after the servers leaves the ring as it was", () => {
    const unweighted = servers.map(([host, port]) => [host, port] as const);
    const placement = phpMemcached({
      servers: unweighted,
      steps: [consistent, ["addServer"], ["opt", "OPT_HASH", "CRC"]],
    });
    expect(placement.describe()).toContain("CRC, ring still of DEFAULT");
  });

  test("addServer takes a Unix socket's port for 11211, addServers keeps 0, and the ring differs", () => {
    const sockets: PhpMemcachedServer[] = [
      ["/run/a.sock", 0],
      ["/run/b.sock", 0],
    ];
    const one = phpMemcached({ servers: sockets, steps: [consistent, ["addServer"]] });
    const list = phpMemcached({ servers: sockets, steps: [consistent, ["addServers"]] });
    expect(one.servers.map(({ id, name }) => [id, name])).toEqual([
      ["/run/a.sock", "/run/a.sock"],
      ["/run/b.sock", "/run/b.sock"],
    ]);
    expect(list.servers.map(({ id, name }) => [id, name])).toEqual([
      ["/run/a.sock", "/run/a.sock:0"],
      ["/run/b.sock", "/run/b.sock:0"],
    ]);
  });

  test("resetServerList forgets the servers and keeps the options", () => {
    expect(
      owners({ steps: [consistent, ["addServer", "gone", 1, 9], ["resetServerList"], ["addServers", servers]] }),
    ).toEqual(owners({ steps: [consistent, ["setOption", "OPT_COMPRESSION", false], ["addServers", servers]] }));
  });

  test("HASH_HSIEH is refused unless the library has it", () => {
    const steps: MemcachedStep[] = [
      ["setOption", "OPT_HASH", "HASH_HSIEH"],
      ["addServers", servers],
    ];
    expect(owners({ steps })).toEqual(owners({ servers }));
    expect(owners({ steps, hasHsieh: true })).toEqual(owners({ servers, hash: "HSIEH", hasHsieh: true }));
    expect(owners({ steps, hasHsieh: true })).not.toEqual(owners({ servers }));
  });
});

describe("an ejected server", () => {
  test("leaves the ring, whose points are then counted over the others", () => {
    const rest = servers.filter((_, i) => i !== 1);
    expect(owners({ servers, libketamaCompatible: true, ejected: [1] })).toEqual(
      owners({ servers: rest, libketamaCompatible: true }),
    );
  });

  test("comes and goes without the options being said again", () => {
    const whole = phpMemcached({ servers, libketamaCompatible: true });
    const without = whole.withEjected([1]);
    expect(keys.map((key) => without.serverIndexOf(key))).not.toContain(1);
    expect(keys.map((key) => without.withEjected([]).serverIndexOf(key))).toEqual(
      keys.map((key) => whole.serverIndexOf(key)),
    );
  });

  test("stays where it is without a ring", () => {
    expect(owners({ servers, ejected: [1] })).toEqual(owners({ servers }));
  });

  test("may not be the last one", () => {
    expect(() => phpMemcached({ servers, distribution: "CONSISTENT", ejected: [0, 1, 2] })).toThrow(
      /every server is ejected/,
    );
  });
});

test("a ring loses keys only to a server that joins, and only that server's when it leaves", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string({ unit: fc.constantFrom("a", "b", "c", "d", "e"), minLength: 1, maxLength: 6 }), {
        minLength: 2,
        maxLength: 12,
      }),
      fc.constantFrom("CONSISTENT", "CONSISTENT_KETAMA_SPY", "libketama"),
      (hosts, kind) => {
        const config = kind === "libketama" ? { libketamaCompatible: true } : { distribution: kind as "CONSISTENT" };
        const pool = hosts.map((host) => [host, 11211] as const);
        const joined = pool.at(-1)![0] + ":11211";
        const before = owners({ servers: pool.slice(0, -1), ...config });
        const after = owners({ servers: pool, ...config });
        after.forEach((owner, i) => {
          if (owner !== before[i]) expect(owner).toBe(joined);
        });
      },
    ),
    { numRuns: 30 },
  );
});

describe("keys", () => {
  test.each([
    ["", false, false, false],
    ["k".repeat(250), true, true, true],
    ["k".repeat(251), false, false, false],
    ["with space", true, false, true],
    ["ключ", true, false, true],
    ["line\nfeed", true, false, false],
  ])("%j: placed %s, sent as text %s, sent in binary %s", (key, placed, text, binary) => {
    const bytes = Buffer.from(key);
    const ascii = phpMemcached({ servers });
    const binaryProtocol = phpMemcached({ servers, binaryProtocol: true });
    expect(ascii.serverIndexOf(key) !== NO_SERVER).toBe(placed);
    expect(binaryProtocol.serverIndexOf(key) !== NO_SERVER).toBe(placed);
    expect(ascii.acceptsKey(bytes, 0, bytes.length)).toBe(text);
    expect(binaryProtocol.acceptsKey(bytes, 0, bytes.length)).toBe(binary);
    expect(ascii.copies(bytes, 0, bytes.length)).toEqual(placed ? [ascii.serverIndexOf(key)] : []);
  });

  test("hashed with a prefix to more than 250 bytes, a key has hash 0", () => {
    const config = { servers, prefixKey: "p".repeat(100), hashWithPrefixKey: true };
    const long = Array.from({ length: 20 }, (_, i) => phpMemcached(config).serverIndexOf(`${i}`.padEnd(151, "x")));
    expect(long).toEqual(new Array(20).fill(0));
    const fits = Array.from({ length: 20 }, (_, i) => phpMemcached(config).serverIndexOf(`${i}`.padEnd(150, "x")));
    expect(fits).not.toEqual(new Array(20).fill(0));
  });

  test("hashed with a prefix, a key counts as zeros from its first zero byte on", () => {
    const placement = phpMemcached({ servers, prefixKey: "p:", hashWithPrefixKey: true });
    for (let i = 0; i < 20; i++) {
      expect(placement.serverIndexOf(`${i}\0abc`)).toBe(placement.serverIndexOf(`${i}\0\0\0\0`));
    }
  });

  test("a prefix that libmemcached refuses or finds too long is ignored", () => {
    for (const prefixKey of ["with space", "ключ", "p".repeat(128)]) {
      expect(owners({ servers, prefixKey, hashWithPrefixKey: true })).toEqual(owners({ servers }));
    }
  });

  test("OPT_VERIFY_KEY refuses more, until the binary protocol switches it off", () => {
    expect(phpMemcached({ servers, verifyKey: true }).serverIndexOf("with space")).toBe(NO_SERVER);
    expect(phpMemcached({ servers, verifyKey: true, binaryProtocol: true }).serverIndexOf("with space")).not.toBe(
      NO_SERVER,
    );
  });
});

test.each<[PhpMemcachedOptions, RegExp]>([
  [{ servers: [] }, /at least one server/],
  [{ servers: [["a", 70000]] }, /port of a is 70000/],
  [{ servers: [["a", 0, -1]] }, /weight of a is -1/],
  [{ servers, buckets: [0, 3] }, /setBucket names server 3, but there are 3/],
  [{ servers, ejected: [3], libketamaCompatible: true }, /index of an ejected server is 3/],
  [{ servers, steps: [["opt", "OPT_HASHH", 1]] }, /"OPT_HASHH" is not an option of Memcached/],
  [{ servers, steps: [["opt", "OPT_HASH", "SHA1"]] }, /OPT_HASH is SHA1; it must be one of DEFAULT, MD5/],
  [{ servers, steps: [["opt", "OPT_DISTRIBUTION", 3]] }, /RANDOM places nothing/],
  [{ servers, steps: [["opt", "OPT_DISTRIBUTION", 7]] }, /OPT_DISTRIBUTION is 7/],
  [{ servers, steps: [["addserver"] as unknown as MemcachedStep] }, /unknown step \["addserver"\]/],
])("options %j are refused with a sentence", (options, message) => {
  expect(() => phpMemcached(options)).toThrow(message);
  expect(() => phpMemcached(options)).toThrow(
    expect.toSatisfy((error) => isCacheError(error) && error.code === "invalid_option"),
  );
});

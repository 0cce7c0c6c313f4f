// What a file means, and how it is refused.

import { isCacheError } from "@marugoto/core";
import { describe, expect, test } from "vitest";
import { parseConfig, readConfig, sayProblem } from "../../src/config/load.ts";

/** The pool `a` of a file with these lines in it. */
function poolOf(...lines: string[]) {
  const [pool] = parseConfig(text(lines), "c.yml").pools;
  if (pool === undefined) throw new Error("no pool");
  return pool;
}

/** All that is wrong with a pool of these lines. */
function problemsOf(...lines: string[]): string[] {
  return readConfig(text(lines), "c.yml").problems.map((problem) => sayProblem(problem, "c.yml"));
}

const text = (lines: string[]) => `a:\n${lines.map((line) => `  ${line}\n`).join("")}`;

const LISTEN = "listen: 127.0.0.1:22121";
const SERVERS = ["servers:", " - 10.0.0.1:11211:1", " - 10.0.0.2:11212:3 b"];

describe("a pool with nothing but listen and servers", () => {
  const pool = poolOf(LISTEN, ...SERVERS);

  test("has every default", () => {
    expect(pool).toMatchObject({
      name: "a",
      line: 1,
      listen: { endpoint: { kind: "tcp", host: "127.0.0.1", port: 22121 }, backlog: 512, reusePort: false },
      placement: { preset: "twemproxy", hash: "fnv1a_64", distribution: "ketama", hashTag: undefined },
      backend: { connections: 1, preconnect: false, keepAlive: false },
      timeouts: { connectMs: 1000, requestMs: 5000, idleMs: Infinity },
      limits: { clientConnections: 0, serverRequests: 131_072, serverBytes: 67_108_864, clientBytes: 1_048_576 },
      failover: { mode: "error", failureLimit: 2, retryMs: 30_000 },
      rejoin: { policy: "fence", fencedKeys: 1_000_000, warmMs: 30_000 },
      gutter: undefined,
      leases: undefined,
      discovery: { answer: { nodes: "proxy" }, follow: undefined },
    });
  });

  test("names its servers as nutcracker does: no port 11211, the given name where there is one", () => {
    expect(pool.servers.map(({ name, alias, address, weight, line }) => [name, alias, address, weight, line])).toEqual([
      ["10.0.0.1", undefined, "10.0.0.1:11211", 1, 4],
      ["b", "b", "10.0.0.2:11212", 3, 5],
    ]);
  });
});

describe("keys", () => {
  test.each([
    ["timeout: 400", { timeouts: { connectMs: 400, requestMs: 400 } }],
    ["timeout: 0", { timeouts: { connectMs: Infinity, requestMs: Infinity } }],
    [
      "timeouts: {connect: 250, request: 2s, idle: 5m}",
      { timeouts: { connectMs: 250, requestMs: 2000, idleMs: 300_000 } },
    ],
    ["timeouts: {request: never}", { timeouts: { connectMs: 1000, requestMs: Infinity } }],
    ["auto_eject_hosts: true", { failover: { mode: "eject", failureLimit: 2, retryMs: 30_000 } }],
    ["server_failure_limit: 0", { failover: { failureLimit: 1 } }],
    ["failover: miss", { failover: { mode: "miss" } }],
    ["client_connections: 7", { limits: { clientConnections: 7 } }],
    ["limits: {client_bytes: 64k}", { limits: { clientBytes: 65_536 } }],
    ["rejoin: trust", { rejoin: { policy: "trust", warmMs: 30_000 } }],
    ["rejoin: {warm: 0, fenced_keys: 5}", { rejoin: { policy: "fence", warmMs: 0, fencedKeys: 5 } }],
    ["leases: true", { leases: { waitMs: 500, holdMs: 2000 } }],
    ["leases: {wait: 50}", { leases: { waitMs: 50, holdMs: 2000 } }],
    ["leases: false", { leases: undefined }],
    ["gutter: [10.1.0.1:11211:1]", { failover: { mode: "gutter" }, gutter: { ttlSec: 300 } }],
    ["gutter: {servers: [10.1.0.1:11211], ttl: 60}", { gutter: { ttlSec: 60, servers: [{ name: "10.1.0.1:11211" }] } }],
    ["discovery: {answer: off}", { discovery: { answer: undefined } }],
    [
      "discovery: {srv: _memcache._tcp.example.net, interval: 1s}",
      { discovery: { follow: { kind: "srv", name: "_memcache._tcp.example.net", port: 0, intervalMs: 1000 } } },
    ],
    ["placement: rendezvous", { placement: { preset: "rendezvous" } }],
    [
      "placement: phpMemcache",
      { placement: { preset: "phpMemcache", hashStrategy: "consistent", hashFunction: "crc32" } },
    ],
    [
      "placement: {preset: phpMemcached, libketama_compatible: true}",
      { placement: { preset: "phpMemcached", libketamaCompatible: true, hash: undefined, prefixKey: "" } },
    ],
    ["redis: false", {}],
    ["redis_db: 1", {}],
  ])("%s", (line, expected) => {
    expect(poolOf(LISTEN, ...SERVERS, line)).toMatchObject(expected);
  });

  test("a Unix socket has its permissions behind it", () => {
    expect(poolOf("listen: /run/a.sock 0660", ...SERVERS).listen).toMatchObject({
      endpoint: { kind: "unix", path: "/run/a.sock" },
      mode: 0o660,
    });
  });

  test("servers stand as lines, as addresses alone, as maps and as pairs", () => {
    const { servers } = poolOf(
      LISTEN,
      "servers:",
      " - /run/m.sock:2",
      " - cache.example.net:11300",
      ' - "[::1]:11301:1"',
      " - {address: 10.0.0.3:11302, weight: 4, name: c}",
      " - pair: [10.0.0.4:11211, 10.0.0.5:11211]",
    );
    expect(servers.map(({ name, address, weight, partner }) => [name, address, weight, partner])).toEqual([
      ["/run/m.sock:", "/run/m.sock", 2, undefined],
      ["cache.example.net:11300", "cache.example.net:11300", 1, undefined],
      ["[::1]:11301", "[::1]:11301", 1, undefined],
      ["c", "10.0.0.3:11302", 4, undefined],
      ["10.0.0.4", "10.0.0.4:11211", 1, { kind: "tcp", host: "10.0.0.5", port: 11211 }],
    ]);
    expect(servers[0]?.endpoint).toEqual({ kind: "unix", path: "/run/m.sock" });
    expect(servers[2]?.endpoint).toEqual({ kind: "tcp", host: "::1", port: 11301 });
  });

  test("a file may be JSON, and aliases stand for what they name", () => {
    expect(parseConfig('{"a": {"listen": "127.0.0.1:1", "servers": ["127.0.0.1:2:1"]}}', "c.json").pools).toHaveLength(
      1,
    );
    const { pools } = parseConfig(
      `a:\n  listen: 127.0.0.1:1\n  servers: &list\n   - h:2:1\nb:\n  listen: 127.0.0.1:3\n  servers: *list\n`,
      "c.yml",
    );
    expect(pools.map(({ servers }) => servers[0]?.address)).toEqual(["h:2", "h:2"]);
  });

  test("without servers, a pool must follow a name", () => {
    expect(poolOf(LISTEN, "discovery: {dns: cache.example.net}")).toMatchObject({
      servers: [],
      discovery: { follow: { kind: "dns", port: 11211, timeoutMs: 2000, keepMs: 60_000 } },
    });
  });
});

describe("what is wrong is told with file, line, key and what is allowed", () => {
  test.each([
    ["hashh: md5", 'c.yml:6: a.hashh is not a key; did you mean "hash"?'],
    ["HashTag: '{}'", 'c.yml:6: a.HashTag is not a key; did you mean "hash_tag"?'],
    [
      "distribution: kettama",
      'c.yml:6: a.distribution is "kettama"; it must be ketama, modula or random; did you mean ketama?',
    ],
    ["timeout: 4oo", 'c.yml:6: a.timeout is "4oo"; it must be a whole number of milliseconds'],
    ["timeout: -1", 'c.yml:6: a.timeout is "-1"; it must be a whole number of milliseconds'],
    ["auto_eject_hosts: yes", 'c.yml:6: a.auto_eject_hosts is "yes"; it must be true or false'],
    ["preconnect:", "c.yml:6: a.preconnect is empty; it must be true or false"],
    ["server_connections: 0", 'c.yml:6: a.server_connections is "0"; it must be a whole number from 1 to 1024'],
    ["redis: true", "c.yml:6: a.redis is true; it must be false: this proxy speaks memcached, not redis"],
    [
      "hash_tag: {}",
      'c.yml:6: a.hash_tag is a list or a map; it must be exactly two characters, in quotes, as in "{}"',
    ],
    [LISTEN, "c.yml:6: a.listen is there twice; the first is in line 2"],
    ["failover: gutter", "c.yml:6: a.failover is gutter, but the pool has no gutter"],
    ["placement: jump", "c.yml:3: a.servers have weights; placement jump knows none"],
    [
      "placement: {preset: phpMemcache, sort_hosts: true}",
      "c.yml:6: a.placement.sort_hosts does not belong to phpMemcache; its keys are placement.hash_strategy, placement.hash_function",
    ],
    [
      "timeouts: {connect: soon}",
      'c.yml:6: a.timeouts.connect is "soon"; it must be a time such as 500ms, 2s or 5m, at least 1ms, or never; a bare number counts milliseconds',
    ],
    ["leases: {hold: 0}", /c\.yml:6: a\.leases\.hold is "0"; it must be a time such as .*, at least 1ms/],
    ["limits: {value_bytes: 3g}", /a\.limits\.value_bytes is "3g"; it must be a size from 1k to /],
    ["gutter: {ttl: 5}", "c.yml:6: a.gutter has no servers"],
    ["gutter: []", /a\.gutter is an empty list; it must be a list of servers/],
    ["discovery: {dns: a.example, srv: b.example}", /a\.discovery\.srv stands beside discovery\.dns/],
  ])("%s", (line, expected) => {
    const problems = problemsOf(LISTEN, ...SERVERS, line);
    expect(problems).toHaveLength(1);
    if (typeof expected === "string") expect(problems[0]).toBe(expected);
    else expect(problems[0]).toMatch(expected);
  });

  test.each([
    ["h:1", undefined],
    ["h:1:1", undefined],
    ["h", /a\.servers\[1\] is "h"; it must be host:port:weight/],
    ["h:0:1", /port from 1 to 65535/],
    ["h:1:0", /weight from 1/],
    ["h:1:1 na me", /a\.servers\[1\] is "h:1:1 na me"/],
    [
      "10.0.0.2:11211:9 10.0.0.1",
      /a\.servers\[1\] has the name 10\.0\.0\.1, as the server in line 4; names must differ/,
    ],
    ["{address: h:1, pair: [h:1, h:2]}", /a\.servers\[1\] must have either address or pair/],
    ["{pair: [h:1]}", /a\.servers\[1\]\.pair has 1 address; it must have two/],
    ["{pair: [h:1, h:1]}", /a\.servers\[1\]\.pair has h:1 twice/],
    ["{address: h:1, wieght: 2}", /a\.servers\[1\]\.wieght is not a key; did you mean "weight"\?/],
  ])("server %s", (line, expected) => {
    const problems = problemsOf(LISTEN, "servers:", " - 10.0.0.1:11211:1", ` - ${line}`);
    if (expected === undefined) expect(problems).toEqual([]);
    else {
      expect(problems).toHaveLength(1);
      expect(problems[0]).toMatch(expected);
      expect(problems[0]).toMatch(/^c\.yml:5: /);
    }
  });

  test("keys of another placement are told where they belong", () => {
    expect(problemsOf(LISTEN, ...SERVERS, "hash: md5", "placement: phpMemcached")).toEqual([
      "c.yml:6: a.hash belongs to placement twemproxy, but placement is phpMemcached; its keys are " +
        "placement.libketama_compatible, placement.hash, placement.distribution, placement.sort_hosts, " +
        "placement.prefix_key, placement.hash_with_prefix_key",
    ]);
  });

  test("a pool without listen and servers has two problems, each with the pool's line", () => {
    expect(readConfig("a: {}\n", "c.yml").problems.map((problem) => sayProblem(problem, "c.yml"))).toEqual([
      "c.yml:1: a has no listen",
      "c.yml:1: a has no servers",
    ]);
  });

  test("two pools can't listen at one place", () => {
    const pool = (name: string) => `${name}:\n  listen: 127.0.0.1:1\n  servers: [h:1:1]\n`;
    const { problems } = readConfig(pool("a") + pool("b"), "c.yml");
    expect(problems).toMatchObject([{ line: 5, message: "b.listen is 127.0.0.1:1, where pool a listens already" }]);
  });

  test.each(["", "x", "- a", "{}"])("%j has no pools", (content) => {
    expect(readConfig(content, "c.yml").problems).toMatchObject([
      { line: 1, message: "the file has no pools; it must be a map from names to pools" },
    ]);
  });

  test.each(["a: [", "a:\n\tb: 1", "a: 1\n---\nb: 2", "a: *nothing"])("%j is no YAML", (content) => {
    expect(readConfig(content, "c.yml").problems[0]?.message).toMatch(/^not YAML: /);
  });

  test("parseConfig throws the first in the order of lines, and how many more", () => {
    const wrong = text(["timeout: x", "hash: y", LISTEN, "redis: true", ...SERVERS]);
    const thrown = (() => {
      try {
        return parseConfig(wrong, "c.yml");
      } catch (error) {
        return error;
      }
    })();
    expect(isCacheError(thrown) && [thrown.code, thrown.message]).toEqual([
      "invalid_option",
      'c.yml:2: a.timeout is "x"; it must be a whole number of milliseconds (and 2 more problems)',
    ]);
  });
});

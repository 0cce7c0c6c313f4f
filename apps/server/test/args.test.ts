import { isCacheError } from "@marugoto/core";
import { describe, expect, test } from "vitest";
import { parseArgs } from "../src/args.ts";
import { toServerOptions } from "../src/options.ts";

/** The one line that a wrong command line is refused with. */
function refusal(args: string[]): string {
  try {
    toServerOptions(parseArgs(args));
  } catch (error) {
    if (isCacheError(error)) return error.message;
    throw error;
  }
  return "accepted";
}

describe("a flag can be written as memcached's getopt reads it", () => {
  test.each([
    [["-p", "11311"]],
    [["-p11311"]],
    [["--port=11311"]],
    [["--port", "11311"]],
    [["-Mp", "11311"]],
    [["-Mp11311"]],
    [["-p", " 11311"]],
  ])("%j", (args) => {
    expect(parseArgs(args).port).toBe(11311);
  });

  test("-v counts, bundled or not", () => {
    expect(parseArgs(["-v"]).verbosity).toBe(1);
    expect(parseArgs(["-vv"]).verbosity).toBe(2);
    expect(parseArgs(["-v", "--verbose", "-v", "-v"]).verbosity).toBe(3);
  });

  test("the last one counts", () => {
    expect(parseArgs(["-p", "1", "-p", "2"]).port).toBe(2);
  });
});

describe("flags set the server's options", () => {
  test.each([
    [["-m", "256"], { memoryBytes: 256 * 1024 ** 2 }],
    [["-m", "1g"], { memoryBytes: 1024 ** 3 }],
    [["-M"], { evict: false }],
    [["-c", "2"], { maxConnections: 2 }],
    [["-t", "8"], { threads: 8 }],
    [["-vv"], { verbosity: 2 }],
    [["-R", "5"], { requestsPerEvent: 5 }],
    [["-C"], { cas: false }],
    [["-b", "8675"], { backlog: 8675 }],
    [["-I", "512k"], { maxItemBytes: 512 * 1024 }],
    [["-I", "2097152"], { maxItemBytes: 2097152 }],
    [["-I", "32m", "-m", "64"], { maxItemBytes: 32 * 1024 ** 2 }],
    [["-F"], { flushEnabled: false }],
    [["-X"], { dumpEnabled: false }],
    [["-A"], { shutdownEnabled: true }],
    [["-n", "100"], { minItemBytes: 100 }],
    [["-f", "1.5"], { growthFactor: 1.5 }],
    [["-D", "/"], { prefixDelimiter: "/", detailEnabled: true }],
    [["-o", "idle_timeout=3"], { idleTimeoutSec: 3 }],
    [["-o", "idle_timeout=3,track_sizes", "-o", "modern"], { idleTimeoutSec: 3, trackSizes: true }],
    [["--debug-commands"], { debugCommands: true }],
  ])("%j", (args, expected) => {
    expect(toServerOptions(parseArgs(args))).toMatchObject(expected);
  });
});

describe("where it listens", () => {
  test.each([
    [[], [{ kind: "tcp", host: "127.0.0.1", port: 11211 }]],
    [["-p", "-1"], [{ kind: "tcp", host: "127.0.0.1", port: 0 }]],
    [["-p", "7000", "-l", "127.0.0.2"], [{ kind: "tcp", host: "127.0.0.2", port: 7000 }]],
    [
      ["-l", "127.0.0.1,127.0.0.2:7001", "-l", "[::1]:7002"],
      [
        { kind: "tcp", host: "127.0.0.1", port: 11211 },
        { kind: "tcp", host: "127.0.0.2", port: 7001 },
        { kind: "tcp", host: "::1", port: 7002 },
      ],
    ],
    [["-s", "/run/x.sock"], [{ kind: "unix", path: "/run/x.sock", mode: 0o700 }]],
    [["-s", "/run/x.sock", "-a", "0666", "-p", "1"], [{ kind: "unix", path: "/run/x.sock", mode: 0o666 }]],
  ])("%j", (args, listeners) => {
    expect(toServerOptions(parseArgs(args)).listeners).toEqual(listeners);
  });
});

describe("a wrong flag or value is one line that names it, with both numbers", () => {
  test.each([
    [["-p", "65536"], "-p is 65536, must be a whole number from -1 to 65535"],
    [["--port=x"], "--port is x, must be a whole number from -1 to 65535"],
    [["-p"], "-p needs a value: <num>"],
    [["-p", "0"], "-p is 0 and there is no -s: nothing to listen on"],
    [["-U", "11211"], "-U is 11211, must be 0: UDP is not supported"],
    [["-B", "binary"], "-B is binary, must be auto or ascii: the binary protocol is not supported"],
    [["-B", "http"], "-B is http, must be auto or ascii"],
    [["-c", "0"], "-c is 0, must be a whole number from 1 to 10000000"],
    [["-c", "-1"], "-c is -1, must be a whole number from 1 to 10000000"],
    [["-t", "0"], "-t is 0, must be a whole number from 1 to 1024"],
    [["-R", "0"], "-R is 0, must be a whole number from 1 to 1000000"],
    [["-m", "0"], "-m is 0 bytes, must be from 1048576 to 68719476736"],
    [["-m", "lots"], '-m is "lots", must be a number, with k, m or g if need be'],
    [["-I", "1000"], "-I is 1000 bytes, must be from 1024 to 134217728"],
    [["-I", "256m"], "-I is 268435456 bytes, must be from 1024 to 134217728"],
    [["-I", "128m"], "-I is 128m, at most half of -m, which is 32m"],
    [["-f", "1"], "-f is 1, must be more than 1 and at most 16"],
    [["-a", "888"], "-a is 888, must be an octal number from 0 to 777"],
    [["-D", "::"], '-D is "::", must be 1 byte'],
    [["-l", "/tmp/x"], "-l is /tmp/x, must be host, host:port or [ipv6]:port"],
    [["-l", "1:2:x"], "-l is 1:2:x, must be host, host:port or [ipv6]:port"],
    [["-o", "idle_timeout"], "-o idle_timeout needs a value, as in idle_timeout=n"],
    [["-o", "idle_timeout=-1"], "-o idle_timeout is -1, must be a whole number from 0 to 2147483647"],
    [["-o", "track_sizes=1"], "-o track_sizes takes no value, but has 1"],
    [["-o", "ext_path=/x:1g"], "-o ext_path is not supported"],
    [["-o", "no_idle_timeout"], "-o no_idle_timeout is not supported"],
    [["-S"], "-S is not supported: SASL authentication"],
    [["--enable-ssl"], "--enable-ssl is not supported: TLS"],
    [["-Y", "file"], "-Y is not supported: authentication by a file"],
    [["-G"], "-G is not a flag; -h lists them"],
    [["--shout"], "--shout is not a flag; -h lists them"],
    [["--daemon=yes"], '--daemon takes no value, but has "yes"'],
    [["11211"], '"11211" is not a flag; -h lists them'],
    [["--"], '"--" is not a flag; -h lists them'],
  ])("%j: %s", (args, message) => {
    expect(refusal(args)).toBe(message);
    expect(message).not.toContain("\n");
  });
});

describe("command lines of memcached that are in use", () => {
  test.each([
    [
      "Debian's memcached.conf",
      ["-d", "-m", "64", "-p", "11211", "-u", "memcache", "-l", "127.0.0.1", "-P", "/run/m.pid"],
    ],
    [
      "the recommended options of 1.4.24",
      ["-o", "slab_reassign,slab_automove,lru_crawler,lru_maintainer,maxconns_fast"],
    ],
    ["a bigger hash table", ["-o", "hashpower=20,hash_algorithm=murmur3"]],
    ["memcached's tests", ["-I", "1024", "-o", "slab_chunk_max=1,no_lru_crawler,no_lru_maintainer", "-u", "root"]],
    ["memcached's tests, old defaults", ["-o", "no_modern,no_drop_privileges", "-o", "relaxed_privileges"]],
    ["memcached's tests, UDP and binary", ["-U", "11222", "-B", "binary", "-o", "relaxed_privileges"]],
    ["memcached's tests, no port", ["-p", "0", "-o", "relaxed_privileges"]],
  ])("%s", (_name, args) => {
    expect(refusal(args)).toBe("accepted");
  });

  test("-U names the TCP port too when there is no -p, as in memcached", () => {
    const settings = parseArgs(["-U", "11222", "-o", "relaxed_privileges"]);
    expect(toServerOptions(settings).listeners).toEqual([{ kind: "tcp", host: "127.0.0.1", port: 11222 }]);
  });
});

// The flags of replication: what they set, and how a wrong one is refused.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { isCacheError } from "@marugoto/core";
import { resolveOptions, type ReplicationOptions } from "@marugoto/replication";
import { Cleanup, temporaryFolder } from "@marugoto/testing";
import { afterEach, describe, expect, test } from "vitest";
import { parseArgs } from "../src/args.ts";
import { toServerOptions } from "../src/options.ts";
import { replicationFlags } from "../src/replication-flags.ts";
import { toReplicationOptions } from "../src/replication-options.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

const options = (args: readonly string[]) => toReplicationOptions(parseArgs(args));
const tcp = (host: string, port: number) => ({ kind: "tcp", host, port });

function refusal(args: readonly string[]): string {
  try {
    options(args);
  } catch (error) {
    if (isCacheError(error)) return error.message;
    throw error;
  }
  return "accepted";
}

function file(content: string): string {
  const folder = temporaryFolder();
  opened.defer(folder.remove);
  const path = join(folder.path, "secret");
  writeFileSync(path, content);
  return path;
}

describe("replication is on", () => {
  test.each([
    [["-x", "10.0.0.2"], [tcp("10.0.0.2", 11212)], tcp("0.0.0.0", 11212)],
    [["-x", "10.0.0.2", "-X", "7000"], [tcp("10.0.0.2", 7000)], tcp("0.0.0.0", 7000)],
    [["-x", "10.0.0.2", "-l", "10.0.0.1"], [tcp("10.0.0.2", 11212)], tcp("10.0.0.1", 11212)],
    [["-x", "10.0.0.2", "-l", "10.0.0.1:11300,127.0.0.1"], [tcp("10.0.0.2", 11212)], tcp("10.0.0.1", 11212)],
    [["-X7000"], [], tcp("127.0.0.1", 7000)],
    [["-vX", "7000"], [], tcp("127.0.0.1", 7000)],
    [["-x", "localhost", "-X", "7000"], [tcp("localhost", 7000)], tcp("127.0.0.1", 7000)],
    [["--peer", "a:1", "--peer=b"], [tcp("a", 1), tcp("b", 11212)], tcp("0.0.0.0", 11212)],
    [["-x", "a", "--peer", "b:2"], [tcp("a", 11212), tcp("b", 2)], tcp("0.0.0.0", 11212)],
    [["--peer", "[::1]:7"], [tcp("::1", 7)], tcp("127.0.0.1", 11212)],
    [["--replication-listen", "127.0.0.1:0"], [], tcp("127.0.0.1", 0)],
    [["--replication-listen=10.0.0.1"], [], tcp("10.0.0.1", 11212)],
  ])("with %j", (args, peers, listen) => {
    expect(options(args)).toMatchObject({ peers, listen, onSplit: "available", repcached: false });
  });

  test.each([[[]], [["-X"]], [["-q", "100"]], [["-X", "-v"]]])("not with %j", (args) => {
    expect(options(args)).toBeUndefined();
  });
});

test("-X without a number is memcached's, with one repcached's", () => {
  expect(toServerOptions(parseArgs(["-X", "-M"]))).toMatchObject({ dumpEnabled: false, evict: false });
  expect(toServerOptions(parseArgs(["-X", "7000", "-M"]))).not.toHaveProperty("dumpEnabled");
  expect(toServerOptions(parseArgs(["--disable-dumping"]))).toMatchObject({ dumpEnabled: false });
});

test("the long options set what they are called after", () => {
  const secret = file("sixteen bytes, ok\n");
  const args =
    "-x a --sync-replicas 1 --sync-degrade refuse --hold 5 --backlog 1m --heartbeat 50 --peer-timeout 300".split(" ");
  expect(options([...args, "--replication-secret-file", secret])).toMatchObject({
    syncReplicas: 1,
    syncDegrade: "refuse",
    holdMs: 5,
    backlogBytes: 2 ** 20,
    heartbeatMs: 50,
    peerTimeoutMs: 300,
    secret: Buffer.from("sixteen bytes, ok"),
  });
  expect(options(["-x", "a", "--coordinator", "etcd://h/g"])).toMatchObject({ onSplit: "consistent" });
  expect(options(["-x", "a", "--repcached"])).toMatchObject({ repcached: true });
});

describe("a wrong flag or value is one line that names it", () => {
  test.each([
    [["-X", "0"], "-X is 0, must be a whole number from 1 to 65535"],
    [["-X", "70000"], "-X is 70000, must be a whole number from 1 to 65535"],
    [["-x"], "-x needs a value: <host>"],
    [["-x", "a:b"], "-x is a:b, must be host, host:port or [ipv6]:port"],
    [["-x", "/a"], "-x is /a, must be host, host:port or [ipv6]:port"],
    [["--peer", "a:0"], "--peer is a:0, must be host, host:port or [ipv6]:port"],
    [["--peer", "a:99999"], "--peer is a:99999, must be host, host:port or [ipv6]:port"],
    [["--replication-listen", "a b"], "--replication-listen is a b, must be host, host:port or [ipv6]:port"],
    [["-q", "x"], "-q is x, must be a whole number from 1 to 2147483647"],
    [["-x", "a", "--sync-degrade", "no"], "--sync-degrade is no, must be answer or refuse"],
    [["-x", "a", "--on-split", "both"], "--on-split is both, must be available or consistent"],
    [["-x", "a", "--on-split", "consistent"], "--on-split is consistent, which needs a --coordinator"],
    [
      ["-x", "a", "--on-split", "available", "--coordinator", "etcd://h/g"],
      "--on-split is available, where a --coordinator decides nothing",
    ],
    [
      ["-x", "a", "--coordinator", "etcd://h"],
      '--coordinator: coordinator "etcd://h": write etcd://host:port,host:port/group, with ?ttl=SECONDS if need be',
    ],
    [["--hold", "5"], "--hold needs replication: give -x, -X with a port, --peer or --replication-listen"],
    [
      ["-x", "a", "--heartbeat", "400"],
      "--peer-timeout is 1000, must be at least three times --heartbeat, which is 400",
    ],
    [["-x", "a", "--repcached", "--peer", "b"], "--repcached knows one peer, but there are 2"],
    [["-x", "a", "--repcached", "--leave-repcached"], "--leave-repcached and --repcached exclude each other"],
    [["-X", "7000", "--leave-repcached"], "--leave-repcached needs the one peer that is left, but there are 0"],
    [["-x", "a", "--repcached", "--sync-replicas", "1"], "--repcached: its wire has no means for --sync-replicas"],
  ])("%j: %s", (args, message) => {
    expect(refusal(args)).toBe(message);
  });

  test("a secret that is too short, or not there", () => {
    const path = file("short\n");
    expect(refusal(["-x", "a", "--replication-secret-file", path])).toBe(
      `--replication-secret-file is ${path}, which holds 5 bytes, at least 16`,
    );
    expect(refusal(["-x", "a", "--replication-secret-file", "/nowhere"])).toMatch(
      /^--replication-secret-file is \/nowhere: ENOENT/,
    );
  });
});

// The numbers stand in the flags for the sake of their messages, and in the options for the sake of everybody else.
test.each<[string, keyof ReplicationOptions, number, number]>([
  ["--sync-replicas", "syncReplicas", 0, 7],
  ["--hold", "holdMs", 0, 10_000],
  ["--backlog", "backlogBytes", 64 * 1024, 2 ** 36],
  ["--heartbeat", "heartbeatMs", 10, 10_000],
  ["--peer-timeout", "peerTimeoutMs", 50, 600_000],
])("%s has the limits of %s", (flag, field, least, most) => {
  const room = { heartbeatMs: 10, peerTimeoutMs: 600_000 };
  const others = ["-x", "a", "--heartbeat", "10", "--peer-timeout", "600000"];
  for (const value of [least, most]) {
    expect(refusal([...others, flag, String(value)])).toBe("accepted");
    expect(resolveOptions({ ...room, [field]: value })[field]).toBe(value);
  }
  for (const value of [least - 1, most + 1]) {
    expect(refusal([...others, flag, String(value)])).toMatch(new RegExp(`^${flag} is ${value}`));
    expect(() => resolveOptions({ ...room, [field]: value })).toThrow(`${field} is ${value}`);
  }
});

test("every flag tells its unit or words, and its default where it has one", () => {
  const texts = replicationFlags.map(({ help = "", value = "", fallback }) => `${value} ${help} ${fallback ?? ""}`);
  for (const text of texts.filter((each) => each.startsWith("<ms>"))) expect(text).toMatch(/milliseconds .* \d+$/);
  expect(texts.filter((each) => each.startsWith("<ms>"))).toHaveLength(3);
});

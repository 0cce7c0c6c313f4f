// Following a name, with a DNS of our own and a clock that is moved by hand.

import { CacheError } from "@marugoto/core";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { FollowConfig, ServerConfig } from "../../src/config/types.ts";
import { parseConfig } from "../../src/config/load.ts";
import { toPlacement } from "../../src/config/placement.ts";
import { Follower } from "../../src/discovery/follower.ts";
import type { NameResolver, ServiceRecord } from "../../src/discovery/resolver.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const dns: FollowConfig = {
  kind: "dns",
  name: "cache.example.net",
  port: 11311,
  intervalMs: 5000,
  timeoutMs: 2000,
  keepMs: 60_000,
};

/** A DNS whose answers are set by the test. */
class FakeDns implements NameResolver {
  hosts: readonly string[] | Error = [];
  records: readonly ServiceRecord[] = [];
  asked: [name: string, timeoutMs: number][] = [];

  async addresses(name: string, timeoutMs: number): Promise<readonly string[]> {
    this.asked.push([name, timeoutMs]);
    if (this.hosts instanceof Error) throw this.hosts;
    return this.hosts;
  }

  async services(): Promise<readonly ServiceRecord[]> {
    return this.records;
  }
}

function follow(config: FollowConfig, resolver: NameResolver) {
  const told: (readonly ServerConfig[])[] = [];
  const errors: unknown[] = [];
  const follower = new Follower({
    config,
    line: 7,
    resolver,
    now: () => Date.now(),
    onServers: (servers) => told.push(servers),
    onError: (error) => errors.push(error),
  });
  return { follower, told, errors };
}

const brief = (servers: readonly ServerConfig[] | undefined) =>
  servers?.map(({ name, address, weight }) => `${name} ${address} ${weight}`);

test("it tells the servers at first, then only when they change, until it is closed", async () => {
  const resolver = new FakeDns();
  resolver.hosts = ["10.0.0.2", "10.0.0.1", "fd00::1"];
  const { follower, told } = follow(dns, resolver);
  await follower.start();
  expect(resolver.asked).toEqual([["cache.example.net", 2000]]);
  expect(brief(told[0])).toEqual([
    "cache.example.net#0 10.0.0.1:11311 1",
    "cache.example.net#1 10.0.0.2:11311 1",
    "cache.example.net#2 [fd00::1]:11311 1",
  ]);
  expect(told[0]?.[2]).toMatchObject({ endpoint: { kind: "tcp", host: "fd00::1", port: 11311 }, line: 7 });
  await vi.advanceTimersByTimeAsync(15_000);
  expect([told.length, resolver.asked.length]).toEqual([1, 4]);
  resolver.hosts = ["10.0.0.9", "10.0.0.1", "fd00::1"];
  await vi.advanceTimersByTimeAsync(5000);
  expect(brief(told[1])?.[1]).toBe("cache.example.net#1 10.0.0.9:11311 1");
  follower.close();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(resolver.asked).toHaveLength(5);
});

test("a changed address moves no key", async () => {
  const resolver = new FakeDns();
  resolver.hosts = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
  const { follower, told } = follow(dns, resolver);
  await follower.start();
  resolver.hosts = ["10.0.0.3", "10.0.0.77", "10.0.0.1"];
  await vi.advanceTimersByTimeAsync(5000);
  follower.close();
  const [pool] = parseConfig("a: {listen: 127.0.0.1:1, discovery: {dns: cache.example.net}}", "c.yml").pools;
  const [before, after] = told.map((servers) => toPlacement(pool!.placement, servers));
  const moved = Array.from({ length: 10_000 }, (_, i) => `key${i}`).filter(
    (key) => before?.serverIndexOf(key) !== after?.serverIndexOf(key),
  );
  expect(moved).toEqual([]);
});

test("a look-up that fails is told and changes nothing; the next that succeeds does", async () => {
  const resolver = new FakeDns();
  resolver.hosts = ["10.0.0.1"];
  const { follower, told, errors } = follow(dns, resolver);
  await follower.start();
  resolver.hosts = new CacheError("timeout", "cache.example.net: no answer within 2000 ms");
  await vi.advanceTimersByTimeAsync(10_000);
  expect([told.length, errors.length]).toEqual([1, 2]);
  resolver.hosts = ["10.0.0.1", "10.0.0.2"];
  await vi.advanceTimersByTimeAsync(5000);
  follower.close();
  expect(brief(told[1])).toHaveLength(2);
});

test("an answer that comes after close is told nobody", async () => {
  let answer: (hosts: readonly string[]) => void = () => undefined;
  const resolver: NameResolver = {
    addresses: () => new Promise((resolve) => (answer = resolve)),
    services: async () => [],
  };
  const { follower, told } = follow(dns, resolver);
  const started = follower.start();
  follower.close();
  answer(["10.0.0.1"]);
  await started;
  expect(told).toEqual([]);
});

test("SRV records bring their own ports and weights; equal weights say nothing", async () => {
  const resolver = new FakeDns();
  const record = (host: string, weight: number): ServiceRecord => ({ host, port: 11211, weight });
  resolver.records = [record("m-1.m", 50), record("m-0.m", 50)];
  const { follower, told } = follow({ ...dns, kind: "srv", port: 0 }, resolver);
  await follower.start();
  expect(brief(told[0])).toEqual(["m-0.m:11211 m-0.m:11211 1", "m-1.m:11211 m-1.m:11211 1"]);
  resolver.records = [record("m-1.m", 3), record("m-0.m", 0)];
  await vi.advanceTimersByTimeAsync(5000);
  follower.close();
  expect(brief(told[1])).toEqual(["m-0.m:11211 m-0.m:11211 1", "m-1.m:11211 m-1.m:11211 3"]);
});

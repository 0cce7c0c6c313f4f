// Rules of class Memcache that no transcript shows.

import { describe, expect, test } from "vitest";
import { CacheError } from "@marugoto/core";
import { Operation, Refusal, type PoolServer, type Trail } from "../../src/failover/failover.ts";
import { PeclMemcachePolicy, type PeclMemcacheOptions } from "../../src/failover/pecl-memcache.ts";
import { VirtualClock } from "./virtual-clock.ts";

const error = new CacheError("connection_lost", "gone");
const ports = [7600, 7602, 7603];
const key = Buffer.from("a");
const member = (port: number, more: Partial<PoolServer> = {}): PoolServer => ({
  name: `127.0.0.1:${port}`,
  endpoint: { kind: "tcp", host: "127.0.0.1", port },
  weight: 1,
  ...more,
});

function make(options: PeclMemcacheOptions = {}, servers = ports.map((port) => member(port))) {
  const clock = new VirtualClock();
  const policy = new PeclMemcachePolicy(options, clock);
  policy.setServers(servers);
  const changes: [number, boolean][] = [];
  policy.onChange = (server, usable) => changes.push([server, usable]);
  return { clock, policy, changes, first: (of = key) => policy.first(of, 0, of.length) };
}

describe("a of pool 7600, 7602, 7603, whose owner is 7603 and KEY-0 is 7602", () => {
  test("a connection that ended while idle is a failure of the next request, not before", () => {
    const failures: string[] = [];
    const { policy, first, clock } = make({ onFailure: (server) => failures.push(server.name) });
    policy.connectionLost(2, true, error);
    expect(policy.owner(key, 0, 1)).toBe(2);
    expect(failures).toEqual([]);
    clock.advance(60_000);
    expect(first()).toBe(1);
    expect(failures).toEqual(["127.0.0.1:7603"]);
    clock.advance(14_000);
    expect(first(), "15 s count from the request that noticed it").toBe(1);
    clock.advance(1000);
    expect(first()).toBe(2);
  });

  test("whole seconds count: failed at the end of one, tried again at the beginning of another", () => {
    const { policy, first, clock } = make({ retryIntervalSec: 1 });
    clock.align();
    clock.advance(970);
    policy.connectFailed(2, error);
    expect(first()).toBe(1);
    clock.advance(20);
    expect(first()).toBe(2);
  });

  test("a server's own retry interval goes before the pool's; -1 is never", () => {
    const { policy, first, clock } = make({}, [member(7600), member(7602), member(7603, { retryIntervalSec: -1 })]);
    policy.connectFailed(2, error);
    clock.advance(1e9);
    expect(first()).toBe(1);
    policy.connected(2);
    expect(first()).toBe(2);
  });

  test("status false is down only with retry interval -1", () => {
    const down = { status: false };
    expect(make({}, [member(7600), member(7602), member(7603, down)]).first()).toBe(2);
    expect(make({ retryIntervalSec: -1 }, [member(7600), member(7602), member(7603, down)]).first()).toBe(1);
  });

  test("a request that fails on server after server ends when all have failed", () => {
    const { policy, first } = make();
    const failed: number[] = [];
    const trail: Trail = { failed, reason: "connect_failed", probes: 0 };
    for (let server = first(); server >= 0; server = policy.next(key, 0, 1, Operation.set, trail)) {
      expect(failed).not.toContain(server);
      failed.push(server);
      policy.connectFailed(server, error);
    }
    expect(failed).toEqual([2, 1, 0]);
    expect(first()).toBe(Refusal.serverDisabled);
  });

  test("without failover the request ends with its own error, and later ones are refused", () => {
    const { policy, first } = make({ allowFailover: false });
    policy.connectFailed(2, error);
    const trail: Trail = { failed: [2], reason: "connect_failed", probes: 0 };
    expect(policy.next(key, 0, 1, Operation.read, trail)).toBe(Refusal.lastError);
    expect(first()).toBe(Refusal.serverDisabled);
  });

  test("redundancy copies writes of every kind, and reads of none", () => {
    const { policy } = make({ redundancy: 2 });
    const copiesOf = (operation: Operation) => {
      const out: number[] = [];
      policy.copies(key, 0, 1, operation, 2, out);
      return out;
    };
    expect(copiesOf(Operation.set)).toEqual([1]);
    expect(copiesOf(Operation.conditional)).toEqual([1]);
    expect(copiesOf(Operation.delete)).toEqual([1]);
    expect(copiesOf(Operation.read)).toEqual([]);
    policy.connectFailed(1, error);
    expect(copiesOf(Operation.set), "a copy for a server that is down is left out").toEqual([]);
  });

  test("timeouts of requests that waited together are one failure", () => {
    const failures: string[] = [];
    const { policy, changes, clock, first } = make({ onFailure: (server) => failures.push(server.name) });
    policy.timedOut(2);
    policy.timedOut(2);
    expect(failures).toHaveLength(1);
    policy.answered(2);
    expect(first(), "an answer that comes too late proves nothing").toBe(1);
    clock.advance(15_000);
    policy.answered(2);
    expect(changes).toEqual([
      [2, false],
      [2, true],
    ]);
  });

  test("what is known of a server outlives a change of the list", () => {
    const { policy, first } = make();
    policy.connectFailed(2, error);
    policy.setServers([member(7603), member(7600), member(7602)]);
    expect(first(), "7602 is index 2 now").toBe(2);
    policy.setServers([]);
    expect(first()).toBe(Refusal.noServer);
    expect(policy.owner(key, 0, 1)).toBe(Refusal.noServer);
  });
});

test("a Unix socket is hashed as pecl writes it", () => {
  const servers = ["/run/a.sock", "/run/b.sock"].map((path): PoolServer => {
    return { name: path, endpoint: { kind: "unix", path }, weight: 1 };
  });
  const { policy } = make({}, servers);
  expect(policy.placement?.servers.map(({ name }) => name)).toEqual(["unix:///run/a.sock:0", "unix:///run/b.sock:0"]);
});

test.each([-2, 1.5, NaN])("retryIntervalSec %d is refused", (retryIntervalSec) => {
  expect(() => make({ retryIntervalSec })).toThrow(/retryIntervalSec/);
});

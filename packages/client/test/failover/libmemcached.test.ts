// Rules of class Memcached that no transcript shows, above all where ours recover and PHP's do not.

import { describe, expect, test } from "vitest";
import { CacheError } from "@marugoto/core";
import { Operation, Refusal, type PoolServer, type Trail } from "../../src/failover/failover.ts";
import { LibmemcachedPolicy, type LibmemcachedOptions } from "../../src/failover/libmemcached.ts";
import { VirtualClock } from "./virtual-clock.ts";

const error = new CacheError("connection_lost", "refused");
const servers = [7600, 7602, 7603].map((port): PoolServer => {
  return { name: `127.0.0.1:${port}`, endpoint: { kind: "tcp", host: "127.0.0.1", port }, weight: 1 };
});
const a = Buffer.from("a");

function make(options: LibmemcachedOptions = {}) {
  const clock = new VirtualClock();
  clock.align();
  const policy = new LibmemcachedPolicy(options, clock);
  policy.setServers(servers);
  const changes: [number, boolean][] = [];
  policy.onChange = (server, usable) => changes.push([server, usable]);
  const first = (operation: Operation = Operation.set) => policy.first(a, 0, 1, operation);
  const failConnect = (server: number) => {
    policy.connectFailed(server, error);
    const trail: Trail = { failed: [server], reason: "connect_failed", probes: 0 };
    return policy.next(a, 0, 1, Operation.set, trail);
  };
  return { clock, policy, changes, first, failConnect };
}

describe("modula, where a lives on 7600", () => {
  test("a connection that ended while idle costs what is asked at once, and changes nothing else", async () => {
    const { policy, first } = make();
    policy.connected(0);
    policy.connectionLost(0, true);
    expect(first()).toBe(Refusal.connectionLost);
    expect(first(), "what is asked at once fails together").toBe(Refusal.connectionLost);
    await Promise.resolve();
    expect(first()).toBe(0);
  });

  test("the first failed connect ends with its error (3), the one after the retry timeout with 47", () => {
    const { clock, changes, first, failConnect, policy } = make();
    expect(first()).toBe(0);
    expect(failConnect(0)).toBe(Refusal.lastError);
    expect(first()).toBe(Refusal.serverDisabled);
    clock.advance(2900);
    expect(first(), "2 s and the second they end in").toBe(Refusal.serverDisabled);
    clock.advance(100);
    expect(first()).toBe(0);
    expect(failConnect(0)).toBe(Refusal.serverDisabled);
    clock.advance(3000);
    expect(first()).toBe(0);
    policy.connected(0);
    expect(first()).toBe(0);
    expect(changes).toEqual([
      [0, false],
      [0, true],
    ]);
  });

  test("OPT_SERVER_TIMEOUT_LIMIT lets connects fail before one counts", () => {
    const { first, failConnect } = make({ serverTimeoutLimit: 2 });
    expect(first()).toBe(0);
    expect(failConnect(0)).toBe(Refusal.lastError);
    expect(first()).toBe(0);
    failConnect(0);
    expect(first()).toBe(Refusal.serverDisabled);
  });

  test("timeouts mark nothing", () => {
    const { policy, first } = make();
    policy.connected(0);
    for (let i = 0; i < 10; i++) policy.timedOut();
    expect(first()).toBe(0);
  });
});

describe("ketama with ejection after one failure, where a lives on 7603", () => {
  const ejecting = {
    placement: { libketamaCompatible: true },
    removeFailedServers: true,
    serverFailureLimit: 1,
    retryTimeoutSec: 1,
  };

  test("35 once, then the next owner, and back after the time it was out", () => {
    const { clock, policy, first, failConnect } = make(ejecting);
    expect(first()).toBe(2);
    failConnect(2);
    expect(first()).toBe(Refusal.serverDead);
    expect(policy.ejected).toEqual([2]);
    expect(first()).toBe(0);
    clock.advance(2000);
    expect(first(), "recovers though OPT_DEAD_TIMEOUT is 0").toBe(2);
    policy.connected(2);
    expect(policy.ejected).toEqual([]);
    clock.advance(60_000);
    expect(first()).toBe(2);
  });

  test("35 for ever, only when it is asked for", () => {
    const { clock, policy, first, failConnect } = make({ ...ejecting, deadForever: true });
    first();
    failConnect(2);
    expect(first()).toBe(Refusal.serverDead);
    for (let minute = 0; minute < 10; minute++) {
      clock.advance(60_000);
      expect(policy.owner(a, 0, 1)).toBe(2);
      expect(first()).toBe(Refusal.serverDead);
    }
  });

  test("a server that fails again when it is tried after its ejection is ejected by that one failure", () => {
    const { clock, first, failConnect } = make({ ...ejecting, serverFailureLimit: 3, deadTimeoutSec: 5 });
    for (let i = 0; i < 3; i++) {
      expect(first()).toBe(2);
      failConnect(2);
      clock.advance(2000);
    }
    expect(first()).toBe(Refusal.serverDead);
    expect(first()).toBe(0);
    clock.advance(6000);
    expect(first()).toBe(2);
    failConnect(2);
    expect(first(), "one failure is enough now").toBe(Refusal.serverDead);
    expect(first()).toBe(0);
  });

  test("with every server ejected the ring stays as it was", () => {
    const { policy, failConnect } = make(ejecting);
    for (const server of [0, 1, 2]) failConnect(server);
    policy.first(a, 0, 1, Operation.set);
    expect(policy.owner(a, 0, 1)).toBeGreaterThanOrEqual(0);
  });
});

describe("one replica in the binary protocol, where a lives on 7600 and its copy on 7602", () => {
  const replicated = { placement: { binaryProtocol: true, numberOfReplicas: 1 } };
  const copiesOf = (policy: LibmemcachedPolicy, operation: Operation) => {
    const out: number[] = [];
    policy.copies(a, 0, 1, operation, 0, out);
    return out;
  };

  test("set and delete are copied, nothing else", () => {
    const { policy } = make(replicated);
    expect(copiesOf(policy, Operation.set)).toEqual([1]);
    expect(copiesOf(policy, Operation.conditional)).toEqual([]);
    expect(copiesOf(policy, Operation.delete)).toEqual([1]);
  });

  test("a read goes to the copy when the owner can't be connected to, a write does not", () => {
    const { policy, first } = make(replicated);
    expect(first(Operation.read)).toBe(0);
    policy.connectFailed(0, error);
    const trail: Trail = { failed: [0], reason: "connect_failed", probes: 0 };
    expect(policy.next(a, 0, 1, Operation.read, trail)).toBe(1);
    expect(policy.next(a, 0, 1, Operation.set, trail)).toBe(Refusal.lastError);
    expect(copiesOf(policy, Operation.set), "no copy while the owner is down").toEqual([]);
    expect(copiesOf(policy, Operation.delete), "but a delete").toEqual([1]);
  });

  test("copies leave at once unless PHP's way is asked for", () => {
    expect(make(replicated).policy.copiesWait).toBe(false);
    expect(make({ ...replicated, copiesWait: true }).policy.copiesWait).toBe(true);
  });
});

test("an empty pool refuses", () => {
  const { policy, first } = make();
  policy.setServers([]);
  expect(first()).toBe(Refusal.noServer);
});

test("what is known of a server outlives a change of the list", () => {
  const { policy, first, failConnect } = make();
  failConnect(0);
  policy.setServers(servers.map((server) => ({ ...server })));
  expect(first()).toBe(Refusal.serverDisabled);
});

test.each([
  ["retryTimeoutSec", { retryTimeoutSec: -1 }],
  ["serverFailureLimit", { serverFailureLimit: 0 }],
  ["deadTimeoutSec", { deadTimeoutSec: 0.5 }],
] as const)("%s out of range is refused", (name, options) => {
  expect(() => make(options)).toThrow(new RegExp(name));
});

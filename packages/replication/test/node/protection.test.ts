// Who waits for a replica, for how long, and what is counted; with a clock of the test's own.

import { beforeEach, describe, expect, test } from "vitest";
import { Protection, type ProtectionParts, type Receiver } from "../../src/node/protection.ts";
import { VirtualProcess, VirtualTime } from "../simulation/virtual-time.ts";

const HOLD_MS = 20;
const NEAR_BYTES = 1000;
/** The longest wait of an answer, and what all together may wait before it is half of the time. */
const LONGEST_MS = 200;
const PATIENCE_MS = 1000;

class Replica implements Receiver {
  isLive = true;
  taken = 0;
  acked = 0;
  hasAll = true;
  inStep = true;
  restsUntilMs = -Infinity;
  restMs = 0;
  progressMs = -Infinity;

  get applied(): number {
    return this.acked;
  }
}

let time: VirtualTime;
let replica: Replica;
let replicas: Set<Replica>;
let behind: Replica[];
let protection: Protection<Replica>;

function create(options: Partial<ProtectionParts<Replica>> = {}): Protection<Replica> {
  return new Protection({
    timers: new VirtualProcess(time, 0),
    holdMs: HOLD_MS,
    syncReplicas: 0,
    degradeMs: Infinity,
    nearBytes: NEAR_BYTES,
    receivers: replicas,
    onBehind: (receiver) => behind.push(receiver),
    ...options,
  });
}

beforeEach(() => {
  time = new VirtualTime();
  replica = new Replica();
  replicas = new Set([replica]);
  behind = [];
  protection = create();
});

const pass = (ms: number) => time.runUntil(time.nowMs + ms);

/** Asks for the answers to one write that ends at `offset`. @returns when they left, undefined as long as they have not */
function asks(offset: number): { leftMs: number | undefined } {
  const answer: { leftMs: number | undefined } = { leftMs: undefined };
  const wait = protection.admit(offset, 1);
  if (wait === undefined) answer.leftMs = time.nowMs;
  else void wait.then(() => (answer.leftMs = time.nowMs));
  return answer;
}

/** The replica's socket has bytes that it can't send. */
function isFullFrom(taken: number): void {
  Object.assign(replica, { taken, hasAll: false });
}

function takesAll(offset: number): void {
  Object.assign(replica, { taken: offset, hasAll: true });
  protection.progressed(replica);
}

function applies(offset: number): void {
  replica.acked = offset;
  protection.progressed(replica);
}

describe("a socket that takes everything", () => {
  test("lets answers leave at once while the replica is near", () => {
    replica.taken = NEAR_BYTES;
    expect(asks(NEAR_BYTES).leftMs).toBe(0);
    expect([protection.holds, protection.unprotected]).toEqual([0, 0]);
  });

  test("lets them leave when the replica has got half as near again", async () => {
    replica.taken = 2500;
    const answer = asks(2500);
    await pass(15);
    applies(1999);
    await pass(15);
    expect(answer.leftMs).toBeUndefined();
    applies(2000);
    await pass(0);
    expect(answer.leftMs).toBe(30);
    expect(protection.unprotected).toBe(0);
  });

  test("is waited for once when the replica does nothing, and what it took is protected", async () => {
    replica.taken = 5000;
    const first = asks(3000);
    await pass(HOLD_MS + 1);
    expect(first.leftMs).toBe(HOLD_MS);
    expect(asks(4000).leftMs).toBe(HOLD_MS + 1);
    applies(500);
    const third = asks(5000);
    await pass(HOLD_MS);
    expect(third.leftMs).toBe(2 * HOLD_MS + 1);
    expect([protection.unprotected, behind]).toEqual([0, []]);
  });
});

describe("a socket that is full", () => {
  test("is waited for as long as the replica gets on", async () => {
    isFullFrom(0);
    const answer = asks(5000);
    for (let applied = 500; applied <= 4500; applied += 500) {
      await pass(HOLD_MS - 2);
      expect(answer.leftMs).toBeUndefined();
      applies(applied);
    }
    takesAll(5000);
    await pass(0);
    expect(answer.leftMs).toBe(9 * (HOLD_MS - 2));
    expect([protection.unprotected, behind]).toEqual([0, []]);
  });

  test("and a replica that does nothing hold answers for the limit; then it is behind, and they leave and are counted", async () => {
    isFullFrom(0);
    const answer = asks(500);
    await pass(HOLD_MS - 1);
    const later = asks(600);
    await pass(1);
    expect([answer.leftMs, later.leftMs]).toEqual([HOLD_MS, HOLD_MS]);
    expect([protection.unprotected, behind, replica.inStep]).toEqual([2, [replica], false]);
    expect(asks(700).leftMs).toBe(HOLD_MS);
    expect(protection.unprotected).toBe(3);
  });

  test("lets those leave as protected that it has taken", async () => {
    isFullFrom(3000);
    const [taken, waiting] = [asks(3000), asks(4000)];
    await pass(HOLD_MS);
    expect([taken.leftMs, waiting.leftMs]).toEqual([HOLD_MS, HOLD_MS]);
    expect(protection.unprotected).toBe(1);
  });
});

describe("a replica that is behind", () => {
  beforeEach(async () => {
    isFullFrom(0);
    asks(5000);
    await pass(HOLD_MS);
    protection.unprotected = 0;
  });

  test("is waited for again as soon as it gets on", async () => {
    applies(100);
    const answer = asks(6000);
    await pass(HOLD_MS - 1);
    applies(5500);
    await pass(HOLD_MS - 1);
    expect(answer.leftMs).toBeUndefined();
    takesAll(6000);
    await pass(0);
    expect(answer.leftMs).toBe(3 * HOLD_MS - 2);
    expect(protection.unprotected).toBe(0);
  });

  test("holds nothing up when it does nothing", async () => {
    applies(100);
    await pass(HOLD_MS);
    expect(asks(6000).leftMs).toBe(2 * HOLD_MS);
    expect(protection.unprotected).toBe(1);
  });
});

describe("a replica that gets on too slowly", () => {
  /** It takes a byte in ten milliseconds. @returns how long the answer waited */
  async function waitFor(offset: number): Promise<number> {
    const from = time.nowMs;
    const answer = asks(offset);
    while (answer.leftMs === undefined) {
      await pass(10);
      applies(replica.acked + 1);
      // So that whoever may leave now has left.
      await pass(0);
    }
    return answer.leftMs - from;
  }

  /** Asks until nobody waits for it any more. @returns how long that was, in all */
  async function waitAll(): Promise<number> {
    let sumMs = 0;
    for (let waitedMs = 1; waitedMs > 0; sumMs += waitedMs) {
      waitedMs = await waitFor(1_000_000);
      expect(waitedMs).toBeLessThanOrEqual(LONGEST_MS);
    }
    return sumMs;
  }

  test("is waited for until the patience is spent; then not at all, and again after ever longer rests", async () => {
    isFullFrom(0);
    expect(await waitAll()).toBe(PATIENCE_MS);
    expect([protection.unprotected, behind]).toEqual([PATIENCE_MS / LONGEST_MS + 1, [replica]]);
    for (const restMs of [200, 400, 800, 1600]) {
      expect(replica.restsUntilMs - time.nowMs).toBe(restMs);
      await pass(restMs - 1);
      applies(replica.acked + 1);
      expect(await waitFor(1_000_000)).toBe(0);
      await pass(1);
      applies(replica.acked + 1);
      // Half of the time.
      expect(await waitAll()).toBe(Math.min(restMs, PATIENCE_MS));
    }
  });

  test("is waited for as before when it is in step", async () => {
    isFullFrom(0);
    await waitAll();
    await pass(150);
    Object.assign(replica, { inStep: true, restsUntilMs: -Infinity, restMs: 0 });
    expect(await waitAll()).toBe(150);
  });
});

test("replicas together take half of the time at most", async () => {
  let waitedMs = 0;
  for (let i = 1; time.nowMs < 100_000; i++) {
    // In step again and again, and each time slow at once.
    Object.assign(replica, { inStep: true, restsUntilMs: -Infinity, restMs: 0 });
    isFullFrom(0);
    const from = time.nowMs;
    const answer = asks(i * 10_000);
    while (answer.leftMs === undefined) await pass(1);
    waitedMs += answer.leftMs - from;
    await pass(3);
  }
  expect(waitedMs).toBeGreaterThan(0.45 * 100_000);
  expect(waitedMs).toBeLessThan(0.5 * 100_000 + PATIENCE_MS);
});

test("one replica that is near is enough", () => {
  replicas.add(Object.assign(new Replica(), { taken: 5000, acked: 4500 }));
  isFullFrom(0);
  expect(asks(5000).leftMs).toBe(0);
});

test("when the last replica leaves, answers leave and are counted", async () => {
  isFullFrom(0);
  const answer = asks(500);
  await pass(1);
  replicas.clear();
  protection.review();
  await pass(0);
  expect(answer.leftMs).toBe(1);
  expect(protection.unprotected).toBe(1);
});

test("with replicas that must have applied it, only that counts", async () => {
  protection = create({ syncReplicas: 1, degradeMs: 500 });
  replica.taken = 100;
  const answer = asks(100);
  await pass(100);
  expect(answer.leftMs).toBeUndefined();
  applies(100);
  await pass(0);
  expect(answer.leftMs).toBe(100);
  const late = asks(200);
  await pass(600);
  expect(late.leftMs).toBe(600);
  expect(protection.unprotected).toBe(1);
});

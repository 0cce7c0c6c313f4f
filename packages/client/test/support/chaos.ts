// A server that behaves badly, and a client that must never believe it: every value names its key. The run is a function,
// so that the tests make a short one and a soak a long one.

import { CacheError } from "@marugoto/core";
import type { Socket } from "node:net";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { seededRandom, type Random } from "@marugoto/testing";
import { createClient, type Client } from "../../src/index.ts";
import { FakeServer } from "./fake-server.ts";

export interface ChaosResult {
  calls: number;
  hits: number;
  misses: number;
  /** By code. */
  failures: Record<string, number>;
  /** Values of another key, and what else must not be. */
  wrong: string[];
  /** Longest time beyond its deadline that a call took, in ms. */
  latestMs: number;
}

/** Sends an answer in one of the ways that networks and dying servers have. */
async function spoil(random: Random, socket: Socket, bytes: Buffer): Promise<void> {
  const lot = random.next();
  if (lot < 0.2) {
    for (let at = 0; at < bytes.length && !socket.destroyed;) {
      const end = Math.min(bytes.length, at + random.between(1, Math.max(2, bytes.length >> 1)));
      socket.write(bytes.subarray(at, end));
      at = end;
      await sleep(0);
    }
    return;
  }
  if (lot < 0.22) await sleep(random.int(40));
  if (lot < 0.224) {
    socket.write(bytes.subarray(0, random.int(bytes.length)));
    socket.destroySoon();
  } else if (lot < 0.228) {
    socket.write(Buffer.concat([bytes.subarray(0, random.int(bytes.length)), random.bytes(20), Buffer.from("\r\n")]));
  } else if (lot < 0.232) {
    socket.destroy();
  } else {
    socket.write(bytes);
  }
}

/** A socket's answers keep their order: one that is sent slowly holds up those behind it. */
function inOrder(random: Random): (socket: Socket, bytes: Buffer) => void {
  const tails = new WeakMap<Socket, Promise<void>>();
  return (socket, bytes) => {
    const before = tails.get(socket) ?? Promise.resolve();
    const after = before.then(() => (socket.destroyed ? undefined : spoil(random, socket, bytes)));
    tails.set(socket, after);
  };
}

const valueOf = (random: Random, key: string) => `<${key}>`.repeat(random.pick([1, 1, 1, 5, 700]));
const isValueOf = (key: string, value: unknown) =>
  typeof value === "string" && value === `<${key}>`.repeat(value.length / (key.length + 2));

/** Makes `calls` calls with random aborts and timeouts. */
export async function runChaos(calls: number, seed: number, protocol: "classic" | "meta"): Promise<ChaosResult> {
  const random = seededRandom(seed);
  let fake = await FakeServer.start({ send: inOrder(random.fork()) });
  const port = fake.port;
  const client = createClient({
    servers: [`127.0.0.1:${port}`],
    protocol,
    timeouts: { requestMs: 100, connectMs: 200, stallMs: 100 },
    timeoutLimit: 1000,
    lossLimit: 1000,
  });
  const result: ChaosResult = { calls: 0, hits: 0, misses: 0, failures: {}, wrong: [], latestMs: 0 };
  const pending = new Set<Promise<void>>();
  while (result.calls < calls) {
    const burst = random.between(1, 20);
    for (let i = 0; i < burst; i++) {
      const call = oneCall(random, client, result).finally(() => pending.delete(call));
      pending.add(call);
    }
    result.calls += burst;
    if (pending.size > 150) await Promise.race(pending);
    else if (random.chance(0.5)) await sleep(random.int(4));
    else await nextTurn();
    if (random.chance(0.002)) {
      await fake.close();
      fake = await FakeServer.start({ port, send: inOrder(random.fork()) });
    }
    if (random.chance(0.002)) {
      fake.frozen = true;
      const frozen = fake;
      setTimeout(() => (frozen.frozen = false), 150);
    }
  }
  await Promise.all(pending);
  client.destroy();
  await fake.close();
  return result;
}

async function oneCall(random: Random, client: Client, result: ChaosResult): Promise<void> {
  const key = `key${random.int(40)}`;
  const timeoutMs = random.pick([100, 100, 100, 30, 5]);
  const controller = random.chance(0.1) ? new AbortController() : undefined;
  const options = { timeoutMs, ...(controller ? { signal: controller.signal } : {}) };
  if (controller) setTimeout(() => controller.abort(), random.int(20));
  const started = performance.now();
  try {
    const lot = random.next();
    if (lot < 0.25) {
      if (!(await client.set(key, valueOf(random, key), options))) result.wrong.push(`set ${key} gave no true`);
    } else if (lot < 0.35) {
      const keys = [key, `key${random.int(40)}`, `key${random.int(40)}`];
      for (const [name, value] of await client.getMany(keys, options)) check(result, name, value);
    } else {
      check(result, key, await client.get(key, options));
    }
  } catch (error) {
    if (!(error instanceof CacheError)) throw error;
    result.failures[error.code] = (result.failures[error.code] ?? 0) + 1;
    result.latestMs = Math.max(result.latestMs, performance.now() - started - timeoutMs);
    // Nobody gains by asking at once again.
    if (error.code === "server_disabled") await sleep(20);
    return;
  }
  result.latestMs = Math.max(result.latestMs, performance.now() - started - timeoutMs);
}

function check(result: ChaosResult, key: string, value: unknown): void {
  if (value === undefined) result.misses++;
  else if (isValueOf(key, value)) result.hits++;
  else result.wrong.push(`${key}: ${JSON.stringify(value).slice(0, 80)}`);
}

// A server that behaves badly, and a client that must never believe it: every value names its key. The run is a function,
// so that the tests make a short one and `npm run soak -- client-chaos` the long one.

import { CacheError } from "@marugoto/core";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually, seededRandom, type Random } from "@marugoto/testing";
import { createClient, type Client } from "../../src/index.ts";
import { FakeServer } from "./fake-server.ts";

export interface ChaosResult {
  calls: number;
  /** Keys of reads that gave the right value. */
  hits: number;
  misses: number;
  stored: number;
  /** By code. */
  failures: Record<string, number>;
  /** Values of another key, and what else must not be. */
  wrong: string[];
  /** Longest time beyond its deadline that a call took, in ms. */
  latestMs: number;
  /** How often the server was restarted, was frozen, and cut or spoiled a connection. */
  restarts: number;
  freezes: number;
  spoilt: number;
}

/** Calls under way at a time. */
const CALLERS = 60;
const KEYS = 40;

/** Sends answers in the ways that networks and dying servers have. */
class Spoiler {
  spoilt = 0;
  readonly #random: Random;
  readonly #tails = new WeakMap<Socket, Promise<void>>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** A socket's answers keep their order: one that is sent slowly holds up those behind it. */
  readonly send = (socket: Socket, bytes: Buffer): void => {
    const before = this.#tails.get(socket) ?? Promise.resolve();
    this.#tails.set(
      socket,
      before.then(() => (socket.destroyed ? undefined : this.#spoil(socket, bytes))),
    );
  };

  async #spoil(socket: Socket, bytes: Buffer): Promise<void> {
    const random = this.#random;
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
    if (lot < 0.24) await sleep(random.int(40));
    if (lot < 0.23 || lot > 0.26) {
      socket.write(bytes);
      return;
    }
    this.spoilt++;
    const cut = bytes.subarray(0, random.int(bytes.length));
    const garbage = random.bytes(random.between(1, 40));
    if (lot < 0.24) {
      // In the middle of a value, more often than not.
      socket.write(cut);
      socket.destroySoon();
    } else if (lot < 0.245) {
      socket.write(Buffer.concat([cut, garbage]));
      socket.destroySoon();
    } else if (lot < 0.252) {
      // Garbage within a value that then ends where it should is a value: only where a line belongs can it be told.
      socket.write(Buffer.concat([garbage, Buffer.from("\r\n"), bytes]));
    } else {
      socket.destroy();
    }
  }
}

const valueOf = (random: Random, key: string) => `<${key}>`.repeat(random.pick([1, 1, 1, 5, 700]));
const isValueOf = (key: string, value: unknown) =>
  typeof value === "string" && value === `<${key}>`.repeat(value.length / (key.length + 2));

/**
 * Makes `calls` calls with random aborts and timeouts, while the server is restarted and frozen.
 *
 * @param onProgress hears of every thousandth call
 */
export async function runChaos(
  calls: number,
  seed: number,
  protocol: "classic" | "meta",
  onProgress?: (result: ChaosResult) => void,
): Promise<ChaosResult> {
  const random = seededRandom(seed);
  const spoiler = new Spoiler(random.fork());
  const result: ChaosResult = {
    ...{ calls: 0, hits: 0, misses: 0, stored: 0, failures: {}, wrong: [] },
    ...{ latestMs: 0, restarts: 0, freezes: 0, spoilt: 0 },
  };
  let fake = await FakeServer.start({ send: spoiler.send });
  const port = fake.port;
  const client = createClient({
    servers: [`127.0.0.1:${port}`],
    protocol,
    timeouts: { requestMs: 100, connectMs: 200, stallMs: 100 },
    timeoutLimit: 1000,
    lossLimit: 1000,
  });
  const caller = async (own: Random): Promise<void> => {
    while (result.calls < calls) {
      if (++result.calls % 1000 === 0) onProgress?.(result);
      await oneCall(own, client, result);
    }
  };
  let over = false;
  const director = async (): Promise<void> => {
    const own = random.fork();
    while (!over) {
      await sleep(own.between(10, 60));
      const lot = own.next();
      if (lot < 0.3) {
        result.restarts++;
        await fake.close();
        if (own.chance(0.5)) await sleep(own.int(30));
        fake = await FakeServer.start({ port, send: spoiler.send });
      } else if (lot < 0.5) {
        result.freezes++;
        fake.frozen = true;
        await sleep(own.between(20, 180));
        fake.frozen = false;
      }
      fake.forget();
    }
  };
  const directed = director();
  await Promise.all(Array.from({ length: CALLERS }, () => caller(random.fork())));
  over = true;
  await directed;
  // When all is quiet, nothing is thought to be waiting: what is counted up is counted down on every way out.
  const isQuiet = () => client.pool.links[0]!.waiting === 0;
  await eventually(isQuiet, { withinMs: 3000 }).catch(() => {
    result.wrong.push(`${client.pool.links[0]!.waiting} calls are thought to be waiting`);
  });
  client.destroy();
  await fake.close();
  result.spoilt = spoiler.spoilt;
  return result;
}

async function oneCall(random: Random, client: Client, result: ChaosResult): Promise<void> {
  const key = `key${random.int(KEYS)}`;
  const timeoutMs = random.pick([100, 100, 100, 30, 5]);
  const controller = random.chance(0.1) ? new AbortController() : undefined;
  const options = { timeoutMs, ...(controller ? { signal: controller.signal } : {}) };
  // The timer of a call that is over soon must not hold the next.
  const abort = controller && setTimeout(() => controller.abort(), random.int(20));
  const started = performance.now();
  let code: string | undefined;
  try {
    const lot = random.next();
    if (lot < 0.25) {
      if (await client.set(key, valueOf(random, key), options)) result.stored++;
      else result.wrong.push(`set ${key} gave no true`);
    } else if (lot < 0.35) {
      const keys = [key, `key${random.int(KEYS)}`, `key${random.int(KEYS)}`];
      const found = await client.getMany(keys, options);
      for (const name of new Set(keys)) check(result, name, found.get(name));
      if ([...found.keys()].some((name) => !keys.includes(name)))
        result.wrong.push(`getMany gave ${String([...found])}`);
    } else {
      check(result, key, await client.get(key, options));
    }
  } catch (error) {
    if (!(error instanceof CacheError)) throw error;
    code = error.code;
    result.failures[code] = (result.failures[code] ?? 0) + 1;
  }
  clearTimeout(abort);
  result.latestMs = Math.max(result.latestMs, performance.now() - started - timeoutMs);
  // Nobody gains by asking at once again.
  if (code === "server_disabled") await sleep(20);
}

function check(result: ChaosResult, key: string, value: unknown): void {
  if (value === undefined) result.misses++;
  else if (isValueOf(key, value)) result.hits++;
  else result.wrong.push(`${key}: ${JSON.stringify(value).slice(0, 80)}`);
}

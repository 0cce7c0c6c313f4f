// Keys that try to be commands, and a server that counts what reaches it. The run is a function, so that the tests make
// a short one and `npm run soak -- client-keys` the long one.

import { CacheError } from "@marugoto/core";
import { seededRandom, type Random } from "@marugoto/testing";
import { createClient, type Client, type KeyPolicy } from "../../src/index.ts";
import { FakeServer } from "./fake-server.ts";

export interface HostileResult {
  /** Keys that were tried. */
  keys: number;
  /** Calls that went out. */
  sent: number;
  /** Calls that the client refused, by code. */
  refused: Record<string, number>;
  /** What was wrong: a malformed command, another number of commands than calls, a refusal by the server. */
  wrong: string[];
}

/** Bytes and words that end, split or join commands. */
const pieces = [
  "abc",
  "d",
  "e:f",
  "0",
  ...[" ", "\r", "\n", "\r\n", "\0", "\t", "\x7f", "\x0b", "\u0085", "\u2028", "\ud800", "é", "鍵", "😀"],
  ...["get x", "\r\nset x 0 0 1\r\ny\r\n", " noreply", "mn\r\n", "END\r\n", "VALUE a 0 1\r\nx\r\n", "x".repeat(248)],
];

const refusals = new Set(["key_invalid", "key_too_long"]);
const BATCH = 50;

function hostileKey(random: Random): string | Buffer {
  if (random.chance(0.1)) return random.bytes(random.int(260));
  return Array.from({ length: random.int(6) }, () => random.pick(pieces)).join("");
}

function call(random: Random, client: Client, key: string | Buffer): Promise<unknown> {
  switch (random.int(8)) {
    case 0:
      return client.set(key, "v");
    case 1:
      return client.delete(key);
    case 2:
      return client.incr(key);
    case 3:
      return client.touch(key, 10);
    case 4:
      return client.gat(key, 10);
    case 5:
      return client.getMany([key]);
    case 6:
      return client.cas(key, "v", 1n);
    default:
      return client.get(key);
  }
}

/** Counters of text would be refused: that is the server's business, not the key's. */
function special(command: string): string | undefined {
  if (command === "incr") return "NOT_FOUND\r\n";
  return command === "metaArithmetic" ? "NF\r\n" : undefined;
}

/** Calls with `keys` hostile keys; after each batch, what the server has seen is compared with what went out. */
export async function tryHostileKeys(
  keys: number,
  policy: KeyPolicy,
  protocol: "classic" | "meta",
  seed: number,
): Promise<HostileResult> {
  const random = seededRandom(seed);
  const fake = await FakeServer.start({ answer: ({ command, keys: [key] }) => (key ? special(command) : undefined) });
  const client = createClient({ servers: [fake.address], protocol, keys: policy });
  const result: HostileResult = { keys: 0, sent: 0, refused: {}, wrong: [] };
  try {
    while (result.keys < keys && result.wrong.length === 0) {
      const ends = Array.from({ length: BATCH }, () => tryOne(client, random, result));
      result.keys += BATCH;
      const sent = (await Promise.all(ends)).filter(Boolean).length;
      result.sent += sent;
      const asked = fake.requests.reduce((sum, request) => sum + request.keys.length, 0);
      if (asked !== sent) result.wrong.push(`${sent} calls went out, the server saw ${asked} keys`);
      for (const fault of fake.faults) result.wrong.push(`the server could not read: ${fault}`);
      fake.forget();
    }
  } finally {
    client.destroy();
    await fake.close();
  }
  return result;
}

/** @returns true when the call went out */
async function tryOne(client: Client, random: Random, result: HostileResult): Promise<boolean> {
  const key = hostileKey(random);
  try {
    await call(random, client, key);
    return true;
  } catch (error) {
    if (!(error instanceof CacheError)) throw error;
    result.refused[error.code] = (result.refused[error.code] ?? 0) + 1;
    // A refusal by the server would mean that it saw something malformed.
    if (!refusals.has(error.code)) result.wrong.push(`${JSON.stringify(String(key))}: ${error.message}`);
    return false;
  }
}

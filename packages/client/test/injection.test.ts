// Whatever a key is made of, the server sees one well-formed command for it or none.

import { CacheError } from "@marugoto/core";
import { Cleanup, freshSeed, seededRandom, type Random } from "@marugoto/testing";
import { afterEach, expect, test } from "vitest";
import { createClient, type Client, type KeyPolicy } from "../src/index.ts";
import { FakeServer } from "./support/fake-server.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

/** Bytes and words that end, split or join commands. */
const pieces = [
  "abc",
  "d",
  "e:f",
  "0",
  ...[" ", "\r", "\n", "\r\n", "\0", "\t", "\x7f", "\x0b", "\u0085", "\u2028", "\ud800", "é", "鍵", "😀"],
  ...["get x", "\r\nset x 0 0 1\r\ny\r\n", " noreply", "mn\r\n", "END\r\n", "VALUE a 0 1\r\nx\r\n", "x".repeat(248)],
];

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

/** @returns how many calls were let through */
async function fuzz(keys: number, policy: KeyPolicy, protocol: "classic" | "meta", seed: number): Promise<number> {
  const random = seededRandom(seed);
  const fake = opened.add(
    await FakeServer.start({ answer: ({ command, keys: [key] }) => (key ? special(command) : undefined) }),
  );
  const client = opened.add(createClient({ servers: [fake.address], protocol, keys: policy }));
  let sent = 0;
  for (let i = 0; i < keys; i += 50) {
    const ends = Array.from({ length: 50 }, async () => {
      try {
        await call(random, client, hostileKey(random));
        return 1;
      } catch (error) {
        if (!(error instanceof CacheError)) throw error;
        // A refusal by the server would mean that it saw something malformed.
        expect(["key_invalid", "key_too_long"]).toContain(error.code);
        return 0;
      }
    });
    sent += (await Promise.all(ends)).reduce<number>((sum, end) => sum + end, 0);
    const asked = fake.requests.reduce((sum, request) => sum + request.keys.length, 0);
    expect({ seed, faults: fake.faults, asked }).toEqual({ seed, faults: [], asked: sent });
  }
  return sent;
}

/** Counters of text would be refused: that is the server's business, not the key's. */
function special(command: string): string | undefined {
  if (command === "incr") return "NOT_FOUND\r\n";
  return command === "metaArithmetic" ? "NF\r\n" : undefined;
}

test.each([
  ["reject", "classic"],
  ["reject", "meta"],
  ["hash", "classic"],
  ["base64", "meta"],
] as const)("5000 hostile keys, policy %s, %s", async (policy, protocol) => {
  const sent = await fuzz(5000, policy, protocol, freshSeed());
  // About 480 of 5000 have no byte that is refused; fewer than 300 would mean that hardly anything was tried.
  expect(sent).toBeGreaterThan(300);
  if (policy === "hash") expect(sent).toBeGreaterThan(3000);
});

test("values can hold anything", async () => {
  const fake = opened.add(await FakeServer.start());
  const client = opened.add(createClient({ servers: [fake.address] }));
  const value = "v\r\nEND\r\nset x 0 0 1\r\ny\r\n";
  await client.set("k", value);
  await client.append("k", "\r\nget k\r\n");
  expect(await client.get("k")).toBe(`${value}\r\nget k\r\n`);
  expect(fake.faults).toEqual([]);
});

// Whatever a key is made of, the server sees one well-formed command for it or none. `npm run soak -- client-keys` is the
// same at length.

import { Cleanup, freshSeed } from "@marugoto/testing";
import { afterEach, expect, test } from "vitest";
import { createClient } from "../src/index.ts";
import { FakeServer } from "./support/fake-server.ts";
import { tryHostileKeys } from "./support/hostile-keys.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

test.each([
  ["reject", "classic"],
  ["reject", "meta"],
  ["hash", "classic"],
  ["base64", "meta"],
] as const)("5000 hostile keys, policy %s, %s", async (policy, protocol) => {
  const seed = freshSeed();
  const { keys, sent, wrong } = await tryHostileKeys(5000, policy, protocol, seed);
  expect({ seed, keys, wrong }).toEqual({ seed, keys: 5000, wrong: [] });
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

test.each([["two words"], ["a\r\nflush_all"], ["x".repeat(600)], [""]])(
  "stats %j sends nothing that is not stats",
  async (section) => {
    const fake = opened.add(await FakeServer.start());
    const client = opened.add(createClient({ servers: [fake.address], protocol: "classic" }));
    await expect(client.stats(section)).rejects.toMatchObject({ code: "invalid_option" });
    expect(fake.requests).toEqual([]);
    expect(fake.faults).toEqual([]);
  },
);

// The first post of 2011: key0 … key99 on three servers, counted per server; with one down, and with it back.

import { expect, test } from "vitest";
import { PoolStory } from "./pool-story.ts";

const keys = Array.from({ length: 100 }, (_, i) => `key${i}`);
const ports = [7600, 7602, 7603];

async function tell(about: Parameters<typeof PoolStory.begin>[0]) {
  const story = await PoolStory.begin(about, ports);
  const count = async () => {
    const stored = await story.stored();
    return ports.map((port) => (stored[port] ? Object.keys(stored[port]).length : null));
  };
  await story.set("all up", keys, () => "1");
  const up = await count();
  await story.stop(7603);
  // The first call finds the connection dead, the second that it can't be made anew.
  await story.get("noticed", keys);
  const read = (await story.get("7603 down", keys)).filter(({ result }) => result === false).length;
  const refused = (await story.set("set", keys, () => "2")).filter(({ result }) => result === false).length;
  const down = await count();
  await story.start(7603);
  await story.wait(16_000);
  const missed = (await story.get("7603 back", keys)).filter(({ result }) => result === false).length;
  await story.set("set", keys, () => "3");
  const back = await count();
  const stored = await story.stored();
  const stale = Object.values(stored)
    .flatMap((held) => Object.values(held ?? {}))
    .filter((value) => value !== "3");
  await story.end();
  return { up, read, refused, down, missed, back, stale: stale.length };
}

test.each([
  ["Memcache, consistent", { class: "Memcache", config: { ini: { hash_strategy: "consistent" } } }],
  ["Memcache, standard", { class: "Memcache", config: { ini: { hash_strategy: "standard" } } }],
  ["Memcache, no failover", { class: "Memcache", config: { ini: { allow_failover: 0 } } }],
  ["Memcached", { class: "Memcached", config: {} }],
  ["Memcached, ketama", { class: "Memcached", config: { options: { OPT_LIBKETAMA_COMPATIBLE: true } } }],
] as const)("%s: every key is somewhere, and what 7603 held is what is missed", async (title, about) => {
  const told = await tell(about);
  const line = (counts: (number | null)[]) => counts.map((n, i) => `${ports[i]}: ${n ?? "down"}`).join("  ");
  console.log(
    [
      title,
      `  all up       ${line(told.up)}`,
      `  7603 down    ${line(told.down)}   ${told.read} read as missing, ${told.refused} not stored`,
      `  7603 back    ${line(told.back)}   ${told.missed} read as missing, ${told.stale} stale copies after a set of all`,
    ].join("\n"),
  );
  const share = told.up[2]!;
  expect(told.up.reduce<number>((sum, n) => sum + (n ?? 0), 0)).toBe(100);
  expect(share).toBeGreaterThan(10);
  expect(told.read).toBe(share);
  expect(told.missed).toBe(share);
  const fails = about.class === "Memcached" || title.endsWith("no failover");
  expect(told.refused).toBe(fails ? share : 0);
  expect(told.stale).toBe(fails ? 0 : share);
  expect(told.back[2]).toBe(share);
});

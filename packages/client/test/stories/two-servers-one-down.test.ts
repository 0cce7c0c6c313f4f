// The observation of 2011-10-11: with two servers and one of them down, "data is lost". Which data, when, and why, under
// each setting that can be meant by it.

import { expect, test } from "vitest";
import { PoolStory } from "./pool-story.ts";

const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
const ports = [7600, 7602];

interface Told {
  /** Keys on 7602 before it stops. */
  owned: string[];
  /** Keys that read as missing right after the stop. */
  missing: string[];
  /** Keys that a set could not store while it is down. */
  refused: string[];
  /** Keys that read as missing while it is down, after that set. */
  lost: string[];
  /** Keys that read as missing when it is back and its time is over. */
  missingOnReturn: string[];
}

async function tell(about: Parameters<typeof PoolStory.begin>[0]): Promise<Told> {
  const story = await PoolStory.begin(about, ports);
  const failing = (outcomes: { result: unknown }[]) => keys.filter((_, i) => outcomes[i]!.result === false);
  await story.set("all up", keys, () => "1");
  const held = (await story.stored())[7602] ?? {};
  const owned = keys.filter((key) => key in held);
  await story.stop(7602);
  const missing = failing(await story.get("down", keys));
  const refused = failing(await story.set("down", keys, () => "2"));
  const lost = failing(await story.get("down", keys));
  await story.start(7602);
  await story.wait(16_000);
  const missingOnReturn = failing(await story.get("back", keys));
  await story.end();
  return { owned, missing, refused, lost, missingOnReturn };
}

const say = (title: string, told: Told) => {
  console.log(
    [
      `${title}: 7602 owns ${told.owned.length} of ${keys.length}`,
      `  right after the stop   ${told.missing.length} read as missing: they were on 7602 alone`,
      `  set while it is down   ${told.refused.length} not stored${told.refused.length > 0 ? `: ${told.refused.join(" ")}` : ""}`,
      `  read after that        ${told.lost.length} missing`,
      `  7602 back              ${told.missingOnReturn.length} missing: it came back empty`,
    ].join("\n"),
  );
};

test.each(["consistent", "standard"])(
  "Memcache, %s, allow_failover on: only what was on the dead server, until it is set again",
  async (strategy) => {
    const told = await tell({ class: "Memcache", config: { ini: { hash_strategy: strategy } } });
    say(`Memcache, ${strategy}, allow_failover=1`, told);
    expect(told.owned.length).toBeGreaterThan(0);
    expect(told.missing).toEqual(told.owned);
    expect(told.refused).toEqual([]);
    expect(told.lost).toEqual([]);
    expect(told.missingOnReturn).toEqual(told.owned);
  },
);

test("Memcache, allow_failover off: every key of the dead server, for as long as it is down", async () => {
  const told = await tell({ class: "Memcache", config: { ini: { hash_strategy: "standard", allow_failover: 0 } } });
  say("Memcache, allow_failover=0", told);
  expect(told.missing).toEqual(told.owned);
  expect(told.refused).toEqual(told.owned);
  expect(told.lost).toEqual(told.owned);
});

test("Memcache, one attempt: those keys whose KEY-0 lies on the dead server, too", async () => {
  const told = await tell({
    class: "Memcache",
    config: { ini: { hash_strategy: "standard", max_failover_attempts: 1 } },
  });
  say("Memcache, max_failover_attempts=1", told);
  expect(told.missing).toEqual(told.owned);
  // About half of them: with two servers, KEY-0 falls on the dead one every second time.
  expect(told.refused.length).toBeGreaterThan(0);
  expect(told.refused.length).toBeLessThan(told.owned.length);
  expect(told.lost).toEqual(told.refused);
});

test("Memcached: every key of the dead server, for as long as it is down, with a code", async () => {
  const told = await tell({ class: "Memcached", config: {} });
  say("Memcached", told);
  expect(told.missing).toEqual(told.owned);
  expect(told.refused).toEqual(told.owned);
  expect(told.lost).toEqual(told.owned);
  expect(told.missingOnReturn).toEqual(told.owned);
});

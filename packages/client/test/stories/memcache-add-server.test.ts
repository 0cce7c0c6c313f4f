// The second post of 2011, with class Memcache: three servers, keys a b c, 7603 stops, set, 7603 starts, set. What it saw
// is what today's default does, with consistent hashing; the standard strategy of its day went another way.

import { describe, expect, test } from "vitest";
import { PoolStory } from "./pool-story.ts";

const keys = ["a", "b", "c"];
const ports = [7600, 7602, 7603];

async function tell(strategy: "consistent" | "standard", oneObject: boolean) {
  const config = { ini: { hash_strategy: strategy }, retry_interval: 15 };
  const story = await PoolStory.begin({ class: "Memcache", config }, ports);
  const page = async () => (oneObject ? undefined : story.newPage());
  await story.set("all up", keys, (key) => key + key);
  const placed = await story.stored();
  await page();
  await story.stop(7603);
  await story.set("7603 down", keys, (key) => `${key}-down`);
  const down = await story.stored();
  await page();
  await story.start(7603);
  if (oneObject) await story.wait(15_000);
  await story.get("7603 back, empty", keys);
  await story.set("set again", keys, (key) => `${key}-new`);
  const back = await story.stored();
  await story.end();
  const how = oneObject ? "one object, 15 s later" : "a new object per page";
  return { placed, down, back, table: story.table(`Memcache, ${strategy}, ${how}`) };
}

describe.each([true, false])("Memcache pool 7600, 7602, 7603 (one object: %s)", (oneObject) => {
  test("consistent: as the post saw it", async () => {
    const { placed, down, back, table } = await tell("consistent", oneObject);
    console.log(table);
    expect(placed, "a and c live on 7603, b on 7600").toEqual({
      7600: { b: "bb" },
      7602: {},
      7603: { a: "aa", c: "cc" },
    });
    expect(down, "with 7603 down, a goes to 7602 and c to 7600").toEqual({
      7600: { b: "b-down", c: "c-down" },
      7602: { a: "a-down" },
      7603: null,
    });
    expect(back, "with 7603 back, the stale a stays on 7602, the stale c on 7600").toEqual({
      7600: { b: "b-new", c: "c-down" },
      7602: { a: "a-down" },
      7603: { a: "a-new", c: "c-new" },
    });
  });

  test("standard: the same places, but both stale copies end on 7600", async () => {
    const { placed, back, table } = await tell("standard", oneObject);
    console.log(table);
    expect(placed).toEqual({ 7600: { b: "bb" }, 7602: {}, 7603: { a: "aa", c: "cc" } });
    expect(back).toEqual({
      7600: { a: "a-down", b: "b-new", c: "c-down" },
      7602: {},
      7603: { a: "a-new", c: "c-new" },
    });
  });
});

test("one object goes on using the other servers until the 15 s are over", async () => {
  const config = { ini: { hash_strategy: "consistent" } };
  const story = await PoolStory.begin({ class: "Memcache", config }, ports);
  await story.stop(7603);
  await story.set("7603 down", keys, (key) => key + key);
  await story.start(7603);
  await story.wait(14_900);
  expect((await story.get("14.9 s later", keys)).map(({ result }) => result)).toEqual(["aa", "bb", "cc"]);
  await story.wait(100);
  expect((await story.get("15 s later", keys)).map(({ result }) => result)).toEqual([false, "bb", false]);
  await story.end();
});

// The second post of 2011, with class Memcached: three servers, keys a b c, 7603 stops, set, 7603 starts, set. No key
// moves, so nothing is left behind; what 7603 owns is not stored while it is down.

import { describe, expect, test } from "vitest";
import { PoolStory } from "./pool-story.ts";

const keys = ["a", "b", "c"];

async function tell(oneObject: boolean) {
  const story = await PoolStory.begin({ class: "Memcached", config: {} }, [7600, 7602, 7603]);
  await story.set("all up", keys, (key) => key + key);
  const placed = await story.stored();
  if (!oneObject) await story.newPage();
  await story.stop(7603);
  const whileDown = await story.set("7603 down", keys, (key) => `${key}-down`);
  const again = await story.set("once more", keys, (key) => `${key}-down`);
  const third = await story.set("and again", keys, (key) => `${key}-down`);
  const down = await story.stored();
  if (!oneObject) await story.newPage();
  await story.start(7603);
  const atOnce = await story.set("7603 back", keys, (key) => `${key}-new`);
  await story.wait(3000);
  const later = await story.set("3 s later", keys, (key) => `${key}-new`);
  const back = await story.stored();
  await story.end();
  const table = story.table(`Memcached, defaults, ${oneObject ? "one object" : "a new object per page"}`);
  return { placed, whileDown, again, third, down, atOnce, later, back, table };
}

const ok = { result: true, code: 0 };
const lost = { result: false, code: 3 };
const disabled = { result: false, code: 47 };

describe("Memcached pool 7600, 7602, 7603", () => {
  test("one object: code 3 twice, then 47 until 2 s and the second they end in are over", async () => {
    const told = await tell(true);
    console.log(told.table);
    expect(told.placed, "a and c live on 7600, b on 7603").toEqual({
      7600: { a: "aa", c: "cc" },
      7602: {},
      7603: { b: "bb" },
    });
    expect(told.whileDown).toEqual([ok, lost, ok]);
    expect(told.again).toEqual([ok, lost, ok]);
    expect(told.third).toEqual([ok, disabled, ok]);
    expect(told.down, "b is nowhere").toEqual({ 7600: { a: "a-down", c: "c-down" }, 7602: {}, 7603: null });
    expect(told.atOnce).toEqual([ok, disabled, ok]);
    expect(told.later).toEqual([ok, ok, ok]);
    expect(told.back, "no stale copy anywhere").toEqual({
      7600: { a: "a-new", c: "c-new" },
      7602: {},
      7603: { b: "b-new" },
    });
  });

  test("a new object per page: code 3 once a page, and 7603 is used at once when it is back", async () => {
    const told = await tell(false);
    console.log(told.table);
    expect(told.whileDown).toEqual([ok, lost, ok]);
    expect(told.again).toEqual([ok, disabled, ok]);
    expect(told.atOnce).toEqual([ok, ok, ok]);
    expect(told.back).toEqual({ 7600: { a: "a-new", c: "c-new" }, 7602: {}, 7603: { b: "b-new" } });
  });
});

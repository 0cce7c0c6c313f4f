// The posts' story, told to PHP's two clients, nutcracker and this proxy, side by side.

import { useOracle } from "@marugoto/testing";
import { describe, expect, test } from "vitest";
import { marugoto, nutcracker, phpWorker } from "./programs.ts";
import { sayTable, tellStory, type Return } from "./story.ts";

const memcached = useOracle("memcached", "the posts' story through the proxy");
const php = useOracle("php", "the posts' story with PHP's clients beside it");
const twemproxy = useOracle("nutcracker", "the posts' story with nutcracker beside it");

const theirs = [
  ...(php.isMissing
    ? []
    : [
        phpWorker("PHP Memcache", () => php.path, { class: "Memcache" }),
        phpWorker("PHP Memcached", () => php.path, {
          class: "Memcached",
          // Tried again after a second in place of two.
          options: { OPT_RETRY_TIMEOUT: 1, OPT_CONNECT_TIMEOUT: 500 },
        }),
      ]),
  ...(twemproxy.isMissing ? [] : [nutcracker(() => twemproxy.path)]),
];

const ours = {
  gutter: marugoto("this proxy, with a gutter", (spare) => [`gutter: [127.0.0.1:${spare}]`, "placement: phpMemcache"]),
  eject: marugoto("this proxy, auto_eject_hosts", () => ["hash: md5", "auto_eject_hosts: true"]),
  error: marugoto("this proxy, no other key", () => ["hash: md5"]),
};

describe.skipIf(memcached.isMissing)(memcached.title, () => {
  test.each<Return>(["with its data", "empty"])("a server comes back %s", { timeout: 120_000 }, async (how) => {
    // Each has servers of its own, and waits most of the time.
    const [told, gutter, eject, error] = await Promise.all([
      Promise.all(theirs.map((program) => tellStory(program, how))),
      tellStory(ours.gutter, how),
      tellStory(ours.eject, how),
      tellStory(ours.error, how),
    ]);
    console.log(sayTable(how, [...told, gutter, eject, error]));

    // The others are stale when it is back or away again, or read its share from the database all the while it is away.
    for (const each of told) {
      expect(each.share).toBeGreaterThan(10);
      const { away, back, awayAgain } = each;
      expect(away.database + back.stale + awayAgain.stale).toBeGreaterThanOrEqual(each.share);
      if (how === "empty") expect(each.back.database).toBeGreaterThanOrEqual(each.share);
    }
    for (const each of [gutter, eject, error]) {
      expect(each.share).toBeGreaterThan(10);
      expect([each.away.stale, each.back.stale, each.awayAgain.stale]).toEqual([0, 0, 0]);
    }
    // Where other servers take the keys, the database notices neither the loss nor the return.
    for (const each of [gutter, eject]) {
      expect(each.away.database).toBe(0);
      expect(each.back.database).toBeLessThanOrEqual(0.05 * each.share);
    }
  });
});

// Two proxies on one pool, one of which alone loses a server. While it writes that server's keys elsewhere, the other still
// has the server: through neither is anything read that is older than what was last acknowledged through either.

import { Cleanup, eventually, freshSeed, spawnMemcached, useOracle } from "@marugoto/testing";
import { afterEach, describe, expect, test } from "vitest";
import { client, startServer } from "../support/bench.ts";
import { History, type Reads } from "../support/history.ts";
import { cut, happens, startTwo, type Start } from "../support/two-proxies.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

const sum = (reads: readonly Reads[]) => reads.reduce((total, each) => total + each.reads, 0);

const memcached = useOracle("memcached", "two proxies, one of which alone loses a server");

describe.each<["our server" | "memcached", Start]>([
  ["our server", () => startServer(opened)],
  ["memcached", async () => opened.add(await spawnMemcached())],
])("%s", (name, start) => {
  test.skipIf(name === "memcached" && memcached.isMissing).each(["gutter", "eject"] as const)(
    "failover: %s: nothing old is read before, during and after the outage",
    async (mode) => {
      const bench = await startTwo(opened, mode, start);
      const [one, other] = bench.proxies;
      const seed = freshSeed();
      const history = new History([one.port, other.port], 300, seed);
      await history.fill(opened);
      const end = await history.start(opened, 3, 2);
      await eventually(() => sum(history.reads) > 1000);

      const followed = Promise.all([happens(one, "ledgerOpened"), happens(other, "ledgerFollowed")]);
      cut(bench);
      await followed;
      const atTheCut = history.take();
      await eventually(() => sum(history.reads) > 10_000, { withinMs: 60_000 });
      const during = history.take();
      const closed = Promise.all([happens(one, "ledgerClosed"), happens(other, "ledgerClosed")]);
      bench.fault.heal();
      await closed;
      await eventually(() => sum(history.reads) > 10_000, { withinMs: 60_000 });
      await end();
      const after = history.take();
      await history.readAll(await client(opened, one.port), 0);
      await history.readAll(await client(opened, other.port), 1);

      expect({ seed, stale: history.stale }).toEqual({ seed, stale: [] });
      expect(Math.min(...history.writes)).toBeGreaterThan(100);
      // The other one has every server: nothing fails there, and what was not deleted is found, wherever it is.
      for (const reads of [atTheCut[1]!, during[1]!]) {
        expect(reads).toMatchObject({ errors: 0, misses: 0 });
        expect(reads.right).toBeGreaterThan(0);
      }
      expect(after[1]!.errors).toBe(0);
    },
    120_000,
  );
});

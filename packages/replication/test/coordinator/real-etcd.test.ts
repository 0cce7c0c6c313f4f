// The lease of a real etcd, reached through proxies that cut and stall: never two holders, and always one again.

import { afterEach, describe, expect, test } from "vitest";
import { Cleanup, eventually, freshSeed, seededRandom, spawnEtcd, startFaultProxy, useOracle } from "@marugoto/testing";
import { startCandidate, watchOver } from "./nodes.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

const oracle = useOracle("etcd", "the coordinator's lease in a real etcd");

describe.skipIf(oracle.isMissing)(oracle.title, () => {
  test("is held, renewed, given back and taken over", async () => {
    const etcd = opened.add(await spawnEtcd());
    const [a, b] = [startCandidate(opened, "aa", [etcd.port]), startCandidate(opened, "bb", [etcd.port])];
    a.coordinator.acquire();
    await eventually(() => a.holds, { withinMs: 10_000 });
    b.coordinator.acquire();
    await eventually(() => b.told.includes("holder aa"));
    const watched = watchOver([a, b]);
    await a.coordinator.release();
    await eventually(() => b.holds);
    await b.coordinator.close();
    a.coordinator.acquire();
    await eventually(() => a.holds);
    expect(watched.stop()).toBe(0);
    const terms = [...a.told, ...b.told]
      .filter((event) => event.startsWith("acquired "))
      .map((event) => Number(event.slice(9)));
    expect(new Set(terms).size).toBe(3);
    expect([a.epochs, b.epochs]).toEqual([[1, 3], [2]]);
    a.seen = 100;
    a.coordinator.raise();
    await eventually(() => a.epochs.length === 3);
    await a.coordinator.close();
    const c = startCandidate(opened, "cc", [etcd.port]);
    c.coordinator.acquire();
    await eventually(() => c.holds);
    expect([a.epochs, c.epochs]).toEqual([[1, 3, 101], [102]]);
  });

  test("is never held by two, whatever is cut", async () => {
    const seed = freshSeed();
    const random = seededRandom(seed);
    const etcd = opened.add(await spawnEtcd());
    const proxies = [opened.add(await startFaultProxy(etcd.port)), opened.add(await startFaultProxy(etcd.port))];
    const candidates = proxies.map((proxy, i) => startCandidate(opened, `node${i}`, [proxy.port]));
    const watched = watchOver(candidates);
    const epochs: number[] = [];
    for (const { coordinator } of candidates) coordinator.events.on("acquired", ({ epoch }) => epochs.push(epoch));
    for (const { coordinator } of candidates) coordinator.acquire();
    await eventually(() => candidates.some(({ holds }) => holds), { withinMs: 10_000 });
    for (let round = 0; round < 6; round++) {
      // Whoever holds the lease is cut off; the other has to get it.
      const holder = candidates.findIndex(({ holds }) => holds);
      const proxy = proxies[holder]!;
      if (random.next() < 0.5) {
        proxy.refuse = true;
        proxy.cut();
      } else {
        proxy.up.stalled = proxy.down.stalled = true;
      }
      await eventually(() => candidates[1 - holder]!.holds, { withinMs: 10_000 });
      expect(candidates[holder]!.holds, `seed ${seed}`).toBe(false);
      proxy.heal();
      if (random.next() < 0.5) proxy.cut();
    }
    expect(watched.stop(), `seed ${seed}`).toBe(0);
    expect(epochs.length, `seed ${seed}`).toBeGreaterThan(6);
    expect(epochs, `seed ${seed}`).toEqual(epochs.toSorted((a, b) => a - b));
    expect(new Set(epochs).size, `seed ${seed}`).toBe(epochs.length);
  });

  test("is given up when etcd stops, and taken again when it goes on", async () => {
    const etcd = opened.add(await spawnEtcd());
    const a = startCandidate(opened, "aa", [etcd.port]);
    a.coordinator.acquire();
    await eventually(() => a.holds, { withinMs: 10_000 });
    etcd.signal("SIGSTOP");
    await eventually(() => !a.holds);
    expect(a.told).toContain("unreachable");
    etcd.signal("SIGCONT");
    await eventually(() => a.holds, { withinMs: 10_000 });
  });
});

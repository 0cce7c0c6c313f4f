// The lease of an etcd that does as it is told: who gets it, in which epoch, when it is given up, and what a lost answer
// does.

import { afterEach, describe, expect, test } from "vitest";
import { Cleanup, eventually, freePort, startFaultProxy } from "@marugoto/testing";
import { FakeEtcd } from "./fake-etcd.ts";
import { startCandidate, watchOver, type Candidate } from "./nodes.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

const start = () => new FakeEtcd().start(opened);

describe("the lease", () => {
  test("is wanted by nobody until acquire, then held with a growing term", async () => {
    const etcd = await start();
    const a = startCandidate(opened, "aa", [etcd.port]);
    await eventually(() => a.told.includes("reachable"));
    expect([a.holds, etcd.holder]).toEqual([false, undefined]);
    a.coordinator.acquire();
    await eventually(() => a.holds);
    expect(etcd.holder).toBe("aa");
    expect(a.told).toEqual(["holder nobody", "reachable", "holder aa", "acquired 2"]);
    await a.coordinator.release();
    expect([a.holds, etcd.holder]).toEqual([false, undefined]);
    a.coordinator.acquire();
    await eventually(() => a.holds);
    expect(a.told).toContain("acquired 3");
  });

  test("goes to the next one when it is given back, at once", async () => {
    const etcd = await start();
    const [a, b] = [startCandidate(opened, "aa", [etcd.port], 60), startCandidate(opened, "bb", [etcd.port], 60)];
    a.coordinator.acquire();
    await eventually(() => a.holds);
    b.coordinator.acquire();
    await eventually(() => b.told.includes("holder aa"));
    const watched = watchOver([a, b]);
    await a.coordinator.release();
    // A quarter of the lease, after which it would look anyway, is 15 s.
    await eventually(() => b.holds, { withinMs: 5000 });
    expect(watched.stop()).toBe(0);
    expect(b.told).toContain("acquired 3");
  });

  test("goes to who has no patience to show, even if the other was there first; then to the other", async () => {
    const etcd = await start();
    const [a, b] = [startCandidate(opened, "aa", [etcd.port]), startCandidate(opened, "bb", [etcd.port])];
    a.coordinator.acquire(700);
    await eventually(() => (etcd.calls.get("kv/range") ?? 0) >= 3);
    b.coordinator.acquire();
    await eventually(() => b.holds);
    await b.coordinator.release();
    const freeMs = performance.now();
    await eventually(() => a.holds, { withinMs: 10_000 });
    expect(performance.now() - freeMs).toBeGreaterThan(650);
    expect(a.told.filter((event) => event.startsWith("acquired"))).toEqual(["acquired 3"]);
  });

  test("is renewed for as long as it is wanted", async () => {
    const etcd = await start();
    const a = startCandidate(opened, "aa", [etcd.port]);
    a.coordinator.acquire();
    await eventually(() => a.holds);
    let everLost = false;
    await eventually(() => {
      everLost ||= !a.holds;
      return (etcd.calls.get("lease/keepalive") ?? 0) >= 8;
    });
    expect(everLost).toBe(false);
    expect(a.told.filter((event) => event.startsWith("acquired"))).toHaveLength(1);
  });

  test("of one who reaches etcd no more goes to the other when it has ended, and is given up before", async () => {
    const etcd = await start();
    const proxy = opened.add(await startFaultProxy(etcd.port));
    const [a, b] = [startCandidate(opened, "aa", [proxy.port]), startCandidate(opened, "bb", [etcd.port])];
    a.coordinator.acquire();
    await eventually(() => a.holds);
    b.coordinator.acquire();
    await eventually(() => b.told.includes("holder aa"));
    const watched = watchOver([a, b]);
    proxy.refuse = true;
    proxy.cut();
    await eventually(() => b.holds);
    expect(watched.stop()).toBe(0);
    expect(a.told.at(-1)).toBe("lost: the lease could not be renewed within 1 s");
  });
});

describe("an etcd that does not answer", () => {
  test.each([["hangs"], ["is away"]])("that %s: the holder stops believing before etcd ends the lease", async (how) => {
    const etcd = await start();
    const a = startCandidate(opened, "aa", [etcd.port]);
    a.coordinator.acquire();
    await eventually(() => a.holds);
    if (how === "hangs") etcd.isHanging = true;
    else etcd.isAway = true;
    await eventually(() => a.told.includes("unreachable"));
    // A tenth of the lease before its end nobody else can have it, and the holder believes in it no more.
    expect(a.coordinator.holds(etcd.endsMs - 100)).toBe(false);
    expect(a.coordinator.holds(etcd.endsMs - 600)).toBe(true);
    await eventually(() => a.told.at(-1) === "lost: the lease could not be renewed within 1 s");
  });

  test("and comes back within the lease: nothing was lost", async () => {
    const etcd = await start();
    const a = startCandidate(opened, "aa", [etcd.port], 4);
    a.coordinator.acquire();
    await eventually(() => a.holds);
    etcd.isAway = true;
    await eventually(() => a.told.includes("unreachable"));
    etcd.isAway = false;
    await eventually(() => a.told.filter((event) => event === "reachable").length === 2);
    expect(a.holds).toBe(true);
    expect(a.told.filter((event) => event.startsWith("acquired") || event.startsWith("lost"))).toEqual(["acquired 2"]);
  });

  test("and comes back after it: the lease is taken anew, with a higher term", async () => {
    const etcd = await start();
    const a = startCandidate(opened, "aa", [etcd.port]);
    a.coordinator.acquire();
    await eventually(() => a.holds);
    etcd.isAway = true;
    await eventually(() => etcd.holder === undefined);
    etcd.isAway = false;
    await eventually(() => a.holds);
    expect(a.told.filter((event) => event.startsWith("acquired"))).toEqual(["acquired 2", "acquired 3"]);
  });

  test("the next member is asked", async () => {
    const etcd = await start();
    const a = startCandidate(opened, "aa", [await freePort(), etcd.port]);
    a.coordinator.acquire();
    await eventually(() => a.holds);
    expect(a.told).not.toContain("unreachable");
  });

  test.each([["not json"], ["{"], ["null"], ["[]"], ["{}"], ["x".repeat(100_000)], ['{"error":{"code":1}}']])(
    "answers %s: nobody holds the lease, and nothing breaks",
    async (garbage) => {
      const etcd = await start();
      etcd.garbage = garbage;
      const a = startCandidate(opened, "aa", [etcd.port]);
      a.coordinator.acquire();
      await eventually(() => (etcd.calls.get("kv/range") ?? 0) >= 3);
      expect(a.holds).toBe(false);
      etcd.garbage = undefined;
      await eventually(() => a.holds);
    },
  );
});

describe("an answer that is lost", () => {
  test("after the key was made: the lease is held all the same", async () => {
    const etcd = await start();
    etcd.loseAnswerOf = "kv/txn";
    const a = startCandidate(opened, "aa", [etcd.port]);
    a.coordinator.acquire();
    await eventually(() => a.holds);
    expect(etcd.calls.get("kv/txn")).toBe(1);
    expect(etcd.holder).toBe("aa");
  });

  test("after the lease was granted: another one is asked for", async () => {
    const etcd = await start();
    etcd.loseAnswerOf = "lease/grant";
    const a = startCandidate(opened, "aa", [etcd.port]);
    a.coordinator.acquire();
    await eventually(() => a.holds);
    expect(etcd.calls.get("lease/grant")).toBe(2);
  });

  test("after it was given back: the others have it", async () => {
    const etcd = await start();
    const a = startCandidate(opened, "aa", [etcd.port]);
    a.coordinator.acquire();
    await eventually(() => a.holds);
    etcd.loseAnswerOf = "lease/revoke";
    await a.coordinator.release();
    expect([a.holds, etcd.holder]).toEqual([false, undefined]);
  });
});

describe("a lease that is not what it seems", () => {
  test("whose key somebody has removed is no lease any more", async () => {
    const etcd = await start();
    const [a, b] = [startCandidate(opened, "aa", [etcd.port]), startCandidate(opened, "bb", [etcd.port])];
    a.coordinator.acquire();
    await eventually(() => a.holds);
    etcd.deleteKey();
    b.coordinator.acquire();
    await eventually(() => a.told.includes("lost: the key is gone or another's"));
    await eventually(() => [a, b].filter(({ holds }) => holds).length === 1);
  });

  test("that a leader of another term has renewed is not believed", async () => {
    const etcd = await start();
    const a = startCandidate(opened, "aa", [etcd.port]);
    a.coordinator.acquire();
    await eventually(() => a.holds);
    etcd.staleTerm = 1;
    await eventually(() => !a.holds);
    // It renews and renews, and etcd says each time that it lasts.
    expect(etcd.holder).toBe("aa");
    etcd.staleTerm = undefined;
    await eventually(() => a.holds);
  });
});

describe("the epoch", () => {
  const term = async (candidate: Candidate) => {
    const before = candidate.epochs.length;
    candidate.coordinator.acquire();
    await eventually(() => candidate.holds && candidate.epochs.length > before);
    await candidate.coordinator.release();
  };

  test("comes with the lease, above the last one, whoever had that, and outlives the lease", async () => {
    const etcd = await start();
    const [a, b] = [startCandidate(opened, "aa", [etcd.port]), startCandidate(opened, "bb", [etcd.port])];
    expect(etcd.epoch).toBeUndefined();
    await term(a);
    expect([etcd.holder, etcd.epoch]).toEqual([undefined, "1"]);
    await term(b);
    b.seen = 40;
    await term(b);
    await term(a);
    expect([a.epochs, b.epochs, etcd.epoch]).toEqual([[1, 42], [2, 41], "42"]);
  });

  test("is there before the lease is told, and is exact up to the highest", async () => {
    const etcd = await start();
    etcd.epoch = "281474976710653";
    const a = startCandidate(opened, "aa", [etcd.port]);
    const there: (string | undefined)[] = [];
    a.coordinator.events.on("acquired", () => there.push(etcd.epoch));
    await term(a);
    await term(a);
    expect([there, a.epochs]).toEqual([
      ["281474976710654", "281474976710655"],
      [281_474_976_710_654, 281_474_976_710_655],
    ]);
  });

  test("of a group whose masters have left none is the first, though its lease was held before", async () => {
    const etcd = await start();
    const a = startCandidate(opened, "aa", [etcd.port]);
    await term(a);
    etcd.epoch = undefined;
    a.seen = 80;
    await term(a);
    expect([a.epochs, etcd.epoch]).toEqual([[1, 81], "81"]);
  });

  test("rises on request while the lease is held, and not without it", async () => {
    const etcd = await start();
    const a = startCandidate(opened, "aa", [etcd.port], 60);
    a.coordinator.raise();
    a.coordinator.acquire();
    await eventually(() => a.holds);
    expect(a.epochs).toEqual([1]);
    a.seen = 9;
    a.coordinator.raise();
    a.coordinator.raise();
    await eventually(() => a.epochs.length === 2, { withinMs: 5000 });
    expect([a.epochs, etcd.epoch, a.told.includes("lost")]).toEqual([[1, 10], "10", false]);
    await a.coordinator.release();
    a.coordinator.raise();
    const b = startCandidate(opened, "bb", [etcd.port], 60);
    await term(b);
    expect([b.epochs, etcd.epoch, a.epochs]).toEqual([[11], "11", [1, 10]]);
  });

  test("is put once when the answer is lost, with the lease or without", async () => {
    const etcd = await start();
    const a = startCandidate(opened, "aa", [etcd.port]);
    etcd.loseAnswerOf = "kv/txn";
    a.coordinator.acquire();
    await eventually(() => a.epochs.length === 1);
    etcd.loseAnswerOf = "kv/txn";
    a.coordinator.raise();
    await eventually(() => a.epochs.length === 2);
    expect([a.epochs, etcd.epoch, etcd.calls.get("kv/txn")]).toEqual([[1, 2], "2", 2]);
  });

  test("that somebody puts between the look and the lease leaves the lease to the next try", async () => {
    const etcd = await start();
    const a = startCandidate(opened, "aa", [etcd.port]);
    etcd.onCall = (path) => {
      if (path !== "lease/grant") return;
      etcd.onCall = undefined;
      etcd.epoch = "30";
    };
    await term(a);
    expect([a.epochs, etcd.calls.get("lease/grant")]).toEqual([[31], 2]);
  });

  test.each([["removed"], ["lowered"]])("that is %s by hand is put again, and higher", async (how) => {
    const etcd = await start();
    const a = startCandidate(opened, "aa", [etcd.port]);
    a.seen = 20;
    a.coordinator.acquire();
    await eventually(() => a.holds);
    a.seen = 21;
    etcd.epoch = how === "removed" ? undefined : "5";
    await eventually(() => a.epochs.length === 2);
    expect([a.epochs, etcd.epoch]).toEqual([[21, 22], "22"]);
  });

  test.each([["x"], [""], ["-1"], ["1.5"], ["1e3"], ["0x10"], ["281474976710656"], ["9007199254740993"]])(
    "%j is none: nobody takes the lease, and why is told",
    async (value) => {
      const etcd = await start();
      etcd.epoch = value;
      const a = startCandidate(opened, "aa", [etcd.port]);
      const reasons: string[] = [];
      a.coordinator.events.on("reachable", ({ reason }) => reasons.push(reason));
      a.coordinator.acquire();
      await eventually(() => reasons.length > 0);
      expect(reasons[0]).toContain(`the key marugoto/test/epoch holds ${JSON.stringify(value)}`);
      expect([a.holds, etcd.holder]).toEqual([false, undefined]);
      etcd.epoch = "7";
      await term(a);
      expect(a.epochs).toEqual([8]);
    },
  );

  test("above the highest is not put, which would lock all others out, and why is told", async () => {
    const etcd = await start();
    etcd.epoch = "7";
    const a = startCandidate(opened, "aa", [etcd.port]);
    const reasons: string[] = [];
    a.coordinator.events.on("reachable", ({ reason }) => reasons.push(reason));
    a.seen = 2 ** 48 - 1;
    a.coordinator.acquire();
    await eventually(() => reasons.some((reason) => reason.includes("epoch 281474976710656 is not put")));
    expect([a.holds, etcd.epoch]).toEqual([false, "7"]);
    a.seen = 0;
    await term(a);
    expect([a.epochs, etcd.epoch]).toEqual([[8], "8"]);
  });
});

test("closing gives the lease back and ends all calls", async () => {
  const etcd = await start();
  const a = startCandidate(opened, "aa", [etcd.port]);
  a.coordinator.acquire();
  await eventually(() => a.holds);
  await a.coordinator.close();
  expect([a.holds, etcd.holder]).toEqual([false, undefined]);
  etcd.isHanging = true;
  const b = startCandidate(opened, "bb", [etcd.port], 60);
  await b.coordinator.close();
});

// Members that come and go, servers that die and return, and what a call wants done about it.

import { Cleanup, eventually } from "@marugoto/testing";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createClient, Expect, PeclMemcachePolicy, type Client, type ClientOptions, type Sink } from "../src/index.ts";
import { FakeServer } from "./support/fake-server.ts";
import { punctually } from "./support/punctual.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

function client(servers: readonly FakeServer[], options: Partial<ClientOptions> = {}): Client {
  const made = createClient({
    protocol: "classic",
    ...options,
    servers: servers.map((server, i) => ({ address: server.address, name: `s${i}` })),
  });
  opened.defer(() => made.destroy());
  return made;
}

const start = async (count: number) =>
  Promise.all(Array.from({ length: count }, async () => opened.add(await FakeServer.start())));

const codeOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => "fulfilled",
    (error: unknown) => (error as { code: unknown }).code,
  );

/** A key that belongs to the server of that index. */
function keyOf(made: Client, index: number): string {
  for (let i = 0; ; i++) if (made.serverOf(`key${i}`) === made.servers[index]) return `key${i}`;
}

describe("members", () => {
  test("a server that joins takes its share, and only that", async () => {
    const [a, b, c] = (await start(3)) as [FakeServer, FakeServer, FakeServer];
    const made = client([a, b]);
    const keys = Array.from({ length: 300 }, (_, i) => `k${i}`);
    const before = keys.map((key) => made.serverOf(key)!.name);
    made.addServer({ address: c.address, name: "s2" });
    const moved = keys.filter((key, i) => made.serverOf(key)!.name !== before[i]);
    expect(moved.length).toBeGreaterThan(60);
    expect(moved.length).toBeLessThan(140);
    expect(moved.every((key) => made.serverOf(key)!.name === "s2")).toBe(true);
  });

  test("a server that leaves answers what it was asked, and its connection is closed", async () => {
    const [a, b] = (await start(2)) as [FakeServer, FakeServer];
    const made = client([a, b]);
    const key = keyOf(made, 1);
    await made.set(key, "on b");
    b.frozen = true;
    const calls = Array.from({ length: 50 }, () => made.get(key));
    await eventually(() => b.reads.length >= 2);
    expect(made.removeServer("s1")).toBe(true);
    expect(made.removeServer("s1")).toBe(false);
    expect(await made.get(key)).toBeUndefined();
    b.frozen = false;
    expect(new Set(await Promise.all(calls))).toEqual(new Set(["on b"]));
    await eventually(() => b.sockets.size === 0);
  });

  test("servers come and go under load without a call that fails or a value of another key", async () => {
    const servers = await start(4);
    const made = client(servers.slice(0, 2));
    const keys = Array.from({ length: 50 }, (_, i) => `k${i}`);
    let over = false;
    let calls = 0;
    const work = async () => {
      for (let i = 0; !over; i++) {
        const key = keys[i % keys.length]!;
        await made.set(key, `of ${key}`);
        const value = await made.get(key);
        // It may just have moved to a server that has no such key yet.
        if (value !== undefined) expect(value).toBe(`of ${key}`);
        calls += 2;
      }
    };
    const workers = Array.from({ length: 10 }, work);
    for (let round = 0; round < 40; round++) {
      const name = `s${2 + (round % 2)}`;
      if (!made.removeServer(name)) made.addServer({ address: servers[2 + (round % 2)]!.address, name });
      const before = calls;
      await eventually(() => calls > before + 20);
    }
    over = true;
    await Promise.all(workers);
    expect(servers.every((server) => server.requests.length > 0)).toBe(true);
  });

  test("that the rules refuse leave the pool as it was", async () => {
    const [a] = (await start(1)) as [FakeServer];
    const policy = new PeclMemcachePolicy({}, { nowMs: Date.now });
    const made = client([a], { failover: policy });
    await made.set("k", "v");
    expect(() => made.addServer({ address: "127.0.0.1:1", retryIntervalSec: 0.5 })).toThrow(/retryIntervalSec is 0.5/);
    expect(made.servers).toHaveLength(1);
    expect(await made.get("k")).toBe("v");
  });

  test("connections of servers that stay are kept", async () => {
    const [a, b] = (await start(2)) as [FakeServer, FakeServer];
    const made = client([a]);
    await made.set("k", "v");
    made.pool.setServers([{ address: a.address, name: "s0" }, b.address]);
    await made.get(keyOf(made, 0));
    expect(a.accepted).toBe(1);
  });

  test("an empty pool refuses by name", async () => {
    const made = client([]);
    expect(await codeOf(made.get("k"))).toBe("no_server");
    expect(made.serverOf("k")).toBeUndefined();
  });
});

describe("a dead server", () => {
  test("fails its own calls in a moment and leaves the others alone", async () => {
    const [a, b] = (await start(2)) as [FakeServer, FakeServer];
    const made = client([a, b]);
    const down: string[] = [];
    made.events.on("serverDown", ({ server }) => down.push(server));
    const [ka, kb] = [keyOf(made, 0), keyOf(made, 1)];
    await made.setMany([
      [ka, "a"],
      [kb, "b"],
    ]);
    await b.close();
    await eventually(() => down.length > 0);
    const started = performance.now();
    expect(await codeOf(made.get(kb))).toBe("server_disabled");
    expect(await made.get(ka)).toBe("a");
    expect(performance.now() - started).toBeLessThan(200);
    expect(down).toEqual(["s1"]);
  });

  test(
    "is asked again within 100 ms after it is back, by the client and not by callers",
    { timeout: 60_000 },
    async () => {
      const comeBack = async (): Promise<number> => {
        const a = await FakeServer.start();
        const made = client([a]);
        const port = a.port;
        await made.set("k", "v");
        await a.close();
        const until = performance.now() + 300;
        while (performance.now() < until) {
          expect(await codeOf(made.get("k"))).not.toBe("fulfilled");
          await sleep(5);
        }
        const again = await FakeServer.start({ port });
        const back = performance.now();
        while ((await codeOf(made.get("k"))) !== "fulfilled") await sleep(1);
        const tookMs = performance.now() - back;
        made.destroy();
        await again.close();
        return tookMs;
      };
      // The pauses are drawn at random: one lucky draw would prove nothing.
      for (let i = 0; i < 5; i++)
        expect(await punctually(comeBack, (tookMs) => tookMs <= 100)).toBeLessThanOrEqual(100);
    },
  );

  test("that stands still is out of use after some timeouts, and proves itself before it is used again", async () => {
    const [a] = (await start(1)) as [FakeServer];
    const made = client([a], { timeouts: { requestMs: 40 }, timeoutLimit: 2 });
    await made.set("k", "v", { timeoutMs: 5000 });
    a.frozen = true;
    expect(await codeOf(made.get("k"))).toBe("timeout");
    expect(await codeOf(made.get("k"))).toBe("timeout");
    expect(await codeOf(made.get("k"))).toBe("server_disabled");
    a.frozen = false;
    expect(await eventually(() => made.get("k"))).toBe("v");
    expect(a.requests.some(({ command }) => command === "version")).toBe(true);
  });

  test("is not put out of use by callers that are in a hurry", async () => {
    const [a] = (await start(1)) as [FakeServer];
    const made = client([a], { timeouts: { requestMs: 5000 }, timeoutLimit: 1 });
    await made.set("k", "v");
    a.frozen = true;
    const patient = made.get("k");
    const hurried = Array.from({ length: 20 }, () => codeOf(made.get("k", { timeoutMs: 20 })));
    expect(new Set(await Promise.all(hurried))).toEqual(new Set(["timeout"]));
    a.frozen = false;
    // What is read now wakes the server up.
    expect(await made.get("k")).toBe("v");
    expect(await patient).toBe("v");
  });

  test("in a read of many: the rest with a list, or an error, as the caller wants", async () => {
    const [a, b] = (await start(2)) as [FakeServer, FakeServer];
    const made = client([a, b]);
    const [ka, kb] = [keyOf(made, 0), keyOf(made, 1)];
    await made.setMany([
      [ka, "a"],
      [kb, "b"],
    ]);
    await b.close();
    const found = await made.getMany([ka, kb], { onFailure: "miss" });
    expect([...found]).toEqual([[ka, "a"]]);
    expect(found.errors.map(({ key }) => key)).toEqual([kb]);
    await expect(made.getMany([ka, kb])).rejects.toMatchObject({
      message: expect.stringContaining("1 of 2 keys failed"),
    });
    const writes = await made.setMany(
      [
        [kb, "x"],
        [ka, "y"],
      ],
      { onFailure: "miss" },
    );
    expect(writes).toMatchObject({ done: 1, notDone: [], errors: [{ key: kb }] });
  });
});

describe("what a call wants done", () => {
  test("throw, miss, next and gutter", async () => {
    const [a, b, g] = (await start(3)) as [FakeServer, FakeServer, FakeServer];
    const made = client([a, b], { gutter: { servers: [g.address], ttlSec: 5 } });
    const key = keyOf(made, 1);
    await b.close();
    expect(await codeOf(made.get(key))).not.toBe("fulfilled");
    expect(await made.get(key, { onFailure: "miss" })).toBeUndefined();
    expect(await made.set(key, "v", { onFailure: "miss" })).toBe(false);
    expect(await made.incr(key, 1, { onFailure: "miss" })).toBeUndefined();

    expect(await made.set(key, "on a", { onFailure: "next" })).toBe(true);
    expect(await made.get(key, { onFailure: "next" })).toBe("on a");
    expect(a.items.has(key)).toBe(true);

    expect(await made.set(key, "in the gutter", { onFailure: "gutter", ttl: 1000 })).toBe(true);
    expect(await made.get(key, { onFailure: "gutter" })).toBe("in the gutter");
    expect(g.items.get(key)?.exptime).toBe(5);
  });

  test("something unheard of fails as throw does", async () => {
    const [a] = (await start(1)) as [FakeServer];
    const made = client([a]);
    await a.close();
    expect(await codeOf(made.get("k", { onFailure: "nothing" as "throw" }))).toBe("connection_lost");
  });

  test("what its listeners throw disturbs no call", async () => {
    const ticks = vi.spyOn(process, "nextTick");
    const thrown: unknown[] = [];
    ticks.mockImplementation((callback: unknown, ...args: unknown[]) => {
      queueMicrotask(() => {
        try {
          (callback as (...args: unknown[]) => void)(...args);
        } catch (error) {
          thrown.push(error);
        }
      });
    });
    opened.defer(() => {
      ticks.mockRestore();
    });
    const [a] = (await start(1)) as [FakeServer];
    const made = client([a], { lossLimit: 1 });
    await made.get("k");
    const fail = (): never => {
      throw new Error("a listener's defect");
    };
    made.events.on("serverDown", fail);
    made.events.on("disconnect", fail);
    made.events.on("writeFailed", fail);
    a.frozen = true;
    const calls = Array.from({ length: 20 }, (_, i) => codeOf(made.set(`k${i}`, "v")));
    await eventually(() => a.reads.length >= 2);
    a.drop();
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 20 }, () => "connection_lost"));
    expect(thrown.length).toBeGreaterThan(20);
  });

  test("a write that failed is told, with its key", async () => {
    const [a] = (await start(1)) as [FakeServer];
    const made = client([a], { timeouts: { requestMs: 40 } });
    await made.get("k", { timeoutMs: 5000 });
    const failed: string[] = [];
    made.events.on("writeFailed", ({ key, server }) => failed.push(`${server} ${key}`));
    a.frozen = true;
    await Promise.all([codeOf(made.set("w", "v")), codeOf(made.get("r"))]);
    expect(failed).toEqual(["s0 w"]);
  });

  test("a server key takes keys to one server", async () => {
    const servers = await start(4);
    const made = client(servers);
    const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
    await made.setMany(
      keys.map((key) => [key, "v"] as const),
      { serverKey: "user:1" },
    );
    expect(servers.map((server) => server.items.size).filter((size) => size > 0)).toEqual([20]);
    expect((await made.getMany(keys, { serverKey: "user:1" })).size).toBe(20);
  });
});

describe("the lower door", () => {
  class Recorder implements Sink {
    readonly seen: string[] = [];
    value = "";
    onAnswer(response: { reply: number; valueBytes: number }, last: boolean): void {
      this.seen.push(`${response.reply}${last ? " last" : ""}`);
    }
    onFailure(error: { code: string }): void {
      this.seen.push(error.code);
    }
    onDeadline(): number {
      this.seen.push("deadline");
      return Infinity;
    }
  }

  class PieceRecorder extends Recorder {
    pieces = 0;
    onValueStart(): void {
      this.seen.push("start");
    }
    onValuePiece(buffer: Buffer, from: number, to: number): void {
      this.pieces++;
      this.value += buffer.toString("latin1", from, to);
    }
  }

  const send = (made: Client, text: string, sink: Sink, expected?: number) => {
    const bytes = Buffer.from(text, "latin1");
    return made.pool.send(0, bytes, 0, bytes.length, sink, expected === undefined ? {} : { expect: expected });
  };

  test("hands on rows, ends, pieces of large values, and quiet answers up to mn", async () => {
    const [a] = (await start(1)) as [FakeServer];
    const made = client([a]);
    const large = "x".repeat(300_000);
    await made.setMany([
      ["a", "1"],
      ["b", "2"],
    ]);
    a.items.set("large", { value: Buffer.from(large), flags: 0, cas: 9n, exptime: 0 });
    const [rows, quiet, plain] = [new Recorder(), new Recorder(), new Recorder()];
    const pieces = new PieceRecorder();
    send(made, "get a none b\r\n", rows);
    send(made, "mg a v\r\nmg b v\r\nmn\r\n", quiet, Expect.noop);
    send(made, "get large\r\n", pieces);
    send(made, "delete a\r\n", plain);
    await eventually(() => plain.seen.length > 0);
    expect(rows.seen).toEqual(["1", "1", "3 last"]);
    expect(quiet.seen).toEqual(["2", "2", "19 last"]);
    expect(pieces.value === large).toBe(true);
    expect(pieces.pieces).toBeGreaterThan(1);
    expect(pieces.seen).toEqual(["start", "1", "3 last"]);
    expect(plain.seen).toEqual(["8 last"]);
  });

  test("a cancelled request is answered to nobody, and those behind it are", async () => {
    const [a] = (await start(1)) as [FakeServer];
    const made = client([a]);
    const [cancelled, kept] = [new Recorder(), new Recorder()];
    made.pool.cancel(0, send(made, "get a\r\n", cancelled));
    send(made, "delete a\r\n", kept);
    await eventually(() => kept.seen.length > 0);
    expect(cancelled.seen).toEqual([]);
    expect(kept.seen).toEqual(["7 last"]);
  });

  test("a ticket of the connection before means nothing on the next one", async () => {
    const [a] = (await start(1)) as [FakeServer];
    const made = client([a], { lossLimit: 100 });
    const lost = new Recorder();
    await made.get("warm");
    a.frozen = true;
    const tickets = [send(made, "get a\r\n", lost), send(made, "get b\r\n", lost)];
    a.drop();
    await eventually(() => lost.seen.length === 2);
    a.frozen = false;
    const kept = [new Recorder(), new Recorder(), new Recorder()];
    for (const sink of kept) send(made, "delete a\r\n", sink);
    for (const ticket of tickets) made.pool.cancel(0, ticket);
    await eventually(() => kept.every(({ seen }) => seen.length > 0));
    expect(kept.map(({ seen }) => seen)).toEqual([["7 last"], ["7 last"], ["7 last"]]);
  });

  test("is shut while the client closes", async () => {
    const [a] = (await start(1)) as [FakeServer];
    const made = client([a]);
    await made.get("k");
    const closed = made.close();
    expect(() => send(made, "delete a\r\n", new Recorder())).toThrow(/closed/);
    await closed;
  });

  test("a lost connection fails every sink once, a deadline detaches it", async () => {
    const [a] = (await start(1)) as [FakeServer];
    const made = client([a], { timeouts: { requestMs: 10_000 } });
    await made.get("k");
    a.frozen = true;
    const [late, lost] = [new Recorder(), new Recorder()];
    const bytes = Buffer.from("get a\r\n");
    made.pool.send(0, bytes, 0, bytes.length, late, { deadlineMs: performance.now() + 30 });
    made.pool.send(0, bytes, 0, bytes.length, lost);
    await eventually(() => late.seen.length > 0);
    a.drop();
    await eventually(() => lost.seen.length > 0);
    expect(late.seen).toEqual(["deadline"]);
    expect(lost.seen).toEqual(["connection_lost"]);
  });
});

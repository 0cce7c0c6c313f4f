// A call ends in time whatever the server does, and an aborted one at once; what comes late is never another's answer.

import { Cleanup, eventually } from "@marugoto/testing";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { createClient, type Client } from "../src/index.ts";
import { FakeServer, type FakeOptions } from "./support/fake-server.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

async function open(options: FakeOptions, clientOptions = {}): Promise<{ fake: FakeServer; client: Client }> {
  const fake = opened.add(await FakeServer.start(options));
  const client = createClient({ servers: [fake.address], protocol: "classic", ...clientOptions });
  opened.defer(() => client.destroy());
  return { fake, client };
}

const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => "fulfilled",
    (error: unknown) => String((error as { code: unknown }).code),
  );

describe("deadlines", () => {
  test("hold under steady traffic to a server that has stopped answering", async () => {
    const { fake, client } = await open({}, { timeouts: { requestMs: 200, stallMs: 60_000 }, timeoutLimit: 1_000_000 });
    await client.set("a", "1");
    fake.frozen = true;
    const late: number[] = [];
    const codes = new Set<string>();
    const calls: Promise<unknown>[] = [];
    const until = performance.now() + 600;
    while (performance.now() < until) {
      const started = performance.now();
      calls.push(
        codeOf(client.get("a")).then((code) => {
          codes.add(code);
          late.push(performance.now() - started - 200);
        }),
      );
      await sleep(2);
    }
    await Promise.all(calls);
    expect([...codes]).toEqual(["timeout"]);
    late.sort((a, b) => a - b);
    expect(late[0]).toBeGreaterThanOrEqual(-1);
    // The bar is 50 ms; a test machine may be busy.
    expect(late[Math.floor(late.length * 0.9)]).toBeLessThan(250);
  });

  test("are each call's own, in one line of keys, too", async () => {
    const { fake, client } = await open({}, { timeouts: { requestMs: 5000 } });
    await client.set("a", "1");
    fake.frozen = true;
    const long = client.get("a");
    const short = client.get("b", { timeoutMs: 50 });
    expect(await codeOf(short)).toBe("timeout");
    expect(fake.lines.at(-1)).toBe("set a");
    client.destroy();
    expect(await codeOf(long)).toBe("closed");
  });

  test("a late answer is dropped, and those behind it find their callers", async () => {
    const held: (() => void)[] = [];
    const send = (socket: { write(bytes: Buffer): unknown }, bytes: Buffer) => {
      if (held.length === 0 && bytes.includes("slow")) held.push(() => socket.write(bytes));
      else if (held.length === 1) held.push(() => socket.write(bytes));
      else socket.write(bytes);
    };
    const { client } = await open({ send }, { timeouts: { requestMs: 5000 } });
    await client.set("a", "slow");
    await client.set("b", "quick");
    expect(await codeOf(client.get("a", { timeoutMs: 40 }))).toBe("timeout");
    const second = client.get("b");
    await eventually(() => held.length === 2);
    for (const release of held) release();
    expect(await second).toBe("quick");
  });

  test("count while the server's protocol is not known, and while it is dialled", async () => {
    const fake = opened.add(await FakeServer.start());
    fake.frozen = true;
    const client = createClient({ servers: [fake.address], timeouts: { requestMs: 80 } });
    opened.defer(() => client.destroy());
    const started = performance.now();
    expect(await codeOf(client.get("a"))).toBe("timeout");
    expect(performance.now() - started).toBeLessThan(400);
  });

  test("a connection that stays silent is given up, and the next one is used", async () => {
    const { fake, client } = await open({}, { timeouts: { requestMs: 50, stallMs: 50 } });
    await client.set("a", "1");
    fake.frozen = true;
    expect(await codeOf(client.get("a"))).toBe("timeout");
    await eventually(() => fake.sockets.size === 0 || fake.accepted > 1);
    fake.frozen = false;
    expect(await eventually(() => client.get("a"))).toBe("1");
    expect(fake.accepted).toBeGreaterThan(1);
  });
});

describe("an AbortSignal", () => {
  test("that is aborted already sends nothing", async () => {
    const { fake, client } = await open({});
    await client.set("a", "1");
    const before = fake.requests.length;
    expect(await codeOf(client.get("a", { signal: AbortSignal.abort() }))).toBe("aborted");
    expect(await client.get("b")).toBeUndefined();
    expect(fake.requests.length).toBe(before + 1);
  });

  test("ends a call before it was written, and the call keeps the reason", async () => {
    const { client } = await open({});
    const controller = new AbortController();
    const call = client.get("a", { signal: controller.signal });
    const other = client.set("b", "2");
    controller.abort(new Error("changed my mind"));
    await expect(call).rejects.toMatchObject({ code: "aborted", cause: { message: "changed my mind" } });
    expect(await other).toBe(true);
  });

  test.each(["classic", "meta"] as const)(
    "ends a call in flight; %s answers stay with their calls",
    async (protocol) => {
      const { fake, client } = await open({}, { protocol, timeouts: { requestMs: 5000 } });
      const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
      await client.setMany(keys.map((key) => [key, `of ${key}`] as const));
      fake.frozen = true;
      const controllers = keys.map(() => new AbortController());
      const calls = keys.map((key, i) => codeOfValue(client.get(key, { signal: controllers[i]!.signal })));
      await eventually(() => fake.reads.length >= 2);
      for (const [i, controller] of controllers.entries()) if (i % 3 === 0) controller.abort();
      // The next read wakes it up with everything that has come so far.
      fake.frozen = false;
      const last = client.get("k1");
      expect(await Promise.all(calls)).toEqual(keys.map((key, i) => (i % 3 === 0 ? "aborted" : `of ${key}`)));
      expect(await last).toBe("of k1");
    },
  );

  test("leaves no listener behind", async () => {
    const { client } = await open({});
    let listeners = 0;
    const signal = new AbortController().signal;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    await Promise.all(Array.from({ length: 100 }, (_, i) => client.get(`k${i}`, { signal })));
    expect(listeners).toBe(0);
  });
});

function codeOfValue(call: Promise<unknown>): Promise<unknown> {
  return call.catch((error: unknown) => (error as { code: unknown }).code);
}

describe("bounds", () => {
  test("of requests: beyond, a call fails at once with queue_full", async () => {
    const { fake, client } = await open({}, { limits: { maxRequests: 100 }, timeouts: { requestMs: 300 } });
    await client.get("a");
    fake.frozen = true;
    const codes = await Promise.all(Array.from({ length: 250 }, (_, i) => codeOf(client.set(`k${i}`, "v"))));
    expect(codes.filter((code) => code === "timeout")).toHaveLength(100);
    expect(codes.filter((code) => code === "queue_full")).toHaveLength(150);
  });

  test("of bytes: what waits in this process stays below them", async () => {
    const limit = 4 * 1024 * 1024;
    const { fake, client } = await open({}, { limits: { maxBytes: limit }, timeouts: { requestMs: 500 } });
    await client.get("a");
    for (const socket of fake.sockets) socket.pause();
    const value = "v".repeat(1000);
    let peak = 0;
    const codes: Promise<string>[] = [];
    for (let i = 0; i < 20_000; i++) {
      codes.push(codeOf(client.set(`k${i}`, value)));
      peak = Math.max(peak, client.pool.links[0]!.connection?.bufferedBytes ?? 0);
      if (i % 500 === 0) await sleep(0);
    }
    const ends = new Set(await Promise.all(codes));
    expect(ends.has("queue_full")).toBe(true);
    expect(peak).toBeLessThan(limit + 4096);
  });
});

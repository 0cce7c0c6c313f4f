// A call ends in time whatever the server does, and an aborted one at once; what comes late is never another's answer.

import { Cleanup, eventually, spawnMarugotoServer } from "@marugoto/testing";
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { createClient, type Client } from "../src/index.ts";
import { FakeServer, type FakeOptions } from "./support/fake-server.ts";
import { punctually } from "./support/punctual.ts";

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
  test("hold under steady traffic to a server that has stopped answering", { timeout: 60_000 }, async () => {
    const timeoutMs = 200;
    const run = async () => {
      const timeouts = { requestMs: timeoutMs, stallMs: 60_000 };
      const { fake, client } = await open({}, { timeouts, timeoutLimit: 1_000_000 });
      await client.set("a", "1", { timeoutMs: 5000 });
      fake.frozen = true;
      const late: number[] = [];
      const codes = new Set<string>();
      const calls: Promise<unknown>[] = [];
      const until = performance.now() + 1000;
      while (performance.now() < until) {
        const started = performance.now();
        calls.push(
          codeOf(client.get("a")).then((code) => {
            codes.add(code);
            late.push(performance.now() - started - timeoutMs);
          }),
        );
        await sleep(1);
      }
      await Promise.all(calls);
      client.destroy();
      await fake.close();
      late.sort((a, b) => a - b);
      return { codes: [...codes], first: late[0]!, most: late[Math.floor(late.length * 0.99)]!, last: late.at(-1)! };
    };
    const isMet = ({ most, last }: { most: number; last: number }) => most <= 50 && last <= 250;
    const result = await punctually(run, isMet);
    expect(result.codes).toEqual(["timeout"]);
    expect(result.first).toBeGreaterThanOrEqual(-1);
    expect(result.most).toBeLessThanOrEqual(50);
    expect(result.last).toBeLessThanOrEqual(250);
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

  test("are not missed by answers that came while this process was busy", async () => {
    const server = opened.add(await spawnMarugotoServer());
    const client = opened.add(
      createClient({ servers: [`127.0.0.1:${server.port}`], protocol: "classic", timeouts: { requestMs: 100 } }),
    );
    await client.set("a", "1");
    const calls = Array.from({ length: 10 }, () => client.get("a"));
    // They leave at the end of this tick; then nothing is read or timed for longer than they may take.
    setImmediate(() => {
      const until = performance.now() + 400;
      while (performance.now() < until);
    });
    expect(new Set(await Promise.all(calls))).toEqual(new Set(["1"]));
  });

  test("a connection that gave a byte after a timeout, and nothing more, is given up, too", async () => {
    const sent = new Set<Socket>();
    const send = (socket: Socket, bytes: Buffer) => {
      sent.add(socket);
      if (!bytes.includes("END")) socket.write(bytes);
    };
    const { fake, client } = await open({ send }, { timeouts: { requestMs: 5000, stallMs: 100 } });
    await client.set("a", "1");
    expect(await codeOf(client.get("a", { timeoutMs: 50 }))).toBe("timeout");
    for (const socket of sent) socket.write("VALUE a");
    await eventually(() => fake.sockets.size === 0 || fake.accepted > 1);
  });

  test("a connection that stays silent is given up, and the next one is used", async () => {
    const { fake, client } = await open({}, { timeouts: { requestMs: 50, stallMs: 50 } });
    await client.set("a", "1", { timeoutMs: 5000 });
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

  test("of a call that was refused has nothing to do with the next", async () => {
    const { client } = await open({});
    const controller = new AbortController();
    const { signal } = controller;
    expect(await codeOf(client.set("a", undefined, { signal }))).toBe("value_unencodable");
    expect(await codeOf(client.set("a", "v", { signal, ttl: Number.NaN }))).toBe("invalid_option");
    controller.abort();
    expect(await client.get("a")).toBeUndefined();
    expect(await client.get("a")).toBeUndefined();
  });

  test("of a stats call detaches nobody else's request when members have changed", async () => {
    const { fake, client } = await open({});
    const other = opened.add(await FakeServer.start());
    await client.get("a");
    client.addServer(other.address);
    await client.version();
    fake.frozen = other.frozen = true;
    const controller = new AbortController();
    const stats = codeOf(client.stats(undefined, { signal: controller.signal }));
    await eventually(() => other.reads.length >= 2);
    // The other server is now the first one, with requests of its own.
    client.removeServer(fake.address);
    const reads = Array.from({ length: 8 }, (_, i) => client.gets(`k${i}`));
    controller.abort();
    other.frozen = false;
    expect(await stats).toBe("aborted");
    expect(await Promise.all(reads)).toEqual(reads.map(() => undefined));
    fake.frozen = false;
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

  test("leaves no listener behind, and puts only one on a signal", async () => {
    const { client } = await open({});
    const { signal, listeners } = counted();
    const calls = Array.from({ length: 100 }, (_, i) => client.get(`k${i}`, { signal }));
    const many = client.getMany(
      Array.from({ length: 1000 }, (_, i) => `k${i}`),
      { signal },
    );
    // Node 20 warns of a leak at the eleventh.
    expect(listeners()).toBe(1);
    await Promise.all([...calls, many]);
    await expect(client.getMany(["k", 5 as unknown as string], { signal })).rejects.toThrow(TypeError);
    await eventually(() => listeners() === 0);
  });

  test("ends a read of many as a whole, whatever is wanted of failures", async () => {
    const { fake, client } = await open({});
    await client.get("warm");
    fake.frozen = true;
    const controller = new AbortController();
    const options = { signal: controller.signal, onFailure: "miss" } as const;
    const calls = [client.getMany(["a", "b"], options), client.setMany([["a", 1]], options), client.version(options)];
    controller.abort(new Error("enough"));
    for (const end of await Promise.allSettled<unknown>(calls)) {
      expect(end).toMatchObject({ reason: { code: "aborted", cause: { message: "enough" } } });
    }
  });

  describe("ends a call at once", () => {
    const value = "v".repeat(300_000);

    const stages: Record<string, () => Promise<{ client: Client; begin: (signal: AbortSignal) => Promise<unknown> }>> =
      {
        "while the server's protocol is not known": async () => {
          const { fake, client } = await open({}, { protocol: "auto" });
          fake.frozen = true;
          return { client, begin: (signal) => client.get("a", { signal }) };
        },
        "while the server is dialled": async () => {
          // It accepts and never answers the handshake.
          const { client } = await open({ reads: false }, { socket: { tls: true } });
          return { client, begin: (signal) => client.get("a", { signal }) };
        },
        "behind what the server does not read": async () => {
          const { client } = await open({ reads: false }, { timeouts: { requestMs: 60_000 } });
          for (let i = 0; i < 40; i++) client.set(`k${i}`, value).catch(() => undefined);
          await eventually(() => client.pool.links[0]!.connection!.bufferedBytes > 0);
          return { client, begin: (signal) => client.set("a", value, { signal }) };
        },
        "in flight": async () => {
          const { fake, client } = await open({});
          await client.set("a", "1");
          fake.frozen = true;
          return { client, begin: (signal) => client.get("a", { signal }) };
        },
        "in the middle of its value": async () => {
          const send = (socket: Socket, bytes: Buffer) => socket.write(bytes.subarray(0, bytes.length - 1000));
          const { fake, client } = await open({ send }, { timeouts: { requestMs: 60_000 } });
          fake.items.set("a", { value: Buffer.from(value), flags: 0, cas: 1n, exptime: 0 });
          return { client, begin: (signal) => client.get("a", { signal }) };
        },
        "of whole servers": async () => {
          const { fake, client } = await open({});
          await client.get("a");
          fake.frozen = true;
          return { client, begin: (signal) => client.version({ signal }) };
        },
        "that has gone on to the gutter": async () => {
          const spare = opened.add(await FakeServer.start());
          spare.frozen = true;
          const { fake, client } = await open({}, { gutter: { servers: [spare.address] }, lossLimit: 1 });
          await client.get("a");
          await fake.close();
          await eventually(async () => (await codeOf(client.get("a"))) === "server_disabled");
          return { client, begin: (signal) => client.get("a", { signal, onFailure: "gutter" }) };
        },
      };

    test.each(Object.entries(stages))("%s", async (_stage, prepare) => {
      const { begin } = await prepare();
      const controller = new AbortController();
      const call = codeOf(begin(controller.signal));
      // Long enough for it to get as far as it can.
      await sleep(60);
      controller.abort();
      expect(await Promise.race([call, nextTurn("still waiting")])).toBe("aborted");
    });

    test("and its server is none the worse for it", async () => {
      const { fake, client } = await open({}, { protocol: "auto" });
      const controller = new AbortController();
      const { signal } = controller;
      const calls = [
        client.get("a", { signal }),
        client.stats(undefined, { signal }),
        client.set("b", "2", { signal }),
      ];
      controller.abort();
      expect(await Promise.all(calls.map(codeOf))).toEqual(["aborted", "aborted", "aborted"]);
      await client.set("a", "1");
      expect(await client.get("a")).toBe("1");
      expect(fake.faults).toEqual([]);
    });
  });
});

/** A signal that knows how many listen to it. */
function counted(): { signal: AbortSignal; listeners: () => number } {
  let listeners = 0;
  const { signal } = new AbortController();
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
  return { signal, listeners: () => listeners };
}

function codeOfValue(call: Promise<unknown>): Promise<unknown> {
  return call.catch((error: unknown) => (error as { code: unknown }).code);
}

const LONG = { timeout: 120_000 };
const SETS = 1_000_000;
const BOUND = 4 * 1024 * 1024;

describe("bounds", () => {
  test("of requests: beyond, a call fails at once with queue_full", async () => {
    const { fake, client } = await open({}, { limits: { maxRequests: 100 }, timeouts: { requestMs: 300 } });
    await client.get("a");
    fake.frozen = true;
    const codes = await Promise.all(Array.from({ length: 250 }, (_, i) => codeOf(client.set(`k${i}`, "v"))));
    expect(codes.filter((code) => code === "timeout")).toHaveLength(100);
    expect(codes.filter((code) => code === "queue_full")).toHaveLength(150);
  });

  test("count the bytes that wait while the server's protocol is not known", async () => {
    const { fake, client } = await open(
      {},
      { protocol: "auto", limits: { maxBytes: 100_000 }, timeouts: { requestMs: 150 } },
    );
    fake.frozen = true;
    const value = randomBytes(10_000);
    const codes = await Promise.all(Array.from({ length: 30 }, (_, i) => codeOf(client.set(`k${i}`, value))));
    expect(codes.filter((code) => code === "queue_full")).toHaveLength(20);
    expect(codes.filter((code) => code === "timeout")).toHaveLength(10);
    // What has ended waits no more.
    fake.frozen = false;
    await eventually(async () => (await codeOf(client.set("k", value))) === "fulfilled");
  });

  test("hold for a million sets to a server that does not read, each of which fails with a code", LONG, async () => {
    const { client } = await open(
      { reads: false },
      { limits: { maxBytes: BOUND }, timeouts: { requestMs: 1500, stallMs: 60_000 }, timeoutLimit: 10_000_000 },
    );
    const value = "v".repeat(100);
    // A million stack traces would take most of the time.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    opened.defer(() => (Error.stackTraceLimit = stackTraceLimit));
    const codes: Record<string, number> = {};
    const note = (error: unknown) => {
      const { code } = error as { code: string };
      codes[code] = (codes[code] ?? 0) + 1;
    };
    let peak = 0;
    let stored = 0;
    let last: Promise<void> = Promise.resolve();
    for (let i = 0; i < SETS; i++) {
      last = client.set(`key${i}`, value).then(() => {
        stored++;
      }, note);
      if (i % 2000 !== 0) continue;
      peak = Math.max(peak, client.pool.links[0]!.connection?.bufferedBytes ?? 0);
      await nextTurn();
    }
    await last;
    await eventually(() => Object.values(codes).reduce((sum, count) => sum + count, 0) === SETS);
    expect(stored).toBe(0);
    expect(Object.keys(codes).sort()).toEqual(["queue_full", "timeout"]);
    expect(codes.queue_full).toBeGreaterThan(SETS / 2);
    expect(peak).toBeGreaterThan(BOUND / 2);
    expect(peak).toBeLessThan(BOUND + 4096);
  });
});

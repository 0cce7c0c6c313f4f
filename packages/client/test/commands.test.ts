// Every command means the same in both protocols and against every server that has it.

import { Cleanup, seededRandom, spawnMemcached, startOldServer, useOracle } from "@marugoto/testing";
import { afterEach, describe, expect, test } from "vitest";
import { createClient, type Client } from "../src/index.ts";
import { FakeServer } from "./support/fake-server.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

const memcached = useOracle("memcached", "commands against real memcached");

const backends: readonly { name: string; skip?: boolean; start: () => Promise<number> }[] = [
  { name: "a fake with meta", start: async () => opened.add(await FakeServer.start()).port },
  { name: "a fake without meta", start: async () => opened.add(await FakeServer.start({ meta: false })).port },
  { name: "memcached", skip: memcached.isMissing, start: async () => opened.add(await spawnMemcached()).port },
];

async function open(start: () => Promise<number>, protocol: "auto" | "classic"): Promise<Client> {
  const client = createClient({ servers: [`127.0.0.1:${await start()}`], protocol });
  opened.add(client);
  return client;
}

for (const { name, skip, start } of backends) {
  describe.skipIf(skip ?? false).each(["auto", "classic"] as const)(`${name}, protocol %s`, (protocol) => {
    test("what was set is read, what was not is undefined", async () => {
      const client = await open(start, protocol);
      expect(await client.get("a")).toBeUndefined();
      expect(await client.set("a", "hello")).toBe(true);
      expect(await client.get("a")).toBe("hello");
      expect(await client.set("a", "")).toBe(true);
      expect(await client.get("a")).toBe("");
    });

    test.each([
      ["text with line ends", "l1\r\nEND\r\nl2"],
      ["text beyond ASCII", "まるごと"],
      ["latin1 letters", "é".repeat(70)],
      ["a number", 42.5],
      ["a bigint", 2n ** 63n],
      ["true", true],
      ["null", null],
      ["an object", { a: [1, "b", null] }],
      ["1 MB of text less a little", "x".repeat(1_000_000)],
    ])("%s comes back as it was", async (_what, value) => {
      const client = await open(start, protocol);
      await client.set("v", value);
      expect(await client.get("v")).toEqual(value);
    });

    test("every byte comes back, small and large", async () => {
      const client = await open(start, protocol);
      const small = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
      const large = Buffer.concat(Array.from({ length: 1500 }, (_, i) => Buffer.concat([small, Buffer.from(`${i}`)])));
      await client.set("s", small);
      await client.set("l", large);
      expect(await client.get("s")).toEqual(small);
      expect(large.equals((await client.get<Buffer>("l"))!)).toBe(true);
    });

    test("add, replace, append, prepend", async () => {
      const client = await open(start, protocol);
      expect(await client.replace("k", "r")).toBe(false);
      expect(await client.append("k", "x")).toBe(false);
      expect(await client.add("k", "b")).toBe(true);
      expect(await client.add("k", "c")).toBe(false);
      expect(await client.append("k", "c")).toBe(true);
      expect(await client.prepend("k", "a")).toBe(true);
      expect(await client.get("k")).toBe("abc");
      expect(await client.replace("k", "r")).toBe(true);
      expect(await client.get("k")).toBe("r");
    });

    test("cas stores once, then says what is in the way", async () => {
      const client = await open(start, protocol);
      expect(await client.cas("k", "x", 1n)).toBe("not_found");
      await client.set("k", "v");
      const found = await client.gets("k");
      expect(found?.value).toBe("v");
      expect(await client.cas("k", "w", found!.cas)).toBe("stored");
      expect(await client.cas("k", "x", found!.cas)).toBe("exists");
      expect(await client.gets("none")).toBeUndefined();
    });

    test("delete and touch say whether there was something", async () => {
      const client = await open(start, protocol);
      await client.set("k", "v");
      expect(await client.touch("k", 100)).toBe(true);
      expect(await client.delete("k")).toBe(true);
      expect(await client.delete("k")).toBe(false);
      expect(await client.touch("k", 100)).toBe(false);
    });

    test("gat reads and touches", async () => {
      const client = await open(start, protocol);
      await client.set("k", "v");
      expect(await client.gat("k", 100)).toBe("v");
      expect(await client.gats("k", 100)).toMatchObject({ value: "v" });
      expect(await client.gat("none", 100)).toBeUndefined();
    });

    test("counters are exact up to 2^64 - 1 and wrap there", async () => {
      const client = await open(start, protocol);
      expect(await client.incr("n")).toBeUndefined();
      expect(await client.incr("n", 1, { initial: 2n ** 64n - 2n })).toBe(2n ** 64n - 2n);
      expect(await client.incr("n")).toBe(2n ** 64n - 1n);
      expect(await client.incr("n", 3)).toBe(2n);
      expect(await client.decr("n", 2n ** 40n)).toBe(0n);
    });

    test("many at once", async () => {
      const client = await open(start, protocol);
      const entries = Array.from({ length: 250 }, (_, i) => [`key${i}`, `value${i}`] as const);
      expect(await client.setMany(entries)).toEqual({ done: 250, notDone: [], errors: [] });
      const found = await client.getMany(["none", ...entries.map(([key]) => key), "key0"]);
      expect([...found]).toEqual(entries);
      const versions = await client.getsMany(["key1", "none"]);
      expect(versions.get("key1")?.cas).toBeTypeOf("bigint");
      expect(await client.deleteMany(["key0", "none", "key1"])).toMatchObject({ done: 2, notDone: ["none"] });
      expect((await client.getMany([])).size).toBe(0);
    });

    test("flush, stats and version", async () => {
      const client = await open(start, protocol);
      await client.set("k", "v");
      const name = client.servers[0]!.name;
      expect((await client.stats()).get(name)).toHaveProperty("curr_items");
      expect((await client.version()).get(name)).toMatch(/^1\./);
      await client.flush();
      expect(await client.get("k")).toBeUndefined();
    });

    test("a server's refusal is an error, and the next call is not touched by it", async () => {
      const client = await open(start, protocol);
      await client.set("k", "text");
      if (name === "memcached") {
        await expect(client.incr("k")).rejects.toMatchObject({ code: "client_error" });
        const huge = seededRandom(1).bytes(2 ** 20 + 1);
        await expect(client.set("huge", huge)).rejects.toMatchObject({ code: "value_too_large" });
      }
      expect(await client.get("k")).toBe("text");
    });
  });
}

test("what is no key, no text and no bytes is the program's mistake", async () => {
  const fake = opened.add(await FakeServer.start());
  const client = opened.add(createClient({ servers: [fake.address] }));
  const wrong = (value: unknown) => value as string;
  await expect(client.get(wrong(5))).rejects.toThrow(TypeError);
  await expect(client.getMany(["a", wrong(null)])).rejects.toThrow(TypeError);
  // As bytes it would be twice as long as it says.
  await expect(client.append("k", wrong(new Uint16Array(20_000)))).rejects.toThrow(TypeError);
  await expect(client.invalidate("k", 30, { cas: -1n })).rejects.toMatchObject({ code: "invalid_option" });
  await expect(client.incr("k", wrong("1") as unknown as number)).rejects.toThrow(TypeError);
  expect(fake.faults).toEqual([]);
});

test.each([Number.NaN, -1, 1.5, 2 ** 64, Infinity])("the number %d is refused where it has no meaning", async (bad) => {
  const fake = opened.add(await FakeServer.start());
  const client = opened.add(createClient({ servers: [fake.address], protocol: "meta" }));
  const refused = { code: "invalid_option" };
  await expect(client.incr("k", bad)).rejects.toMatchObject(refused);
  await expect(client.decr("k", 1, { initial: bad })).rejects.toMatchObject(refused);
  await expect(client.lease("k", bad, 0)).rejects.toMatchObject(refused);
  await expect(client.lease("k", 1, bad)).rejects.toMatchObject(refused);
  await expect(client.invalidate("k", bad)).rejects.toMatchObject(refused);
  expect(fake.requests.filter(({ command }) => command !== "metaArithmetic")).toEqual([]);
});

test("a key of bytes is what it was when the call was made", async () => {
  const fake = opened.add(await FakeServer.start());
  const client = opened.add(createClient({ servers: [fake.address] }));
  const key = Buffer.from("a");
  const serverKey = Buffer.from("s");
  // The protocol is not known yet: the call is written later.
  const set = client.set(key, "of a", { serverKey });
  const read = client.getMany([key]);
  key[0] = serverKey[0] = 0x20;
  expect(await set).toBe(true);
  await read;
  expect([...fake.items.keys()]).toEqual(["a"]);
  expect(fake.faults).toEqual([]);
});

describe("memcached 1.4", () => {
  test("does everything but gat, which it refuses by name", async () => {
    // Of 2012: gets, cas, append, prepend and touch, no gat in the text protocol, no meta.
    const answer = ({ command }: { command: string }) => (command.startsWith("gat") ? "ERROR\r\n" : undefined);
    const fake = opened.add(await FakeServer.start({ meta: false, answer }));
    const client = opened.add(createClient({ servers: [fake.address] }));
    expect(await client.set("k", "v")).toBe(true);
    const found = await client.gets("k");
    expect(await client.cas("k", "w", found!.cas)).toBe("stored");
    expect(await client.append("k", "x")).toBe(true);
    expect(await client.touch("k", 60)).toBe(true);
    await expect(client.gat("k", 60)).rejects.toMatchObject({ code: "not_supported" });
    expect(await client.get("k")).toBe("wx");
    let loads = 0;
    const load = () => `load ${++loads}`;
    expect(await client.getOrSet("c", load, { ttl: 60 })).toBe("load 1");
    expect(await client.getOrSet("c", load, { ttl: 60 })).toBe("load 1");
  });
});

describe("a server that knows only the commands of 2005", () => {
  test("does what it can, and the rest is refused by name", async () => {
    const old = opened.add(await startOldServer());
    const client = opened.add(createClient({ servers: [`127.0.0.1:${old.port}`] }));
    expect(await client.set("a", { x: 1 })).toBe(true);
    expect(await client.get("a")).toEqual({ x: 1 });
    expect((await client.getMany(["a", "b"])).size).toBe(1);
    expect(await client.add("n", "5")).toBe(true);
    expect(await client.incr("n", 2)).toBe(7n);
    expect(await client.delete("a")).toBe(true);
    expect((await client.version()).get(client.servers[0]!.name)).toBe("1.1.12");
    await expect(client.gets("n")).rejects.toMatchObject({ code: "not_supported" });
    await expect(client.touch("n", 5)).rejects.toMatchObject({ code: "not_supported" });
    expect(await client.get("n")).toBe("7");
    await client.flush();
    expect(await client.get("n")).toBeUndefined();
    // One `mn` to find out, on a connection of its own, and no meta command after it.
    expect(old.unknown).toEqual(["mn", "gets", "touch"]);
  });
});

// All calls of a tick leave in one write, gets in lines of many keys; and none of that can be told from the results.

import { Cleanup, freshSeed, seededRandom, type Random } from "@marugoto/testing";
import { afterEach, describe, expect, test } from "vitest";
import { createClient, type Client } from "../src/index.ts";
import { FakeServer } from "./support/fake-server.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

async function open(protocol: "classic" | "meta", limits = {}): Promise<{ fake: FakeServer; client: Client }> {
  const fake = opened.add(await FakeServer.start());
  const client = opened.add(createClient({ servers: [fake.address], protocol, limits }));
  await client.get("warm");
  fake.requests.length = fake.reads.length = 0;
  return { fake, client };
}

describe("one tick", () => {
  test("64 classic gets are one line in one read", async () => {
    const { fake, client } = await open("classic");
    const keys = Array.from({ length: 64 }, (_, i) => `k${i}`);
    await Promise.all(keys.map((key) => client.get(key)));
    expect(fake.reads).toHaveLength(1);
    expect(fake.lines).toEqual([`get ${keys.join(" ")}`]);
  });

  test("64 meta gets are one read", async () => {
    const { fake, client } = await open("meta");
    await Promise.all(Array.from({ length: 64 }, (_, i) => client.get(`k${i}`)));
    expect(fake.reads).toHaveLength(1);
    expect(fake.requests).toHaveLength(64);
  });

  test("other commands cut the line where they stand", async () => {
    const { fake, client } = await open("classic");
    const calls = [client.get("a"), client.set("a", "1"), client.get("a"), client.gets("b"), client.get("c")];
    const [before, , after] = await Promise.all(calls);
    expect([before, after]).toEqual([undefined, "1"]);
    expect(fake.lines).toEqual(["get a", "set a", "get a", "gets b", "get c"]);
    expect(fake.reads).toHaveLength(1);
  });

  test("a line has at most so many keys and bytes", async () => {
    const { fake, client } = await open("classic", { maxLineKeys: 3, maxLineBytes: 19 });
    await Promise.all(["a", "b", "c", "d"].map((key) => client.get(key)));
    await Promise.all(["aaaaaaaaaa", "bbbbbbbb", "c"].map((key) => client.get(key)));
    expect(fake.lines).toEqual(["get a b c", "get d", "get aaaaaaaaaa", "get bbbbbbbb c"]);
  });

  test("the same key twice in a line is answered twice", async () => {
    const { client } = await open("classic");
    await client.set("a", "1");
    expect(await Promise.all(["a", "b", "a", "a"].map((key) => client.get(key)))).toEqual(["1", undefined, "1", "1"]);
  });

  test("calls made by answers of one read leave in one write", async () => {
    const { fake, client } = await open("meta");
    await Promise.all(Array.from({ length: 10 }, (_, i) => client.get(`k${i}`).then(() => client.get(`l${i}`))));
    expect(fake.reads).toHaveLength(2);
  });

  test.each(["classic", "meta"] as const)(
    "calls that come late in it leave with the first, %s, however many ticks before had one call",
    async (protocol) => {
      const { fake, client } = await open(protocol);
      for (let i = 0; i < 100; i++) await client.get(`lone${i}`);
      fake.reads.length = 0;
      // Begun by the answer to the last of them, so within its read.
      const late = async (turns: number) => {
        for (let turn = 0; turn < turns; turn++) await Promise.resolve();
        return client.get(`late${turns}`);
      };
      await Promise.all([client.get("first"), late(1), late(10), late(100)]);
      expect(fake.reads).toHaveLength(1);
    },
  );

  test("calls of two clients leave in one write each, whoever was answered", async () => {
    const [one, other] = [await open("meta"), await open("meta")];
    await one.client.get("before");
    one.fake.reads.length = 0;
    const both = async (turns: number) => {
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      return Promise.all([one.client.get(`one${turns}`), other.client.get(`other${turns}`)]);
    };
    await Promise.all([both(0), both(5), both(50)]);
    expect([one.fake.reads.length, other.fake.reads.length]).toEqual([1, 1]);
  });

  test("megabytes in one tick arrive whole", async () => {
    const { client } = await open("classic");
    const values = Array.from({ length: 40 }, (_, i) => Buffer.alloc(1000 + i * 5000, i));
    await Promise.all(values.map((value, i) => client.set(`k${i}`, value)));
    const back = await Promise.all(values.map((_, i) => client.get<Buffer>(`k${i}`)));
    expect(back.every((value, i) => value?.equals(values[i]!))).toBe(true);
  });
});

// ---- against a model ----

/** What a cache is, in the fewest words. */
class Model {
  readonly #items = new Map<string, string>();

  get(key: string): string | undefined {
    return this.#items.get(key);
  }

  set(key: string, value: string): boolean {
    this.#items.set(key, value);
    return true;
  }

  add(key: string, value: string): boolean {
    return !this.#items.has(key) && this.set(key, value);
  }

  append(key: string, value: string): boolean {
    const before = this.get(key);
    return before !== undefined && this.set(key, before + value);
  }

  delete(key: string): boolean {
    return this.#items.delete(key);
  }
}

function step(random: Random, client: Client, model: Model): [Promise<unknown>, unknown] {
  const key = `key${random.int(6)}`;
  const value = `v${random.int(1000)}`;
  switch (random.int(7)) {
    case 0:
      return [client.set(key, value), model.set(key, value)];
    case 1:
      return [client.add(key, value), model.add(key, value)];
    case 2:
      return [client.append(key, value), model.append(key, value)];
    case 3:
      return [client.delete(key), model.delete(key)];
    case 4: {
      const keys = Array.from({ length: random.int(5) }, () => `key${random.int(6)}`);
      const expected = keys.filter((name) => model.get(name) !== undefined).map((name) => [name, model.get(name)]);
      return [client.getMany(keys).then((found) => [...found]), [...new Map(expected as [string, string][])]];
    }
    default:
      return [client.get(key), model.get(key)];
  }
}

test.each(["classic", "meta"] as const)("random calls in random ticks, %s, end as a model does", async (protocol) => {
  const seed = freshSeed();
  const random = seededRandom(seed);
  const { client } = await open(protocol);
  const model = new Model();
  for (let round = 0; round < 300; round++) {
    const steps = Array.from({ length: random.between(1, 30) }, () => step(random, client, model));
    const results = await Promise.all(steps.map(([result]) => result));
    expect(results, `seed ${seed}, round ${round}`).toEqual(steps.map(([, expected]) => expected));
  }
});

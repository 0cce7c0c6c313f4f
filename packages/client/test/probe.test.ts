// Which protocol a server speaks is found out once, on a connection of its own, and is never a failure.

import {
  Cleanup,
  eventually,
  useOracle,
  spawnServer,
  spawnMemcached,
  freePort,
  temporaryFolder,
} from "@marugoto/testing";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { createClient } from "../src/index.ts";
import { FakeServer } from "./support/fake-server.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

describe("the probe", () => {
  test.each([
    ["meta", true],
    ["classic", false],
    ["classic", "closes"],
    ["classic", "silent"],
  ] as const)("finds %s with a server whose meta is: %s", async (protocol, meta) => {
    const fake = opened.add(await FakeServer.start({ meta }));
    const client = opened.add(createClient({ servers: [fake.address] }));
    const found: string[] = [];
    client.events.on("protocol", (event) => found.push(event.protocol));
    const calls = [
      client.set("a", "1"),
      client.get("a"),
      client.getMany(["a", "b"]),
      client.delete("a"),
      client.get("a"),
    ];
    const [stored, value, many, deleted, gone] = await Promise.all(calls);
    expect([stored, value, deleted, gone]).toEqual([true, "1", true, undefined]);
    expect([...(many as Map<string, unknown>)]).toEqual([["a", "1"]]);
    expect(found).toEqual([protocol]);
    const probes = fake.requests.filter(({ command }) => command === "metaNoop");
    expect(probes).toHaveLength(1);
    const used = fake.requests.filter(({ command }) => command.startsWith("meta") && command !== "metaNoop");
    expect(used.length > 0).toBe(protocol === "meta");
  });

  test("is not made when the protocol is given", async () => {
    const fake = opened.add(await FakeServer.start());
    const client = opened.add(createClient({ servers: [fake.address], protocol: "classic" }));
    await client.set("a", "1");
    expect(await client.get("a")).toBe("1");
    expect(fake.requests.map(({ command }) => command)).toEqual(["set", "get"]);
    expect(fake.accepted).toBe(1);
  });

  test("of a slow server holds up for 200 ms what classic can do, and for as long as it takes what it can't", async () => {
    const fake = opened.add(await FakeServer.start());
    fake.frozen = true;
    const client = opened.add(createClient({ servers: [fake.address], keys: "base64", timeouts: { requestMs: 5000 } }));
    const found: string[] = [];
    client.events.on("protocol", (event) => found.push(event.protocol));
    const calls = [client.set("a", "1"), client.set("with space", "2"), client.lease("b", 10, 0)];
    await eventually(() => found.length === 1);
    fake.frozen = false;
    expect(await Promise.all(calls)).toEqual([true, true, undefined]);
    expect(found).toEqual(["classic", "meta"]);
    const commands = fake.requests.map(({ command }) => command);
    expect(commands.filter((command) => /set$/i.test(command))).toEqual(["set", "metaSet"]);
  });

  describe("of a server that leaves the first so many without an answer", () => {
    async function open(unanswered: number) {
      let versions = 0;
      const answer = ({ command }: { command: string }) =>
        command === "version" && ++versions <= unanswered ? null : undefined;
      const fake = opened.add(await FakeServer.start({ answer }));
      const timeouts = { connectMs: 100, requestMs: 5000 };
      const client = opened.add(createClient({ servers: [fake.address], timeouts }));
      return { client, versions: () => versions };
    }

    test("is made again for calls that can't do without", async () => {
      const { client, versions } = await open(2);
      expect(await client.lease("k", 10, 0)).toBeUndefined();
      expect(versions()).toBe(3);
    });

    test("is made again when the first such call comes", async () => {
      const { client, versions } = await open(1);
      await client.set("a", "1");
      const link = client.pool.links[0]!;
      await eventually(() => link.meta === false);
      await client.get("a");
      expect(versions()).toBe(1);
      expect(await client.getOrSet("k", () => "v", { ttl: 60 })).toBe("v");
      expect(link.meta).toBe(true);
      expect(versions()).toBe(2);
    });

    test("ends after three, and it is classic", async () => {
      const { client, versions } = await open(Infinity);
      const code = (call: Promise<unknown>) => call.catch((error: unknown) => (error as { code: string }).code);
      expect(await code(client.lease("k", 10, 0))).toBe("not_supported");
      expect(versions()).toBe(3);
      expect(await code(client.lease("k", 10, 0))).toBe("not_supported");
      expect(await client.getOrSet("k", () => "v", { ttl: 60 })).toBe("v");
      expect(versions()).toBe(3);
    });
  });

  test("is made again when another program comes back on the port", async () => {
    const first = await FakeServer.start();
    const port = first.port;
    const client = opened.add(createClient({ servers: [`127.0.0.1:${port}`] }));
    await client.set("a", "1");
    await first.close();
    await eventually(() => client.pool.links[0]!.meta === undefined);
    const second = opened.add(await FakeServer.start({ meta: false, port }));
    await eventually(() => client.set("a", "2"));
    expect(await client.get("a")).toBe("2");
    expect(second.requests.some(({ command }) => command === "get")).toBe(true);
  });
});

const nutcracker = useOracle("nutcracker", "the client through nutcracker");
const memcached = useOracle("memcached", "the client through nutcracker");

describe.skipIf(nutcracker.isMissing || memcached.isMissing)("through nutcracker", () => {
  test("the first calls of a fresh client lose nothing", async () => {
    const server = opened.add(await spawnMemcached());
    const other = opened.add(await spawnMemcached());
    const port = await freePort();
    const folder = temporaryFolder();
    opened.add({ close: folder.remove });
    const config = join(folder.path, "nutcracker.yml");
    const lines = [
      "pool:",
      `  listen: 127.0.0.1:${port}`,
      "  hash: fnv1a_64",
      "  distribution: ketama",
      "  servers:",
      `    - 127.0.0.1:${server.port}:1`,
      `    - 127.0.0.1:${other.port}:1`,
    ];
    writeFileSync(config, lines.join("\n") + "\n");
    const stats = await freePort();
    const args = ["-c", config, "-s", String(stats), "-a", "127.0.0.1"];
    const ready = { kind: "tcp", host: "127.0.0.1", port } as const;
    opened.add(await spawnServer({ command: nutcracker.path, args, ready }));
    const client = opened.add(createClient({ servers: [`127.0.0.1:${port}`] }));
    const keys = Array.from({ length: 200 }, (_, i) => `key${i}`);
    expect(await Promise.all(keys.map((key) => client.set(key, `of ${key}`)))).not.toContain(false);
    // The rows of one line come back by server, not in the order asked.
    expect(await Promise.all(keys.map((key) => client.get(key)))).toEqual(keys.map((key) => `of ${key}`));
    expect((await client.getMany(keys)).size).toBe(200);
  });
});

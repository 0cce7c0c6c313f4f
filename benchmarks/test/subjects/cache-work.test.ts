// A client that gives wrong results must not be measured.

import { spawnMemcached, Cleanup, useOracle } from "@marugoto/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cacheSubject, keysOf, valueOf } from "../../src/subjects/cache-work.ts";
import { openFloor } from "../../src/subjects/clients/floor.ts";
import { openMarugoto } from "../../src/subjects/clients/marugoto.ts";
import { openMemcache } from "../../src/subjects/clients/memcache.ts";
import { openMemcacheClient } from "../../src/subjects/clients/memcache-client.ts";
import { openMemcached } from "../../src/subjects/clients/memcached.ts";
import { openMemjs } from "../../src/subjects/clients/memjs.ts";
import { openDoor, openRawSocket } from "../../src/subjects/doors.ts";
import type { CacheClient, CacheWork } from "../../src/subjects/subject.ts";

const work: Omit<CacheWork, "port"> = {
  command: "get",
  concurrency: 8,
  keysPerCall: 10,
  valueBytes: 32,
  keys: 64,
  prefix: "t:",
};

test("keys are of one length and their own, values printable text of the right size", () => {
  const keys = keysOf({ ...work, port: 0 });
  expect(new Set(keys).size).toBe(64);
  expect(new Set(keys.map((key) => key.length)).size).toBe(1);
  expect(valueOf({ ...work, port: 0, valueBytes: 10_240 })).toMatch(/^[!-~]{10240}$/);
});

const memcached = useOracle("memcached", "the clients of the client bench");

describe.skipIf(memcached.isMissing)(memcached.title, () => {
  const opened = new Cleanup();
  let port = 0;
  beforeAll(async () => {
    ({ port } = opened.add(await spawnMemcached({ args: ["-t", "1", "-m", "64"] })));
  });
  afterAll(() => opened.run());

  const clients: [string, (port: number) => CacheClient | Promise<CacheClient>][] = [
    ["marugoto", openMarugoto],
    ["floor", openFloor],
    ["memjs", openMemjs],
    ["memcached", openMemcached],
    ["memcache", openMemcache],
    ["memcache-client", openMemcacheClient],
  ];
  test.each(clients)("%s gets, sets and gets many, of both sizes", async (_, open) => {
    for (const valueBytes of [32, 10_240]) {
      for (const command of ["get", "set", "getMany"] as const) {
        const subject = await cacheSubject(await open(port), { ...work, port, command, valueBytes });
        expect(subject.operationsPerStep).toBe(command === "getMany" ? 1 : 8);
        for (let i = 0; i < 20; i++) await subject.step();
        await subject.close();
      }
    }
  });

  test.each([
    ["door", openDoor],
    ["raw socket", openRawSocket],
  ])("%s gets what was stored, of both sizes", async (_, open) => {
    for (const valueBytes of [32, 10_240]) {
      const subject = await open({ ...work, port, command: "door", valueBytes });
      for (let i = 0; i < 20; i++) await subject.step();
      await subject.close();
    }
  });

  test.each([
    ["gives another value", { textOf: () => "another" }, "something else than was stored"],
    ["finds what isn't there", { get: () => Promise.resolve(valueOf({ ...work, port: 0 })) }, "what isn't there"],
    ["finds too much", { countHits: () => 3 }, "found 3 of 2 keys"],
    ["does not store", { isStored: () => false }, "a set was refused"],
  ])("a client that %s is refused", async (_, fault, message) => {
    const client = openMarugoto(port);
    opened.defer(() => client.close());
    await expect(cacheSubject({ ...client, ...fault }, { ...work, port })).rejects.toThrow(message);
  });

  test("a miss while it is measured is an error", async () => {
    let asked = 0;
    const client = openMarugoto(port);
    const missing = { ...client, isHit: () => ++asked < 4 };
    const subject = await cacheSubject(missing, { ...work, port });
    opened.defer(() => subject.close());
    await expect(subject.step()).rejects.toThrow("a get missed");
  });
});

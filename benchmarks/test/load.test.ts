// The generator against real memcached, over both of its transports.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cleanup, spawnMemcached, useOracle } from "@marugoto/testing";
import { LoadGenerator } from "../src/load/generator.ts";
import { Pipe } from "../src/load/pipe.ts";
import { RequestBuffer } from "../src/load/request-buffer.ts";
import { defaultLoad, type LoadSpec, type TransportName } from "../src/load/spec.ts";

const memcached = useOracle("memcached", "the load generator against memcached");

describe.skipIf(memcached.isMissing)(memcached.title, () => {
  const opened = new Cleanup();
  let generator: LoadGenerator;
  let port = 0;

  beforeAll(async () => {
    ({ port } = opened.add(await spawnMemcached({ args: ["-t", "1", "-m", "64"] })));
    generator = LoadGenerator.start();
    opened.defer(() => generator.stop());
  });
  afterAll(() => opened.run());

  const run = async (load: Partial<LoadSpec>, transport?: TransportName) => {
    const session = await generator.open({ ...defaultLoad, port, connections: 4, keys: 500, ...load }, transport);
    try {
      // A fill ends when every key is sent, however slow the machine is.
      return await session.run(load.fill === true ? 20 : 0.05);
    } finally {
      await session.close();
    }
  };

  test.each<TransportName>(["ffi", "net"])(
    "over %s, a fill stores every key and gets find them all",
    async (transport) => {
      const valueBytes = transport === "ffi" ? 32 : 33;
      const filled = await run({ fill: true, depth: 7, valueBytes }, transport);
      expect(filled.operations).toBeGreaterThanOrEqual(500);
      expect(filled.operations).toBeLessThan(500 + 4 * 7);
      expect(filled.refused).toBe(0);
      for (const load of [{ depth: 1 }, { depth: 16 }, { keysPerGet: 100 }, { dialect: "meta", depth: 16 }] as const) {
        const result = await run({ ...load, valueBytes }, transport);
        expect(result.operations).toBeGreaterThan(0);
        expect(result.hits).toBe(result.asked);
        expect(result.asked).toBe(result.operations * ("keysPerGet" in load ? load.keysPerGet : 1));
        expect(result.p99Us).toBeGreaterThanOrEqual(result.p50Us);
      }
    },
  );

  test.each<TransportName>(["ffi", "net"])(
    "over %s, sets larger than the socket's buffers arrive",
    async (transport) => {
      const result = await run({ fill: true, keys: 40, depth: 10, valueBytes: 500_000 }, transport);
      expect([result.operations >= 40, result.refused, result.bytes]).toEqual([true, 0, result.operations * 8]);
    },
  );

  test("keys that are not there are asked for and not found", async () => {
    const result = await run({ keys: 100_000_000, seed: 3 });
    expect(result.asked).toBeGreaterThan(0);
    expect(result.hits).toBeLessThan(result.asked / 100);
  });

  test("a value that the server refuses is counted, and fill says so", async () => {
    const tooLarge = { ...defaultLoad, port, keys: 1, valueBytes: 2 ** 20 };
    await expect(generator.fill(tooLarge)).rejects.toThrow("object too large for cache");
  });

  test("values of another size than the load's are an error, and the generator goes on", async () => {
    await run({ fill: true, valueBytes: 32 });
    await expect(run({ valueBytes: 10 })).rejects.toThrow("was answered");
    await expect(run({ valueBytes: 32 })).resolves.toMatchObject({ refused: 0 });
  });

  test("nobody on the port is an error", async () => {
    await expect(run({ port: 1 })).rejects.toThrow("connect to 127.0.0.1:1 failed with errno 111");
  });

  test("a pipe tells which of many requests hit", async () => {
    const pipe = await Pipe.open(port);
    const requests = new RequestBuffer(10);
    requests.addSet(90_000_001, 100);
    requests.addGet(90_000_000, 100);
    requests.addGet(90_000_001, 100);
    await pipe.exchange(requests);
    expect([...requests.hitsOf]).toEqual([0, 0, 1]);
    expect(pipe.answers.stored).toBe(1);
    pipe.close();
    await expect(pipe.exchange(requests)).rejects.toThrow();
  });
});

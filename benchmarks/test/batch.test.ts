import { describe, expect, test } from "vitest";
import { createBatches, keyOf, Kind, writeDigits } from "../src/load/batch.ts";
import { RequestBuffer, valueBlockBytes } from "../src/load/request-buffer.ts";
import { defaultLoad, type LoadSpec } from "../src/load/spec.ts";
import { Random } from "../src/measure/random.ts";

const batchesOf = (load: Partial<LoadSpec>) => createBatches({ ...defaultLoad, port: 1, ...load }, new Random(1));

describe("a batch", () => {
  test.each<[Partial<LoadSpec>, string]>([
    [{ depth: 2 }, "get key:000000000000\r\nget key:000000000000\r\n"],
    [{ keysPerGet: 3 }, "get key:000000000000 key:000000000000 key:000000000000\r\n"],
    [{ setPercent: 100, valueBytes: 3 }, "set key:000000000000 0 0 3\r\nabc\r\n"],
    [{ fill: true, valueBytes: 3 }, "set key:000000000000 0 0 3\r\nabc\r\n"],
    [{ dialect: "meta" }, "mg key:000000000000 v\r\n"],
    [{ dialect: "meta", setPercent: 100, valueBytes: 3 }, "ms key:000000000000 3\r\nabc\r\n"],
  ])("of %j is written %j", (load, text) => {
    const [batch] = batchesOf(load);
    expect(batch!.bytes.toString("latin1")).toBe(text);
  });

  test("says where the digits of its keys are", () => {
    const [batch] = batchesOf({ depth: 2, keysPerGet: 2 });
    let number = 12_345_670;
    for (const at of batch!.digitsAt) writeDigits(batch!.bytes, at, number++);
    const keys = [12_345_670, 12_345_671, 12_345_672, 12_345_673].map(keyOf);
    expect(batch!.bytes.toString("latin1")).toBe(`get ${keys[0]} ${keys[1]}\r\nget ${keys[2]} ${keys[3]}\r\n`);
  });

  test.each([0, 9, 9_999, 10_000, 99_999_999])("key %i gets its digits", (number) => {
    const bytes = Buffer.from(keyOf(0), "latin1");
    writeDigits(bytes, 8, number);
    expect(bytes.toString("latin1")).toBe(keyOf(number));
  });

  test("comes in many compositions when gets and sets are mixed, a tenth of all being sets", () => {
    const batches = batchesOf({ depth: 100, setPercent: 10 });
    expect(batches.length).toBeGreaterThan(10);
    const sets = batches.reduce((sum, batch) => sum + batch.sets, 0);
    expect(sets / (batches.length * 100)).toBeCloseTo(0.1, 1);
    expect(new Set(batches.map((batch) => batch.kinds.join(""))).size).toBe(batches.length);
    for (const batch of batches) expect(batch.asked).toBe(100 - batch.sets);
  });
});

describe("a request buffer", () => {
  test("holds gets and sets of differing sizes and lifetimes", () => {
    const requests = new RequestBuffer(3, 1024);
    requests.addSet(1, 2, 10);
    requests.addGet(2, 100);
    requests.addSet(3, 0);
    expect(requests.bytes.toString("latin1")).toBe(
      `set ${keyOf(1)} 0 10 2\r\nab\r\nget ${keyOf(2)}\r\nset ${keyOf(3)} 0 0 0\r\n\r\n`,
    );
    expect([...requests.kinds]).toEqual([Kind.set, Kind.get, Kind.set]);
    expect(requests.valueBytes[1]).toBe(`VALUE ${keyOf(2)} 0 100\r\n`.length + 100 + 2);
    expect(() => requests.addGet(4, 1)).toThrow("more than 3 requests");
  });

  test("forgets the last write's hits when cleared", () => {
    const requests = new RequestBuffer(2, 1024);
    requests.addGet(1, 1);
    requests.hitsOf[0] = 1;
    requests.clear();
    requests.addGet(1, 1);
    expect([requests.count, requests.hitsOf[0]]).toEqual([1, 0]);
  });

  test.each([0, 9, 10, 102_400])("a value block of %i bytes is as long as memcached sends it", (bytes) => {
    expect(valueBlockBytes(bytes)).toBe(`VALUE ${keyOf(0)} 0 ${bytes}\r\n${"x".repeat(bytes)}\r\n`.length);
  });
});

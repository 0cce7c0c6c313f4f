import { describe, expect, test } from "vitest";
import { createServer } from "../src/index.ts";

describe("options out of range are refused with the name and both numbers", () => {
  test.each([
    [{ memoryBytes: 1000 }, "memoryBytes is 1000, a whole number from 1048576 to 68719476736"],
    [{ maxItemBytes: 1 }, "maxItemBytes is 1, a whole number from 1024 to 134217728"],
    [{ memoryBytes: 2 ** 20 }, "maxItemBytes is 1048576, at most half of memoryBytes (524288)"],
    [{ maxConnections: 0 }, "maxConnections is 0, a whole number from 1 to 10000000"],
    [{ requestsPerEvent: 1.5 }, "requestsPerEvent is 1.5, a whole number from 1 to 1000000"],
    [{ growthFactor: 1 }, "growthFactor is 1, more than 1 and at most 16"],
    [{ prefixDelimiter: "::" }, 'prefixDelimiter is "::", exactly 1 byte'],
    [
      { listeners: [{ kind: "tcp", host: "127.0.0.1", port: 70_000 }] },
      "port is 70000, a whole number from 0 to 65535",
    ],
  ] as const)("%o", (options, message) => {
    expect(() => createServer(options)).toThrow(expect.objectContaining({ code: "invalid_option", message }) as Error);
  });

  test("undefined means the default", () => {
    expect(createServer({ memoryBytes: undefined as never }).options.memoryBytes).toBe(64 * 1024 * 1024);
  });
});

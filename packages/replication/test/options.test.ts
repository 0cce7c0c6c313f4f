import { expect, test } from "vitest";
import { defaults, resolveOptions, type ReplicationOptions } from "../src/index.ts";

test("nothing said gives the defaults", () => {
  expect(resolveOptions()).toEqual(defaults);
});

test.each<[Partial<ReplicationOptions>, string]>([
  [{ syncReplicas: 8 }, "syncReplicas is 8, a whole number from 0 to 7"],
  [{ heartbeatMs: 5 }, "heartbeatMs is 5, a whole number from 10 to 10000"],
  [{ heartbeatMs: 400 }, "peerTimeoutMs is 1000, at least three times heartbeatMs (400)"],
  [{ backlogBytes: 1 }, "backlogBytes is 1, a whole number from 65536 to 68719476736"],
  [{ secret: Buffer.alloc(3) }, "secret is 3 bytes, at least 16"],
  [{ onSplit: "consistent" }, "onSplit is consistent, which needs a coordinator"],
  [{ peers: [{ kind: "tcp", host: "a", port: 0 }] }, "port of a peer is 0, a whole number from 1 to 65535"],
])("%j is refused by name", (options, message) => {
  expect(() => resolveOptions(options)).toThrow(message);
});

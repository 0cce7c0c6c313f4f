import { expect, test } from "vitest";
import { clusterValue, configAnswer } from "../../src/discovery/cluster-answer.ts";

const nodes = [
  { kind: "tcp", host: "10.0.0.1", port: 11211 },
  { kind: "unix", path: "/run/m.sock" },
  { kind: "tcp", host: "m-0.example.net", port: 11212 },
  { kind: "tcp", host: "fd00::1", port: 11213 },
] as const;

test("version, then host, address and port of each node that can be dialled", () => {
  expect(configAnswer(12, nodes).toString()).toBe(
    "CONFIG cluster 0 72\r\n12\n10.0.0.1|10.0.0.1|11211 m-0.example.net||11212 fd00::1|fd00::1|11213\n\r\nEND\r\n",
  );
});

test("older clients get the same as a value", () => {
  expect(clusterValue(1, nodes.slice(0, 1)).toString()).toBe(
    "VALUE AmazonElastiCache:cluster 0 26\r\n1\n10.0.0.1|10.0.0.1|11211\n\r\nEND\r\n",
  );
});

import { describe, expect, test } from "vitest";
import { parseConfig } from "../../src/config/load.ts";
import { answerCluster, isClusterKey, isConfigGet } from "../../src/discovery/questions.ts";

const poolOf = (answer: string) =>
  parseConfig(
    `a: {listen: "127.0.0.1:1", servers: [10.0.0.1:11211, /run/m.sock, m-0.example.net:1], discovery: {answer: ${answer}}}`,
    "c.yml",
  ).pools[0]!;

describe("which lines and keys are such questions", () => {
  test.each([
    ["config get cluster", true],
    ["config get cluster\r\n", true],
    ["config get cluster\n", true],
    ["config get clusters", false],
    ["config get", false],
    ["Config get cluster", false],
  ])("%j: %s", (line, expected) => {
    const bytes = Buffer.from(`xx${line}`);
    expect(isConfigGet(bytes, 2, bytes.length)).toBe(expected);
  });

  test.each([
    ["AmazonElastiCache:cluster", true],
    ["AmazonElastiCache:clusteR", false],
    ["AmazonElastiCache:cluster2", false],
  ])("%j: %s", (key, expected) => {
    const bytes = Buffer.from(`get ${key}`);
    expect(isClusterKey(bytes, 4, bytes.length)).toBe(expected);
  });
});

describe("what a pool answers", () => {
  const nodes = (answer: Buffer | undefined) => answer?.toString().split("\n").slice(1, 3);

  test("itself, at the address that the client has reached", () => {
    expect(nodes(answerCluster(poolOf("proxy"), "config", 3, "10.0.0.9:22121"))).toEqual([
      "3",
      "10.0.0.9|10.0.0.9|22121",
    ]);
    expect(nodes(answerCluster(poolOf("proxy"), "config", 3, "[::ffff:10.0.0.9]:22121"))).toEqual([
      "3",
      "10.0.0.9|10.0.0.9|22121",
    ]);
    expect(nodes(answerCluster(poolOf("proxy"), "config", 3, "[fd00::9]:22121"))).toEqual([
      "3",
      "fd00::9|fd00::9|22121",
    ]);
  });

  test("or the servers that can be dialled over a network", () => {
    const answer = answerCluster(poolOf("servers"), "get", 4, "10.0.0.9:22121");
    expect(answer?.toString()).toMatch(/^VALUE AmazonElastiCache:cluster 0 \d+\r\n4\n/);
    expect(nodes(answer)?.[1]).toBe("10.0.0.1|10.0.0.1|11211 m-0.example.net||1");
  });

  test("or nothing", () => expect(answerCluster(poolOf("off"), "config", 1, "10.0.0.9:1")).toBeUndefined());
});

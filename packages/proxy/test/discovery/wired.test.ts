// The questions of clients with auto discovery, asked of a running proxy.

import { Cleanup } from "@marugoto/testing";
import { afterEach, expect, test } from "vitest";
import type { AnswerConfig } from "../../src/config/types.ts";
import { poolConfig, proxyConfig } from "../support/config.ts";
import { client, named, startProxy } from "../support/bench.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

const answering = (nodes: AnswerConfig["nodes"]) => ({ discovery: { answer: { nodes }, follow: undefined } });

test("config get cluster names the proxy; the version rises with a reload (N12)", async () => {
  const { port, proxy } = await startProxy(opened, named(1, 2), answering("proxy"));
  const asked = await client(opened, port);
  const ask = async () => {
    asked.send("config get cluster\r\n");
    return asked.readUntil("END\r\n");
  };
  const body = (version: number) => `${version}\n127.0.0.1|127.0.0.1|${port}\n`;
  const answer = (version: number) => `CONFIG cluster 0 ${body(version).length}\r\n${body(version)}\r\nEND\r\n`;
  expect(await ask()).toBe(answer(1));
  await proxy.reload(proxyConfig(poolConfig(named(1, 2, 3), answering("proxy"))));
  expect(await ask()).toBe(answer(2));
});

test("get AmazonElastiCache:cluster names the servers when that is wanted, in its place among other answers", async () => {
  const { port } = await startProxy(opened, named(7001, 7002), answering("servers"));
  const asked = await client(opened, port);
  asked.send("mn\r\nget AmazonElastiCache:cluster\r\nmn\r\n");
  const text = await asked.readUntil(/END\r\nMN\r\n/);
  const body = "1\n127.0.0.1|127.0.0.1|7001 127.0.0.1|127.0.0.1|7002\n";
  expect(text).toBe(`MN\r\nVALUE AmazonElastiCache:cluster 0 ${body.length}\r\n${body}\r\nEND\r\nMN\r\n`);
});

test("without an answer it is a line like any other", async () => {
  const { port } = await startProxy(opened, named(1), {
    timeouts: { connectMs: 200, requestMs: 200, idleMs: Infinity },
  });
  const asked = await client(opened, port);
  expect(await asked.ask("config get cluster")).toBe("ERROR");
  expect(await asked.ask("get AmazonElastiCache:cluster")).toMatch(/^SERVER_ERROR /);
});

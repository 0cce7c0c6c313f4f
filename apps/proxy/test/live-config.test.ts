// Which changes of the file and of the DNS reach the proxy.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CacheError } from "@marugoto/core";
import type { NameResolver, ProxyConfig } from "@marugoto/proxy";
import { Cleanup, eventually, temporaryFolder } from "@marugoto/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LiveConfig } from "../src/live-config.ts";
import { Log } from "../src/log.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

let folder: string;
beforeEach(() => {
  const made = temporaryFolder();
  opened.defer(made.remove);
  folder = made.path;
});

const fileOf = () => join(folder, "c.yml");
const logText = () => readFileSync(join(folder, "log"), "utf8");
const write = (...pools: string[]) => writeFileSync(fileOf(), pools.join(""));
const pool = (name: string, port: number, rest = "servers: [10.0.0.1:1:1]") =>
  `${name}:\n  listen: 127.0.0.1:${port}\n  ${rest}\n`;

class FakeDns implements NameResolver {
  hosts: readonly string[] = ["10.0.0.1"];
  asked = 0;

  async addresses(): Promise<readonly string[]> {
    this.asked++;
    if (this.hosts.length === 0) throw new CacheError("no_server", "nothing found");
    return this.hosts;
  }

  async services(): Promise<never> {
    throw new Error("not asked");
  }
}

/** A proxy that notes what it is given, and refuses it when `error` is set. */
class FakeProxy {
  given: ProxyConfig[] = [];
  error: Error | undefined;

  async reload(config: ProxyConfig): Promise<void> {
    if (this.error !== undefined) throw this.error;
    this.given.push(config);
  }
}

async function start(dns = new FakeDns()) {
  const live = new LiveConfig(fileOf(), new Log(join(folder, "log"), 5), dns);
  opened.defer(() => {
    live.close();
  });
  const first = await live.start();
  const proxy = new FakeProxy();
  live.attach(proxy);
  return { live, first, proxy, dns };
}

const ports = (config: ProxyConfig | undefined) =>
  config?.pools.map(({ listen }) => (listen.endpoint.kind === "tcp" ? listen.endpoint.port : 0));

test("a changed file reaches the proxy, an unchanged one only when asked for", async () => {
  write(pool("a", 1));
  const { live, first, proxy } = await start();
  expect(ports(first)).toEqual([1]);
  await live.reload("file");
  expect(proxy.given).toEqual([]);
  await live.reload("SIGHUP", true);
  write(pool("a", 1), pool("b", 2));
  await live.reload("file");
  expect(proxy.given.map(ports)).toEqual([[1], [1, 2]]);
});

test("a bad file changes nothing, is told once, and a good one after it is used", async () => {
  write(pool("a", 1));
  const { live, proxy } = await start();
  write("a:\n  lisen: 127.0.0.1:1\n");
  await live.reload("file");
  await live.reload("file");
  expect(proxy.given).toEqual([]);
  const complaints = logText().match(/reload-failed .*/g);
  expect(complaints).toEqual([expect.stringContaining('c.yml:2: a.lisen is not a key; did you mean \\"listen\\"?"')]);
  write(pool("a", 3));
  await live.reload("file");
  expect(proxy.given.map(ports)).toEqual([[3]]);
});

test("what the proxy refuses is told, and the next change starts from what was before", async () => {
  write(pool("a", 1));
  const { live, proxy } = await start();
  proxy.error = new CacheError("address_in_use", "cannot listen on 127.0.0.1:2: EADDRINUSE");
  write(pool("a", 2));
  await live.reload("file");
  expect(logText()).toContain('reload-failed why=file reason="cannot listen on 127.0.0.1:2: EADDRINUSE"');
  proxy.error = undefined;
  await live.reload("SIGHUP", true);
  expect(proxy.given.map(ports)).toEqual([[2]]);
});

test("the servers of a followed name are filled in, and reach the proxy when they change", async () => {
  const dns = new FakeDns();
  write(pool("a", 1, "discovery: {dns: cache.example.net, interval: 100ms}"));
  const { first, proxy } = await start(dns);
  const servers = (config: ProxyConfig | undefined) => config?.pools[0]?.servers.map(({ address }) => address);
  expect(servers(first)).toEqual(["10.0.0.1:11211"]);
  dns.hosts = ["10.0.0.7"];
  await eventually(() => proxy.given.length === 1);
  expect(servers(proxy.given[0])).toEqual(["10.0.0.7:11211"]);
  expect(proxy.given[0]?.pools[0]?.servers[0]?.name).toBe("cache.example.net#0");
  expect(logText()).toContain("servers-found pool=a name=cache.example.net servers=cache.example.net#0@10.0.0.7:11211");
});

test("a reload that keeps the name keeps the slots; one that drops it asks no more", async () => {
  const dns = new FakeDns();
  dns.hosts = ["10.0.0.5", "10.0.0.9"];
  const follow = "discovery: {dns: cache.example.net, interval: 100ms}";
  write(pool("a", 1, follow));
  const { live, proxy } = await start(dns);
  dns.hosts = ["10.0.0.1", "10.0.0.9"];
  await eventually(() => proxy.given.length === 1);
  write(pool("a", 2, follow));
  await live.reload("file");
  expect(proxy.given[1]?.pools[0]?.servers.map(({ name, address }) => `${name} ${address}`)).toEqual([
    "cache.example.net#0 10.0.0.1:11211",
    "cache.example.net#1 10.0.0.9:11211",
  ]);
  write(pool("a", 2));
  await live.reload("file");
  const { asked } = dns;
  await eventually(() => proxy.given.length === 3);
  await new Promise((resolve) => setTimeout(resolve, 250)); // More than two of its intervals.
  expect(dns.asked).toBe(asked);
});

test("a name that gives nothing is an error where the pool names no servers, and else the file's servers stay", async () => {
  const dns = new FakeDns();
  dns.hosts = [];
  write(pool("a", 1, "discovery: {dns: cache.example.net}"));
  await expect(start(dns)).rejects.toMatchObject({
    code: "no_server",
    message: `${fileOf()}:1: pool a: cache.example.net gave no servers`,
  });
  write(pool("a", 1, "servers: [10.0.0.1:1:1]\n  discovery: {dns: cache.example.net}"));
  expect((await start(dns)).first.pools[0]?.servers).toMatchObject([{ address: "10.0.0.1:1" }]);
});

test.each([
  ["missing", () => undefined, /c\.yml: there is no such file$/],
  ["wrong", () => write("a: 1\n"), /c\.yml:1: a is "1"; it must be a map of listen, /],
])("a file that is %s is an error at the start", (_, prepare, message) => {
  prepare();
  expect(() => new LiveConfig(fileOf(), new Log(undefined, 0))).toThrow(message);
});

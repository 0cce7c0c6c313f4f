// One pool, any language: what PHP's clients and nutcracker have set on the servers by themselves, this proxy finds behind the
// same list of servers.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  Cleanup,
  connect,
  freePort,
  spawnMemcached,
  spawnServer,
  temporaryFolder,
  useOracle,
  within,
} from "@marugoto/testing";
import { afterEach, describe, expect, test } from "vitest";
import { startProxy } from "./support/app.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

const KEYS = Array.from({ length: 1000 }, (_, i) => `user:${i}:${["profile", "cart", "session"][i % 3]!}`);
const WEIGHTS = [1, 3, 1, 2, 1];

interface NativeCase {
  readonly name: string;
  readonly class: "Memcache" | "Memcached";
  readonly ini?: readonly string[];
  readonly options?: Readonly<Record<string, string | boolean>>;
  /** OPT_PREFIX_KEY. */
  readonly prefix?: string;
  readonly weighted?: boolean;
  /** The proxy's keys for the same placement. */
  readonly config: string;
}

const cases: readonly NativeCase[] = [
  {
    name: "Memcache, standard",
    class: "Memcache",
    ini: ["memcache.hash_strategy=standard"],
    config: "placement: {preset: phpMemcache, hash_strategy: standard}",
  },
  {
    name: "Memcache, consistent",
    class: "Memcache",
    ini: ["memcache.hash_strategy=consistent"],
    config: "placement: phpMemcache",
  },
  {
    name: "Memcache, consistent, fnv, weighted",
    class: "Memcache",
    ini: ["memcache.hash_strategy=consistent", "memcache.hash_function=fnv"],
    weighted: true,
    config: "placement: {preset: phpMemcache, hash_function: fnv}",
  },
  { name: "Memcached, modula", class: "Memcached", config: "placement: phpMemcached" },
  {
    name: "Memcached, ketama",
    class: "Memcached",
    options: { OPT_DISTRIBUTION: "DISTRIBUTION_CONSISTENT" },
    config: "placement: {preset: phpMemcached, distribution: CONSISTENT}",
  },
  {
    name: "Memcached, ketama weighted",
    class: "Memcached",
    options: { OPT_LIBKETAMA_COMPATIBLE: true },
    weighted: true,
    config: "placement: {preset: phpMemcached, libketama_compatible: true}",
  },
  {
    name: "Memcached, ketama, with a prefix that is not hashed",
    class: "Memcached",
    options: { OPT_LIBKETAMA_COMPATIBLE: true },
    prefix: "app:",
    config: "placement: {preset: phpMemcached, libketama_compatible: true, prefix_key: 'app:'}",
  },
];

async function startServers(weighted: boolean): Promise<(readonly [host: string, port: number, weight: number])[]> {
  const servers = await Promise.all(WEIGHTS.map(() => spawnMemcached({ args: ["-m", "16"] })));
  return servers.map((server, i) => ["127.0.0.1", opened.add(server).port, weighted ? WEIGHTS[i]! : 1]);
}

/** The keys whose value the proxy gives back. */
async function hits(port: number, keys: readonly string[]): Promise<string[]> {
  const client = opened.add(await connect(port));
  client.send(keys.map((key) => `get ${key}\r\n`).join("") + "version\r\n");
  const text = await client.readUntil(/^VERSION .*\r\n/m, 20_000);
  const found = Array.from(text.matchAll(/^VALUE (\S+) \d+ \d+\r\n(.*)\r\n/gm), ([, key = "", value = ""]) => [
    key,
    value,
  ]);
  return found.filter(([key, value]) => value === `v:${key!.replace(/^app:/, "")}`).map(([key]) => key!);
}

const php = useOracle("php", "keys set by PHP's clients, got through the proxy");
const memcached = useOracle("memcached", "the servers behind the proxy, in the tests beside PHP and nutcracker");

describe.skipIf(php.isMissing || memcached.isMissing)(php.title, () => {
  test.each(cases)("$name: 1000 of 1000", { timeout: 60_000 }, async (each) => {
    const servers = await startServers(each.weighted ?? false);
    const { prefix = "", options = {} } = each;
    const job = { class: each.class, servers, options, prefix, keys: KEYS };
    const ini = (each.ini ?? []).flatMap((setting) => ["-d", setting]);
    const script = join(import.meta.dirname, "support/set-keys.php");
    const stored = execFileSync(php.path, [...ini, script], { input: JSON.stringify(job), timeout: 30_000 });
    expect(stored.toString()).toBe("1000");
    const list = servers.map(([host, port, weight]) => `   - ${host}:${port}:${weight}\n`).join("");
    const proxy = await startProxy(opened, `a:\n  listen: 127.0.0.1:0\n  ${each.config}\n  servers:\n${list}`);
    const wireKeys = KEYS.map((key) => prefix + key);
    expect(await hits(proxy.ports()[0]!, wireKeys)).toEqual(wireKeys);
  });
});

const nutcracker = useOracle("nutcracker", "keys set through nutcracker, got through the proxy");

describe.skipIf(nutcracker.isMissing || memcached.isMissing)(nutcracker.title, () => {
  test.each([
    ["ketama", "hash: fnv1a_64\n  distribution: ketama"],
    ["ketama, murmur, weighted, with a tag", 'hash: murmur\n  distribution: ketama\n  hash_tag: "::"'],
    ["modula, md5, weighted", "hash: md5\n  distribution: modula"],
  ])("%s: 1000 of 1000, with the same file", { timeout: 60_000 }, async (name, keys) => {
    const servers = await startServers(name.includes("weighted"));
    const list = servers.map(([host, port, weight]) => `   - ${host}:${port}:${weight}\n`).join("");
    const config = (listen: string) => `a:\n  listen: ${listen}\n  ${keys}\n  servers:\n${list}`;
    const folder = temporaryFolder();
    opened.defer(folder.remove);
    const path = join(folder.path, "s");
    const file = join(folder.path, "nutcracker.yml");
    writeFileSync(file, config(path));
    const args = ["-c", file, "-a", "127.0.0.1", "-s", String(await freePort()), "-v", "0"];
    opened.add(await spawnServer({ command: nutcracker.path, args, ready: { kind: "unix", path } }));
    const theirs = opened.add(await connect({ kind: "unix", path }));
    theirs.send(KEYS.map((key) => `set ${key} 0 0 ${key.length + 2}\r\nv:${key}\r\n`).join(""));
    const stored = "STORED\r\n".repeat(KEYS.length);
    expect((await within(20_000, theirs.read(stored.length), "nutcracker did not answer")).toString()).toBe(stored);
    const proxy = await startProxy(opened, config("127.0.0.1:0"));
    expect(await hits(proxy.ports()[0]!, KEYS)).toEqual(KEYS);
  });
});

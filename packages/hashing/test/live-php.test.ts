// Random pools, settings, call lists and keys, placed by PHP's own extensions and by the presets side by side.

import { type Random, useOracle } from "@marugoto/testing";
import { describe, expect, test } from "vitest";
import { libmemcachedHash, phpMemcache, phpMemcached, toUint32, type MemcachedStep } from "../src/index.ts";
import { libmemcachedHashNames } from "../src/hashes/by-name.ts";
import { libmemcachedDistributionNames } from "../src/presets/memcached-steps.ts";
import { askPhp } from "./oracle/php.ts";
import { randomKey, startRandom, times } from "./oracle/keys.ts";

const php = useOracle("php", "placement beside PHP's own clients");

const base64 = (keys: Buffer[]) => keys.map((key) => key.toString("base64"));

describe.skipIf(php.isMissing)(`class Memcache: ${php.title}`, () => {
  test("500 random pools place 40 keys each as MemcachePool::findServer does", { timeout: 90_000 }, () => {
    const random = startRandom("live Memcache");
    const cases = times(500, () => {
      const servers = times(1 + random.int(random.chance(1 / 5) ? 30 : 6), (i) => {
        const weight = random.chance(1 / 3) ? 1 + random.int(9) : 1;
        const host = random.pick([`10.0.${random.int(3)}.${i}`, `cache${i}.example`, `unix:///run/mc${i}.sock`]);
        return { host, port: host.startsWith("unix") ? 0 : random.pick([11211, 11212 + i, 7600]), weight };
      });
      return {
        servers,
        down: servers.map((_, i) => i).filter(() => random.chance(1 / 4)),
        hashStrategy: random.pick(["consistent", "standard"] as const),
        hashFunction: random.pick(["crc32", "fnv"] as const),
        prefix: random.pick(["", "", "app:", "pre fix é", "p".repeat(random.int(240))]),
        allowFailover: !random.chance(1 / 5),
        maxFailoverAttempts: random.pick([1, 2, 3, 20]),
        keys: times(40, () => randomKey(random, 300)).filter((key) => key.length > 0),
      };
    });
    const answers = askPhp(
      php.path,
      cases.map((c) => ({
        class: "Memcache",
        ini: {
          hash_strategy: c.hashStrategy,
          hash_function: c.hashFunction,
          prefix_static_key: c.prefix,
          allow_failover: c.allowFailover ? "1" : "0",
          max_failover_attempts: c.maxFailoverAttempts,
        },
        servers: c.servers.map(({ host, port, weight }) => [host, port, weight]),
        down: c.down,
        keys: base64(c.keys),
      })),
    );
    cases.forEach((c, i) => {
      const placement = phpMemcache(c);
      const isUp = (server: number) => !c.down.includes(server);
      const owners = c.keys.map((key) => placement.servers[placement.findServer(key, 0, key.length, isUp)]?.name);
      const { keys, ...config } = c;
      expect(owners, `${JSON.stringify(config)} ${base64(keys).join(" ")}`).toEqual(answers[i]);
    });
  });
});

describe.skipIf(php.isMissing)(`class Memcached: ${php.title}`, () => {
  test("1500 random call lists place 25 keys each as getServerByKey does", { timeout: 90_000 }, () => {
    const random = startRandom("live Memcached");
    const cases = times(1500, () => ({
      steps: randomSteps(random),
      keys: times(25, () => randomKey(random, 260)),
    }));
    const answers = askPhp(
      php.path,
      cases.map(({ steps, keys }) => ({
        class: "Memcached",
        steps: steps.map(numbered),
        keys: base64(keys),
      })),
    );
    cases.forEach(({ steps, keys }, i) => {
      const placement = phpMemcached({ steps });
      const owners = keys.map((key) => placement.servers[placement.serverIndex(key, 0, key.length)]?.id ?? null);
      const theirs = (answers[i] as ([string, number] | null)[]).map((owner) => owner && id(...owner));
      expect(owners, `${JSON.stringify(steps)} ${base64(keys).join(" ")}`).toEqual(theirs);
    });
  });

  function randomSteps(random: Random): MemcachedStep[] {
    let servers = 0;
    const server = () => {
      const i = servers++;
      const host = random.pick([`10.0.0.${i}`, `cache${random.int(3)}.example`, `/run/mc${i}.sock`, `2001:db8::${i}`]);
      const port = host.startsWith("/") ? 0 : random.pick([host.startsWith("cache") ? 11212 + i : 11211, 11300 + i, 0]);
      const weight = random.chance(1 / 3) ? random.pick([0, 1, 2, 5, 29, 100_000]) : 1;
      return [host, port === 0 && host.startsWith("cache") ? 12_000 + i : port, weight] as const;
    };
    const call = (): MemcachedStep => {
      switch (random.int(12)) {
        case 0:
          return ["setOption", "OPT_HASH", random.pick(libmemcachedHashNames)];
        case 1:
        case 2:
          return [
            "setOption",
            "OPT_DISTRIBUTION",
            random.pick(libmemcachedDistributionNames.filter((name) => name !== "RANDOM")),
          ];
        case 3:
          return ["setOption", "OPT_LIBKETAMA_COMPATIBLE", !random.chance(1 / 4)];
        case 4:
          return ["setOption", "OPT_SORT_HOSTS", random.chance(1 / 2)];
        case 5:
          return ["setOption", "OPT_PREFIX_KEY", random.pick(["", "app:", "a b", "é", "p".repeat(random.int(300))])];
        case 6:
          return ["setOption", "OPT_HASH_WITH_PREFIX_KEY", random.chance(1 / 2)];
        case 7:
          return ["setOption", random.pick(["OPT_BINARY_PROTOCOL", "OPT_VERIFY_KEY"]), random.chance(1 / 2)];
        case 8:
          return ["addServers", times(random.int(5), server)];
        case 9:
          // The table is cut to the servers there are in the end.
          return random.chance(1 / 2)
            ? ["setBucket", times(1 + random.int(40), () => random.int(1000)), null, 0]
            : ["setOption", "OPT_LIBKETAMA_HASH", random.int(7)];
        default:
          return ["addServer", ...server()];
      }
    };
    const steps = times(3 + random.int(10), call);
    if (random.chance(1 / 10)) steps.push(["resetServerList"]);
    steps.push(...times(1 + random.int(4), () => ["addServer", ...server()] as const));
    if (random.chance(1 / 3)) steps.push(call());
    const from = steps.findLastIndex((step) => step[0] === "resetServerList");
    const added = steps.slice(from + 1).reduce((sum, step) => {
      return sum + (step[0] === "addServer" ? 1 : step[0] === "addServers" ? (step[1]?.length ?? 0) : 0);
    }, 0);
    return steps.map((step) =>
      step[0] === "setBucket" ? ["setBucket", step[1].map((entry) => entry % added), null, 0] : step,
    );
  }

  /** Hashes and distributions as numbers, which PHP passes on even where it has no constant. */
  function numbered(step: MemcachedStep): MemcachedStep {
    if (step[0] !== "setOption") return step;
    const [method, name, value] = step;
    if (name === "OPT_HASH") return [method, name, libmemcachedHashNames.findIndex((known) => known === value)];
    if (name === "OPT_DISTRIBUTION") {
      return [method, name, libmemcachedDistributionNames.findIndex((known) => known === value)];
    }
    return step;
  }

  function id(host: string, port: number): string {
    if (host.startsWith("/")) return host;
    return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  }
});

test.skipIf(php.isMissing)("every hash agrees with libhashkit on 2000 random keys", { timeout: 90_000 }, () => {
  const random = startRandom("live libhashkit");
  const keys = times(2000, () => randomKey(random, 300));
  const names = libmemcachedHashNames.filter((name) => name !== "HSIEH");
  const answers = askPhp(
    php.path,
    names.map((name) => ({
      class: "libhashkit",
      hash: libmemcachedHashNames.indexOf(name),
      keys: base64(keys),
    })),
  );
  names.forEach((name, i) => {
    const hash = libmemcachedHash(name);
    expect(
      keys.map((key) => toUint32(hash(key, 0, key.length))),
      name,
    ).toEqual(answers[i]);
  });
});

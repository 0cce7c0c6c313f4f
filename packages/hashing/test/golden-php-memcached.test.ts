// Everything recorded from PHP's class Memcached that is about placement, and the hashes of its library.

import { describe, expect, test } from "vitest";
import {
  libmemcachedHash,
  phpMemcached,
  toUint32,
  type LibmemcachedHash,
  type MemcachedStep,
  type PhpMemcachedServer,
} from "../src/index.ts";
import { fromMap, keysOf, readGolden, reportGolden, toMap, type GoldenFile, type GoldenServer } from "./golden.ts";

const listed = (servers: GoldenServer[]): PhpMemcachedServer[] =>
  servers.map(({ host, port, weight }) => [host, port, weight]);

test("libhashkit-hashes: every hash has the recorded value", () => {
  interface Family {
    config: { hash: LibmemcachedHash };
    keys: string;
    values: number[];
  }
  const file = readGolden("php/libhashkit-hashes.json") as GoldenFile<Family>;
  let compared = 0;
  for (const { config, keys, values } of file.families) {
    const hash = libmemcachedHash(config.hash);
    const hashes = keysOf(file, keys).map((key) => {
      const bytes = Buffer.from(key);
      return toUint32(hash(bytes, 0, bytes.length));
    });
    expect(hashes, config.hash).toEqual(values);
    compared += hashes.length;
  }
  expect(compared).toBeGreaterThan(0);
  reportGolden("php/libhashkit-hashes.json", file.families.length, compared);
});

describe.each(["memcached-hash-distribution", "memcached-ketama", "memcached-options"])("%s", (name) => {
  test("every key goes where PHP's Memcached sends it", () => {
    interface Family {
      label?: string;
      config: { steps: MemcachedStep[] };
      pool?: string;
      servers: GoldenServer[];
      keys: string;
      owners: string;
    }
    const file = readGolden(`php/${name}.json`) as GoldenFile<Family>;
    let compared = 0;
    for (const family of file.families) {
      const placement = phpMemcached({ servers: listed(family.servers), steps: family.config.steps });
      const owners = keysOf(file, family.keys).map((key) => placement.serverIndexOf(key));
      expect(owners, `${family.label} ${family.pool} ${JSON.stringify(family.config)}`).toEqual(fromMap(family.owners));
      compared += owners.length;
    }
    expect(compared).toBeGreaterThan(0);
    reportGolden(`php/${name}.json`, file.families.length, compared);
  });
});

test("memcached-replicas: every set lands on the servers that held it", () => {
  interface Family {
    config: { distribution: string; binary: boolean; replicas: number };
    servers: GoldenServer[];
    keys: string;
    holders: string[];
  }
  const file = readGolden("php/memcached-replicas.json") as GoldenFile<Family>;
  let compared = 0;
  for (const { config, servers, keys, holders } of file.families) {
    const placement = phpMemcached({
      servers: listed(servers),
      steps: [
        ["opt", "OPT_BINARY_PROTOCOL", config.binary],
        config.distribution === "LIBKETAMA_COMPATIBLE"
          ? ["opt", "OPT_LIBKETAMA_COMPATIBLE", true]
          : ["opt", "OPT_DISTRIBUTION", config.distribution],
        ["opt", "OPT_NUMBER_OF_REPLICAS", config.replicas],
        ["addServer"],
      ],
    });
    const held = keysOf(file, keys).map((key) => {
      const bytes = Buffer.from(key);
      // What set refuses, nobody holds, though getServerByKey has an answer.
      const copies = placement.acceptsKey(bytes, 0, bytes.length) ? placement.copies(bytes, 0, bytes.length) : [];
      const names = copies.map(toMap).sort();
      return `${toMap(placement.serverIndexOf(key))}/${names.join("")}`;
    });
    expect(held, JSON.stringify(config)).toEqual(holders);
    compared += held.length;
  }
  expect(compared).toBeGreaterThan(0);
  reportGolden("php/memcached-replicas.json", file.families.length, compared);
});

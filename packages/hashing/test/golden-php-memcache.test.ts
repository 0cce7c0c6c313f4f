// Everything recorded from PHP's class Memcache that is about placement.

import { describe, expect, test } from "vitest";
import { phpMemcache, type PhpMemcacheOptions } from "../src/index.ts";
import { fromMap, keysOf, readGolden, reportGolden, toMap, type GoldenFile, type GoldenServer } from "./golden.ts";

/** php.ini settings without `memcache.`, as the recorder wrote them. */
interface Ini {
  hash_strategy?: "standard" | "consistent";
  hash_function?: "crc32" | "fnv";
  prefix_static_key?: string;
  allow_failover?: number | boolean;
  max_failover_attempts?: number;
  redundancy?: number;
}

function options(ini: Ini, servers: GoldenServer[]): PhpMemcacheOptions {
  return {
    servers,
    ...(ini.hash_strategy !== undefined && { hashStrategy: ini.hash_strategy }),
    ...(ini.hash_function !== undefined && { hashFunction: ini.hash_function }),
    ...(ini.prefix_static_key !== undefined && { prefix: ini.prefix_static_key }),
    ...(ini.allow_failover !== undefined && { allowFailover: Boolean(Number(ini.allow_failover)) }),
    ...(ini.max_failover_attempts !== undefined && { maxFailoverAttempts: ini.max_failover_attempts }),
    ...(ini.redundancy !== undefined && { redundancy: ini.redundancy }),
  };
}

interface Placed {
  config: Ini;
  pool?: string;
  servers: GoldenServer[];
  down?: number[];
  keys: string;
  owners: string;
}

interface Copied {
  config: Ini;
  servers: GoldenServer[];
  keys: string;
  holders: string[];
}

describe.each(["pecl-distribution", "pecl-failover"])("%s", (name) => {
  test("every key goes where PHP's Memcache sends it", () => {
    const file = readGolden(`php/${name}.json`) as GoldenFile<Placed>;
    let compared = 0;
    for (const family of file.families) {
      const placement = phpMemcache(options(family.config, family.servers));
      const isUp = (server: number) => !(family.down ?? []).includes(server);
      const owners = keysOf(file, family.keys).map((key) => {
        const bytes = Buffer.from(key);
        return placement.findServer(bytes, 0, bytes.length, isUp);
      });
      expect(owners, `${family.pool} ${JSON.stringify(family.config)} down ${String(family.down)}`).toEqual(
        fromMap(family.owners),
      );
      compared += owners.length;
    }
    expect(compared).toBeGreaterThan(0);
    reportGolden(`php/${name}.json`, file.families.length, compared);
  });
});

test("pecl-redundancy: every set lands on the servers that held it", () => {
  const file = readGolden("php/pecl-redundancy.json") as GoldenFile<Copied>;
  let compared = 0;
  for (const family of file.families) {
    const placement = phpMemcache(options(family.config, family.servers));
    const holders = keysOf(file, family.keys).map((key) => {
      const bytes = Buffer.from(key);
      const copies = placement.copies(bytes, 0, bytes.length);
      const held = copies.map(toMap).sort();
      return `${toMap(placement.serverIndexOf(key))}/${held.join("")}`;
    });
    expect(holders, JSON.stringify(family.config)).toEqual(family.holders);
    compared += holders.length;
  }
  expect(compared).toBeGreaterThan(0);
  reportGolden("php/pecl-redundancy.json", file.families.length, compared);
});

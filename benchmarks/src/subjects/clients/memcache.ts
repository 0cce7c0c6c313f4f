// memcache (jaredwray): classic protocol, text values.

import { Memcache } from "memcache";
import type { CacheClient } from "../subject.ts";

export function openMemcache(port: number): CacheClient {
  const client = new Memcache({ nodes: [`127.0.0.1:${port}`] });
  return {
    get: (key) => client.get(key),
    set: (key, value) => client.set(key, value),
    getMany: (keys) => client.gets(keys as string[]),
    textOf: (result) => result as string | undefined,
    isHit: (result) => result !== undefined,
    countHits: (result) => (result as Map<string, string>).size,
    isStored: (result) => result === true,
    close: () => client.disconnect(),
  };
}

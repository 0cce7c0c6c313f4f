// memcache-client (electrode-io): classic protocol, one connection as by default.

import { MemcacheClient } from "memcache-client";
import type { CacheClient } from "../subject.ts";

interface Found {
  readonly value: string;
}

export function openMemcacheClient(port: number): CacheClient {
  const client = new MemcacheClient({ server: `127.0.0.1:${port}`, noDelay: true });
  return {
    get: (key) => client.get<Found>(key),
    set: (key, value) => client.set(key, value),
    getMany: (keys) => client.get<Found>(keys as string[]),
    textOf: (result) => (result as Found | undefined)?.value,
    isHit: (result) => result !== undefined,
    countHits: (result) => Object.keys(result as object).length,
    isStored: (result) => (result as readonly string[])[0] === "STORED",
    close: () => {
      client.shutdown();
    },
  };
}

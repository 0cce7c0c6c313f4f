// memjs (MemCachier): binary protocol, values as Buffers, no call for many keys. Its promises are its own.

import memjs from "memjs";
import type { CacheClient } from "../subject.ts";

export function openMemjs(port: number): CacheClient {
  const client = memjs.Client.create(`127.0.0.1:${port}`);
  const isHit = (result: unknown): boolean => (result as memjs.Found).value !== null;
  return {
    get: (key) => client.get(key),
    set: (key, value) => client.set(key, value, {}),
    getMany: (keys) => Promise.all(keys.map((key) => client.get(key))),
    textOf: (result) => (result as memjs.Found).value?.toString("utf8"),
    isHit,
    countHits: (result) => (result as unknown[]).filter(isHit).length,
    isStored: (result) => result === true,
    close: () => {
      client.quit();
    },
  };
}

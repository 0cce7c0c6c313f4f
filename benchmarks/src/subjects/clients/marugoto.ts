// Ours, as its README shows it: no option but the server.

import { createClient, type ManyValues } from "@marugoto/client";
import type { CacheClient } from "../subject.ts";

export function openMarugoto(port: number): CacheClient {
  const client = createClient<string>({ servers: [`127.0.0.1:${port}`] });
  return {
    get: (key) => client.get(key),
    set: (key, value) => client.set(key, value),
    getMany: (keys) => client.getMany(keys),
    textOf: (result) => result as string | undefined,
    isHit: (result) => result !== undefined,
    countHits: (result) => (result as ManyValues<string, string>).size,
    isStored: (result) => result === true,
    close: () => client.close(),
  };
}

// memcached (3rd-Eden): callbacks alone, so each call is wrapped in a promise, as a program would.

import Memcached from "memcached";
import type { CacheClient } from "../subject.ts";

export function openMemcached(port: number): CacheClient {
  const client = new Memcached(`127.0.0.1:${port}`);
  const promised = (call: (done: (error: unknown, result: unknown) => void) => void): Promise<unknown> =>
    new Promise((resolve, reject) => {
      call((error, result) => {
        if (error === undefined || error === null) resolve(result);
        else reject(error instanceof Error ? error : new TypeError(`no error but ${typeof error}`));
      });
    });
  return {
    get: (key) => promised((done) => client.get(key, done)),
    set: (key, value) => promised((done) => client.set(key, value, 0, done)),
    getMany: (keys) => promised((done) => client.getMulti(keys, done)),
    textOf: (result) => result as string | undefined,
    isHit: (result) => result !== undefined,
    countHits: (result) => Object.keys(result as object).length,
    isStored: (result) => result === true,
    close: () => {
      client.end();
    },
  };
}

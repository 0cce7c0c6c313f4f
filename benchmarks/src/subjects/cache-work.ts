// Turns a client into a subject: fills in the keys of the work, checks what the client gives for them, then calls it in
// the pattern of the row. The same code for every library, so that its own cost is the same for all.

import { CacheError } from "@marugoto/core";
import { openFloor } from "./clients/floor.ts";
import type { CacheClient, CacheWork, Subject } from "./subject.ts";

/** The keys of a work, in order. */
export function keysOf(work: CacheWork): string[] {
  return Array.from({ length: work.keys }, (_, i) => `${work.prefix}key:${String(i).padStart(8, "0")}`);
}

/** Printable ASCII that doesn't repeat soon. */
export function valueOf(work: CacheWork): string {
  return Array.from({ length: work.valueBytes }, (_, i) => String.fromCharCode(0x21 + ((i * 31 + (i >> 6)) % 94))).join(
    "",
  );
}

/** Stores every key with flags 0, which all clients read as the text it is. */
export async function fill(work: CacheWork): Promise<void> {
  const floor = await openFloor(work.port);
  const value = valueOf(work);
  const keys = keysOf(work);
  for (let i = 0; i < keys.length; i += 64) {
    const stored = await Promise.all(keys.slice(i, i + 64).map((key) => floor.set(key, value)));
    if (!stored.every((result) => floor.isStored(result))) throw wrong("a set was refused while the keys were stored");
  }
  await floor.close();
}

/** @throws CacheError `protocol_violation` when the client reads or writes something else than it should */
export async function cacheSubject(client: CacheClient, work: CacheWork): Promise<Subject> {
  await fill(work);
  const keys = keysOf(work);
  const value = valueOf(work);
  await check(client, keys, value);
  const { concurrency, keysPerCall } = work;
  // Keys in turn: a step takes the next ones, and begins anew where they end.
  let next = 0;
  const take = (count: number): number => {
    const first = next + count <= keys.length ? next : 0;
    next = first + count;
    return first;
  };
  const close = () => client.close();

  switch (work.command) {
    case "get": {
      const one = async () => {
        if (!client.isHit(await client.get(keys[take(1)]!))) throw wrong("a get missed");
      };
      const many = async () => {
        const first = take(concurrency);
        const calls = new Array<Promise<unknown>>(concurrency);
        for (let i = 0; i < concurrency; i++) calls[i] = client.get(keys[first + i]!);
        const results = await Promise.all(calls);
        for (let i = 0; i < concurrency; i++) if (!client.isHit(results[i])) throw wrong("a get missed");
      };
      return { operationsPerStep: concurrency, step: concurrency === 1 ? one : many, close };
    }
    case "set": {
      const step = async () => {
        const first = take(concurrency);
        const calls = new Array<Promise<unknown>>(concurrency);
        for (let i = 0; i < concurrency; i++) calls[i] = client.set(keys[first + i]!, value);
        const results = await Promise.all(calls);
        for (let i = 0; i < concurrency; i++) if (!client.isStored(results[i])) throw wrong("a set was refused");
      };
      return { operationsPerStep: concurrency, step, close };
    }
    case "getMany": {
      // The lists are made beforehand: they are the program's, not the client's.
      const lists = Array.from({ length: Math.floor(keys.length / keysPerCall) }, (_, i) =>
        keys.slice(i * keysPerCall, (i + 1) * keysPerCall),
      );
      let list = 0;
      const step = async () => {
        list = (list + 1) % lists.length;
        if (client.countHits(await client.getMany(lists[list]!)) !== keysPerCall) throw wrong("a getMany missed keys");
      };
      return { operationsPerStep: 1, step, close };
    }
    case "door":
      throw new TypeError("a client with promises has no door");
  }
}

async function check(client: CacheClient, keys: readonly string[], value: string): Promise<void> {
  const first = keys[0]!;
  if (client.textOf(await client.get(first)) !== value) throw wrong("a get gave something else than was stored");
  if (client.textOf(await client.get(`${first}-nothing`)) !== undefined) throw wrong("a get gave what isn't there");
  const count = client.countHits(await client.getMany([first, `${first}-nothing`, keys[1]!]));
  if (count !== 2) throw wrong(`a getMany found ${count} of 2 keys`);
  if (!client.isStored(await client.set(first, value))) throw wrong("a set was refused");
  if (client.textOf(await client.get(first)) !== value) throw wrong("a set was not read back as it was");
}

function wrong(what: string): CacheError {
  return new CacheError("protocol_violation", what);
}

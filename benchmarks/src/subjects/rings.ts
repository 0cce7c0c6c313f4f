// Placements as subjects: looking keys up, and making the ring anew.

import ConsistentHash from "consistent-hash";
import HashRing from "hashring";
import { jump, phpMemcache, phpMemcached, rendezvous, type Placement } from "@marugoto/hashing";
import type { RingWork, Subject } from "./subject.ts";

/** Lookups per step: enough that the step itself costs nothing. */
const LOOKUPS = 1000;

type Lookup = (key: string) => unknown;

const hosts = (count: number): string[] => Array.from({ length: count }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
export const addresses = (count: number): string[] => hosts(count).map((host) => `${host}:11211`);

const ours = (placement: Placement): Lookup => placement.serverIndexOf.bind(placement);

/** By name: how a placement over so many servers is made. Ours give the index of a server, the others its address. All rings have 160 points a server. */
export const placements = {
  ketama: (servers) =>
    ours(phpMemcached({ servers: hosts(servers).map((host) => [host, 11211]), libketamaCompatible: true })),
  "pecl consistent": (servers) => ours(phpMemcache({ servers: hosts(servers).map((host) => ({ host })) })),
  rendezvous: (servers) => ours(rendezvous({ servers: addresses(servers) })),
  jump: (servers) => ours(jump({ servers: addresses(servers) })),
  hashring: (servers) => {
    const ring = new HashRing(addresses(servers), "md5", { "default port": 11211 });
    return (key) => ring.get(key);
  },
  // Its cache of answers holds 5000 keys by default.
  "hashring without cache": (servers) => {
    const ring = new HashRing(addresses(servers), "md5", { "default port": 11211, "max cache size": 1 });
    return (key) => ring.get(key);
  },
  "consistent-hash": (servers) => {
    // Room for all points, or it throws when it finds no free one.
    const ring = new ConsistentHash({ range: Math.max(100_003, servers * 1600) });
    for (const address of addresses(servers)) ring.add(address, 160);
    return (key) => ring.get(key);
  },
} satisfies Record<string, (servers: number) => Lookup>;

type PlacementName = keyof typeof placements;

export const isPlacementName = (name: string): name is PlacementName => Object.hasOwn(placements, name);

export function ringSubject(name: PlacementName, work: RingWork): Subject {
  const make = placements[name];
  const close = () => undefined;
  if (work.command === "build") {
    const step = () => {
      if (make(work.servers)("key") === undefined) throw new TypeError("no server for a key");
    };
    return { operationsPerStep: 1, step, close };
  }
  const keys = Array.from({ length: work.keys }, (_, i) => `user:${i}:session`);
  const lookup = make(work.servers);
  let next = 0;
  const step = () => {
    for (let i = 0; i < LOOKUPS; i++) {
      if (next === keys.length) next = 0;
      if (lookup(keys[next++]!) === undefined) throw new TypeError("no server for a key");
    }
  };
  return { operationsPerStep: LOOKUPS, step, close };
}

// The points of the two kinds of continuum that libmemcached and twemproxy build: so many by any hash, or by weight
// with MD5. Whose names are hashed is the preset's affair.

import type { Hash } from "../hashes/hash.ts";
import { md5Words } from "../hashes/md5.ts";
import { PointName } from "./point-name.ts";
import type { RingPoints } from "./ring.ts";

/** Points of a server of average weight on a weighted continuum, in groups of four. */
const KETAMA_POINTS_PER_SERVER = 160;

/** Points of a server on libmemcached's unweighted continuum. */
export const CONSISTENT_POINTS_PER_SERVER = 100;

const words = new Int32Array(4);

/** Adds the points hash(`name-0`) … hash(`name-<count-1>`). */
export function addHashPoints(points: RingPoints, owner: number, name: string, hash: Hash, count: number): void {
  const text = new PointName(`${name}-`);
  for (let i = 0; i < count; i++) points.add(hash(text.bytes, 0, text.write(i)), owner);
}

/** Adds four points, the little-endian words of the MD5, for each of `name-0` … `name-<count/4-1>`. */
export function addMd5Points(points: RingPoints, owner: number, name: string, count: number): void {
  const text = new PointName(`${name}-`);
  for (let i = 0; i < count / 4; i++) {
    md5Words(text.bytes, 0, text.write(i), words);
    for (let k = 0; k < 4; k++) points.add(words[k]!, owner);
  }
}

/**
 * How many points a server gets, with the rounding of C's `float` at each step, which is seen: 25 equal servers get
 * 156 points each, not 160, and weights 100000 and 1 get 316 and 0.
 *
 * Source: libmemcached 1.1.4, hosts.cc:179-184; twemproxy 0.5.0, nc_ketama.c:161-162. (libmemcached adds its 1e-10 as a
 * float, twemproxy as a double that is then rounded to float; beside a whole number of groups neither is felt.)
 *
 * @param weight  of the server, at least 1
 * @param total   of all live servers' weights
 * @param servers how many are live
 */
export function ketamaPointCount(weight: number, total: number, servers: number): number {
  const f = Math.fround;
  const share = f(f(weight) / f(total));
  const groups = f(f(f(f(share * KETAMA_POINTS_PER_SERVER) / 4) * f(servers)) + f(1e-10));
  return Math.floor(groups) * 4;
}

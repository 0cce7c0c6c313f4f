// Paired rounds: several servers loaded in turn, again and again, each round giving one cost per server. Ratios are
// taken within a round, so that a machine that slows down for a second slows both sides of a ratio.

import { CacheError } from "@marugoto/core";
import type { OpenLoad } from "../load/generator.ts";
import type { LoadResult } from "../load/spec.ts";
import { cpuSeconds } from "../measure/process-usage.ts";

/** A server's process with a load that is open on it. */
export interface Side {
  readonly pid: number;
  readonly load: OpenLoad;
}

/** One run of one side. */
export interface Sample {
  /** CPU time of the server per request, in µs. */
  readonly costUs: number;
  readonly load: LoadResult;
}

/** Loads one side once and checks that every key was found and every set stored. */
export async function measure(side: Side, seconds: number): Promise<Sample> {
  const before = cpuSeconds(side.pid);
  const load = await side.load.run(seconds);
  const used = cpuSeconds(side.pid) - before;
  if (load.hits !== load.asked) {
    throw new CacheError("protocol_violation", `${load.asked - load.hits} of ${load.asked} keys were not found`);
  }
  if (load.refused > 0)
    throw new CacheError("protocol_violation", `${load.refused} sets were refused: ${load.refusal}`);
  return { costUs: (used / load.operations) * 1e6, load };
}

/**
 * Measures all sides in each round, forwards in even rounds and backwards in odd ones.
 *
 * @param sides each measures itself once
 * @returns samples[round][side]
 */
export async function pairedRounds<S>(sides: readonly (() => Promise<S>)[], rounds: number): Promise<S[][]> {
  const samples: S[][] = [];
  for (let round = 0; round < rounds; round++) {
    const order = sides.map((_, i) => (round % 2 === 0 ? i : sides.length - 1 - i));
    const found = new Map<number, S>();
    for (const i of order) found.set(i, await sides[i]!());
    samples.push(sides.map((_, i) => found.get(i)!));
  }
  return samples;
}

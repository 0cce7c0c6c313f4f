// The hit ratio of two servers under the same traffic, get then set on a miss. Both are asked each batch before the next
// one is drawn, so that time passes, and values expire, alike for both however fast each is.

import { inLanes, type Pipe } from "../load/pipe.ts";
import { RequestBuffer } from "../load/request-buffer.ts";
import type { RunningServer } from "../measure/servers.ts";
import type { Traffic } from "./traffic.ts";

// Gets per batch. A key that is missed is set in the next write: small beside the hundred thousands of keys between two
// requests that decide about an eviction.
const BATCH = 128;
const MAX_SET_BYTES = 8192 + 64;

/** One server's end: what it holds is asked for, what it lacks is set. */
class Caller {
  private readonly pipe: Pipe;
  private readonly requests = new RequestBuffer(2 * BATCH, BATCH * (MAX_SET_BYTES + 64));
  private readonly missed: number[] = [];

  constructor(pipe: Pipe) {
    this.pipe = pipe;
  }

  /** Sets what the last batch missed and asks for the keys of this one. @returns how many of `keys` were there */
  async ask(keys: readonly number[], traffic: Traffic): Promise<number> {
    const { requests, missed } = this;
    requests.clear();
    for (const key of missed) requests.addSet(key, traffic.sizeOf(key), traffic.exptimeOf(key));
    const sets = requests.count;
    for (const key of keys) requests.addGet(key, traffic.sizeOf(key));
    await this.pipe.exchange(requests);
    missed.length = 0;
    const { hitsOf } = requests;
    keys.forEach((key, i) => {
      if (hitsOf[sets + i] === 0) missed.push(key);
    });
    return keys.length - missed.length;
  }
}

export interface HitRatio {
  /** Share of the measured requests that found their key, 0 … 1. */
  readonly ratio: number;
  /** Sets that the server refused. */
  readonly refused: number;
}

/**
 * Sends `warm` requests, then as many as `measured` that count.
 *
 * @returns one result per server, in order
 */
export async function hitRatios(
  servers: readonly RunningServer[],
  traffic: Traffic,
  warm: number,
  measured: number,
): Promise<HitRatio[]> {
  const hits = servers.map(() => 0);
  const refused = servers.map(() => 0);
  let drawn = 0;
  let counted = 0;
  await inLanes(
    servers.map((server) => server.port),
    async (pipes) => {
      const callers = pipes.map((pipe) => new Caller(pipe));
      while (drawn < warm + measured) {
        const counts = drawn >= warm;
        const keys = Array.from({ length: BATCH }, () => traffic.nextKey());
        drawn += BATCH;
        const found = await Promise.all(callers.map((caller) => caller.ask(keys, traffic)));
        if (!counts) continue;
        counted += BATCH;
        found.forEach((count, i) => (hits[i]! += count));
      }
      pipes.forEach((pipe, i) => (refused[i]! += pipe.answers.refused));
    },
  );
  return hits.map((hit, i) => ({ ratio: hit / counted, refused: refused[i]! }));
}

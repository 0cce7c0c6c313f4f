// The resident size under a long run of sets of every size: what fragmentation, buffers and the garbage collector cost.

import { inLanes } from "../load/pipe.ts";
import { MAX_VALUE_BYTES, RequestBuffer } from "../load/request-buffer.ts";
import { emptyRssBytes, rssBytes } from "../measure/process-usage.ts";
import { logUniform, Random } from "../measure/random.ts";
import type { RunningServer } from "../measure/servers.ts";
import type { Progress } from "../task.ts";

export interface MixedSets {
  /** Growth of the resident size from the empty server to the end of the run. */
  readonly grownBytes: number;
  /** The largest growth seen, sampled a hundred times. */
  readonly peakBytes: number;
  readonly refused: number;
  readonly refusal: string;
}

const WRITE_BYTES = 512 * 1024;
const MAX_REQUESTS = 4096;
const KEYS = 1_000_000;

/** Sets of 1 B to 100 KiB, log-uniform, over 10⁶ keys drawn uniformly; the same sequence for the same seed. */
export async function mixedSets(
  server: RunningServer,
  sets: number,
  seed: number,
  progress: Progress,
): Promise<MixedSets> {
  const empty = await emptyRssBytes(server.pid);
  const random = new Random(seed);
  const result = { peakBytes: 0, refused: 0, refusal: "" };
  let drawn = 0;
  let percent = 0;
  await inLanes([server.port], async ([pipe]) => {
    const requests = new RequestBuffer(MAX_REQUESTS, WRITE_BYTES + MAX_VALUE_BYTES + 64);
    while (drawn < sets) {
      requests.clear();
      while (drawn < sets && requests.count < MAX_REQUESTS && requests.byteLength < WRITE_BYTES) {
        requests.addSet(random.below(KEYS), logUniform(random.unit(), 1, MAX_VALUE_BYTES));
        drawn++;
      }
      await pipe!.exchange(requests);
      if ((drawn / sets) * 100 < percent + 1) continue;
      percent = Math.floor((drawn / sets) * 100);
      result.peakBytes = Math.max(result.peakBytes, rssBytes(server.pid) - empty);
      if (percent % 20 === 0) progress(`  ${server.program.name}: ${percent} % of ${sets} mixed sets`);
    }
    result.refused += pipe!.answers.refused;
    result.refusal ||= pipe!.answers.refusal;
  });
  const grownBytes = rssBytes(server.pid) - empty;
  return { ...result, grownBytes, peakBytes: Math.max(result.peakBytes, grownBytes) };
}

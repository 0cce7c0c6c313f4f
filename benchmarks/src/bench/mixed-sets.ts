// The resident size under a long run of sets of every size: what fragmentation, buffers and the garbage collector cost.

import { Pipe } from "../load/pipe.ts";
import { MAX_VALUE_BYTES, RequestBuffer } from "../load/request-buffer.ts";
import { rssBytes } from "../measure/process-usage.ts";
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
  const empty = rssBytes(server.pid);
  const random = new Random(seed);
  const pipe = await Pipe.open(server.port);
  const requests = new RequestBuffer(MAX_REQUESTS, WRITE_BYTES + MAX_VALUE_BYTES + 64);
  let peakBytes = 0;
  let nextSample = 0;
  try {
    for (let done = 0; done < sets; done += requests.count) {
      requests.clear();
      const most = Math.min(MAX_REQUESTS, sets - done);
      while (requests.count < most && requests.byteLength < WRITE_BYTES) {
        requests.addSet(random.below(KEYS), logUniform(random.unit(), 1, MAX_VALUE_BYTES));
      }
      await pipe.exchange(requests);
      if (done < nextSample) continue;
      nextSample += sets / 100;
      peakBytes = Math.max(peakBytes, rssBytes(server.pid) - empty);
      if (Math.round((done / sets) * 100) % 20 === 0) progress(`  ${server.program.name}: ${done} of ${sets} sets`);
    }
    const grownBytes = rssBytes(server.pid) - empty;
    const { refused, refusal } = pipe.answers;
    return { grownBytes, peakBytes: Math.max(peakBytes, grownBytes), refused, refusal };
  } finally {
    pipe.close();
  }
}

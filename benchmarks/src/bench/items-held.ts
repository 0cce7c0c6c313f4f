// How many items fit: far more sets than fit, then what `stats` counts and what comes back.

import { inLanes } from "../load/pipe.ts";
import { RequestBuffer } from "../load/request-buffer.ts";
import { emptyRssBytes, rssBytes } from "../measure/process-usage.ts";
import { readStats, type RunningServer } from "../measure/servers.ts";

export interface ItemsHeld {
  /** `curr_items` after the last set. */
  readonly counted: number;
  /** Keys of all that were set that a get finds afterwards. */
  readonly found: number;
  /** Growth of the resident size from the empty server to the full one. */
  readonly grownBytes: number;
}

// A write of this many bytes or requests, whichever comes first.
const WRITE_BYTES = 256 * 1024;
const WRITE_REQUESTS = 1024;

/** Sets keys 0 … keys − 1 once, in order, then asks for each. */
export async function itemsHeld(server: RunningServer, keys: number, valueBytes: number): Promise<ItemsHeld> {
  const empty = await emptyRssBytes(server.pid);
  await forEachKey(server, keys, valueBytes, (requests, key) => {
    requests.addSet(key, valueBytes);
  });
  const grownBytes = rssBytes(server.pid) - empty;
  const counted = Number((await readStats(server)).get("curr_items"));
  const found = await forEachKey(server, keys, valueBytes, (requests, key) => {
    requests.addGet(key, valueBytes);
  });
  return { counted, found, grownBytes };
}

/** Sends one request per key. @returns the values that came back */
async function forEachKey(
  server: RunningServer,
  keys: number,
  valueBytes: number,
  add: (requests: RequestBuffer, key: number) => void,
): Promise<number> {
  const perWrite = Math.max(1, Math.min(WRITE_REQUESTS, Math.floor(WRITE_BYTES / (valueBytes + 48))));
  let nextKey = 0;
  let found = 0;
  await inLanes([server.port], async ([pipe]) => {
    const requests = new RequestBuffer(perWrite, perWrite * (valueBytes + 64));
    while (nextKey < keys) {
      requests.clear();
      while (nextKey < keys && requests.count < perWrite) add(requests, nextKey++);
      await pipe!.exchange(requests);
    }
    found += pipe!.answers.hits;
  });
  return found;
}

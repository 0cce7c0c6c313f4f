// The ports of the recordings, 7600 and so on, are one set for the whole machine, and keys are placed by them. Whoever
// listens there holds this lock, which ends with its process.

import { createServer } from "node:net";
import { eventually, type Closeable } from "@marugoto/testing";

/** Whoever listens here holds the lock. */
const LOCK_PORT = 7599;

/** Waits until nobody else has the recorded ports. @throws CacheError `timeout` */
export async function lockRecordedPorts(withinMs: number): Promise<Closeable> {
  return eventually(
    async () => {
      const lock = createServer();
      await new Promise<void>((resolve, reject) => {
        lock.once("error", reject);
        lock.listen(LOCK_PORT, "127.0.0.1", resolve);
      });
      return { close: () => new Promise((resolve) => lock.close(resolve)) };
    },
    { withinMs, everyMs: 100 },
  );
}

// One of the processes of lease.test.ts: told a port and a key, it reads the key or computes it, and tells of both.

import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "../../src/index.ts";

/** What it is told. */
export interface LeaseTask {
  readonly port: number;
  readonly key: string;
  readonly loadMs: number;
}

/** What it tells: first that it has started, then at each load, at last the value. */
export type LeaseNews = { readonly is: "ready" } | { readonly is: "load" } | { readonly is: "value"; value: string };

const tell = (news: LeaseNews) => process.send!(news);

process.on("message", ({ port, key, loadMs }: LeaseTask) => {
  void (async () => {
    await using client = createClient({ servers: [`127.0.0.1:${port}`], timeouts: { requestMs: 20_000 } });
    const load = async () => {
      tell({ is: "load" });
      await sleep(loadMs);
      return `computed by ${process.pid}`;
    };
    tell({ is: "value", value: await client.getOrSet(key, load, { ttl: 60, leaseSec: 60 }) });
  })();
});

tell({ is: "ready" });

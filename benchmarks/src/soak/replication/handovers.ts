// `soak replication-handovers`: planned swaps. The master gets SIGTERM while programs use both nodes through our client; none
// of their calls may fail, and nothing that was stored may be missing.

import { createClient, type Client } from "@marugoto/client";
import { eventually, within } from "@marugoto/testing";
import { grouped } from "../../measure/table.ts";
import { replicationSoak } from "./define.ts";
import { none, pause, times, told } from "./findings.ts";
import { other, Pair, type Side } from "./pair.ts";
import { missingOf } from "./sets.ts";

/** Calls under way at a time, half sets of fresh keys and half gets of earlier ones. */
const CALLERS = 20;

/** The logs of a swap that takes longer are shown. */
const LONG_MS = 1000;

interface Seen {
  isOver: boolean;
  /** Keys that were set, with numbers from 0 on. */
  keys: number;
  /** Those whose set failed. */
  readonly failedKeys: Set<number>;
  calls: number;
  failures: string[];
  longestMs: number;
}

export const replicationHandovers = replicationSoak({
  summary: "the master handed over by SIGTERM under the load of our client: no call fails, nothing is lost",
  title: "Planned swaps through our client",
  flags: { swaps: { kind: "number", default: 5, min: 1, unit: "N", help: "SIGTERM to the master, and its return" } },
  quick: { swaps: 2 },
  facts: () => [["load", `a client with both nodes as servers and onFailure next; ${CALLERS} callers, sets and gets`]],
  async once({ values, program, random, opened, progress }) {
    const pair = await Pair.start(program, opened, { flags: ["-m", "512"] });
    const client = createClient({
      servers: pair.ports.map((port) => `127.0.0.1:${port}`),
      onFailure: "next",
      timeouts: { requestMs: 5000, connectMs: 1000, maxBackoffMs: 100 },
    });
    opened.defer(() => {
      client.destroy();
    });
    const seen: Seen = { isOver: false, keys: 0, failedKeys: new Set(), calls: 0, failures: [], longestMs: 0 };
    const callers = Array.from({ length: CALLERS }, () => call(client, seen));
    let master: Side = 0;
    const swapMs: number[] = [];
    for (let swap = 0; swap < values.swaps; swap++) {
      await pause(random.between(200, 500));
      const startedMs = performance.now();
      const leaving = pair.process(master);
      await pair.stop(master, "SIGTERM");
      swapMs.push(performance.now() - startedMs);
      if (swapMs.at(-1)! > LONG_MS) progress(`${leaving.stderr}\n---\n${pair.process(other(master)).stderr}`);
      await pause(random.int(200));
      await pair.start(master);
      master = other(master);
      await within(20_000, isSlaveInStep(pair, master), "the old master did not come back");
      // The client tries a node that was away now and then; a swap is planned when both are in use.
      await eventually(async () => (await client.version()).size === 2, { withinMs: 20_000 });
      if (swap % 10 === 9) {
        progress(
          `${swap + 1} swaps, ${grouped(seen.calls)} calls, ${seen.failures.length} failed: ${seen.failures[0] ?? ""}`,
        );
      }
    }
    seen.isOver = true;
    await Promise.all(callers);
    await pair.inStep(master);
    for (const failure of new Set(seen.failures)) progress(failure);
    return [
      told("calls, keys stored", `${grouped(seen.calls)}, ${grouped(seen.keys - seen.failedKeys.size)}`),
      none(`calls that failed, in ${values.swaps} swaps`, seen.failures.length),
      none("keys stored that are missing on the master", await lost(pair, master, seen)),
      none("keys stored that are missing on the slave", await lost(pair, other(master), seen)),
      told("longest call", `${seen.longestMs.toFixed(0)} ms`),
      told("SIGTERM until the process is gone: median / 95 of 100 / longest", times(swapMs)),
    ];
  },
});

/** Sets and gets until it is over; every set is of a key of its own. */
async function call(client: Client, seen: Seen): Promise<void> {
  while (!seen.isOver) {
    const number = seen.keys++;
    if (!(await timed(seen, () => client.set(`key${number}`, "value")))) seen.failedKeys.add(number);
    await timed(seen, () => client.get(`key${number >> 1}`));
    // Some thousand calls a second, so that what is stored, and copied at each return, stays small.
    await pause(1);
  }
}

/** @returns false when the call failed */
async function timed(seen: Seen, use: () => Promise<unknown>): Promise<boolean> {
  const startedMs = performance.now();
  const failure = await use().then(
    (value) => (value === false ? "a set was answered NOT_STORED" : undefined),
    (error: unknown) => String(error),
  );
  if (failure !== undefined) seen.failures.push(failure);
  seen.calls++;
  seen.longestMs = Math.max(seen.longestMs, performance.now() - startedMs);
  return failure === undefined;
}

/** Keys that were stored, and that a node has not. */
async function lost(pair: Pair, side: Side, { keys, failedKeys }: Seen): Promise<number> {
  const missing = await missingOf(pair.ports[side], "key", keys);
  return missing.filter((number) => !failedKeys.has(number)).length;
}

/** At full load a replica is never at the very end of the log. */
async function isSlaveInStep(pair: Pair, master: Side): Promise<void> {
  for (;;) {
    const rows = await pair.stats(master);
    if (rows.get("role") === "master" && rows.get("replicas_in_step") === "1") return;
    await pause(2);
  }
}

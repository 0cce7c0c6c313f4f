// `soak replication-cuts`: the link is cut for a second while the master is written to. What is sent when it heals is what was
// missed, no more; and where the backlog is too short for that, the replica goes on serving while it is refilled.

import type { TestConnection } from "@marugoto/testing";
import { CacheError } from "@marugoto/core";
import { grouped } from "../../measure/table.ts";
import { differences, readContent } from "./content.ts";
import { replicationSoak, type Run } from "./define.ts";
import { judged, none, pause, times, told } from "./findings.ts";
import { Pair } from "./pair.ts";

const CUT_MS = 1000;
const RELINKED_MS = 200;

/** Bytes sent when a link heals over bytes of effects that were missed, at most. */
const OVERHEAD = 1.1;

// Far longer than the cut: a slave that took over would be another story.
const PATIENT = ["--peer-timeout", "5000"];

const flags = {
  cuts: { kind: "number", default: 3, min: 1, unit: "N", help: "cuts of each kind" },
  writes: { kind: "number", default: 5000, min: 1, unit: "N", help: "sets of 32 B during a cut" },
  items: { kind: "number", default: 20_000, min: 1, unit: "N", help: "items held, for the cut beyond the backlog" },
} as const;

export const replicationCuts = replicationSoak({
  summary: "a link that is cut for a second: only what was missed is sent, or a full copy while the replica serves",
  title: "Link cut and healed",
  flags,
  quick: { cuts: 1, items: 5000 },
  facts: ({ writes }) => [
    ["load", `cuts of ${CUT_MS} ms, ${grouped(writes)} sets of 32 B during each; --peer-timeout 5000`],
  ],
  async once(run) {
    return [...(await within(run, "reset")), ...(await within(run, "silent")), ...(await beyond(run))];
  },
});

/** A cut that the backlog reaches over: connections reset and refused, or silent with all in flight kept. */
async function within(
  { values, program, opened, progress }: Run<typeof flags>,
  kind: "reset" | "silent",
): Promise<string[][]> {
  const pair = await Pair.start(program, opened, { proxied: true, flags: PATIENT });
  const client = await pair.client(0);
  const relinked: number[] = [];
  const shares: number[] = [];
  for (let i = 0; i < values.cuts; i++) {
    await pair.inStep(0);
    const offset = await pair.count(0, "offset");
    const forwarded = bytesOver(pair);
    cut(pair, kind);
    const endMs = performance.now() + CUT_MS;
    await set(client, values.writes, `${kind}${i}`);
    const missed = (await pair.count(0, "offset")) - offset;
    await pause(Math.max(0, endMs - performance.now()));
    const startedMs = performance.now();
    for (const link of pair.links) link.heal();
    await pair.caughtUp(1);
    relinked.push(performance.now() - startedMs);
    shares.push((bytesOver(pair) - forwarded) / missed);
    progress(`${kind}: ${grouped(missed)} bytes missed, × ${shares.at(-1)!.toFixed(3)} sent, ${times(relinked)}`);
  }
  const [mine, theirs] = [await readContent(pair.ports[0]), await readContent(pair.ports[1])];
  const copies = (await pair.count(0, "full_copies_out")) - 1;
  const promotions = (await pair.count(0, "promotions")) + (await pair.count(1, "promotions")) - 1;
  const most = Math.max(...shares);
  const longest = Math.max(...relinked);
  return [
    judged(`${kind}: bytes sent over bytes missed, most`, `× ${most.toFixed(3)}`, `≤ ${OVERHEAD}`, most <= OVERHEAD),
    none(`${kind}: full copies`, copies),
    judged(
      `${kind}: caught up after it heals, longest`,
      `${longest.toFixed(0)} ms`,
      `≤ ${RELINKED_MS} ms`,
      longest <= RELINKED_MS,
    ),
    none(`${kind}: takeovers`, promotions),
    none(`${kind}: keys that differ`, differences(mine, theirs).length),
  ];
}

/** Cuts that the backlog does not reach over: the replica is read all the time. */
async function beyond({ values, program, opened }: Run<typeof flags>): Promise<string[][]> {
  const pair = await Pair.start(program, opened, { proxied: true, flags: [...PATIENT, "--backlog", "64k"] });
  const client = await pair.client(0);
  await set(client, values.items, "item");
  const reader = await pair.client(1);
  const reads = { isOver: false, count: 0, wrong: 0, longestMs: 0 };
  await pair.inStep(0);
  const reading = (async () => {
    for (let i = 0; !reads.isOver; i++) {
      const startedMs = performance.now();
      // Keys that were there before the cuts, and are never written again.
      if ((await reader.ask(`mg itemn${i % values.items}`, 20_000)) !== "HD") reads.wrong++;
      reads.count++;
      reads.longestMs = Math.max(reads.longestMs, performance.now() - startedMs);
    }
  })();
  const copiesBefore = await pair.count(0, "full_copies_out");
  const tookMs: number[] = [];
  for (let i = 0; i < values.cuts; i++) {
    cut(pair, "reset");
    await set(client, values.writes, `beyond${i}`);
    if ((await client.ask(`delete beyond${i}n0`)) !== "DELETED")
      throw new CacheError("protocol_violation", "not deleted");
    await pause(CUT_MS);
    const startedMs = performance.now();
    for (const link of pair.links) link.heal();
    await pair.caughtUp(1);
    tookMs.push(performance.now() - startedMs);
  }
  reads.isOver = true;
  await reading;
  await pair.inStep(0);
  const [mine, theirs] = [await readContent(pair.ports[0]), await readContent(pair.ports[1])];
  const copies = (await pair.count(0, "full_copies_out")) - copiesBefore;
  return [
    judged("beyond the backlog: full copies", copies, grouped(values.cuts), copies === values.cuts),
    told("beyond the backlog: caught up after it heals: median / 95 of 100 / longest", times(tookMs)),
    told("beyond the backlog: reads of the replica meanwhile", reads.count),
    none("beyond the backlog: reads that found nothing, or failed", reads.wrong),
    told("beyond the backlog: longest read", `${reads.longestMs.toFixed(0)} ms`),
    none("beyond the backlog: keys that differ", differences(mine, theirs).length),
  ];
}

function cut(pair: Pair, kind: "reset" | "silent"): void {
  for (const link of pair.links) {
    if (kind === "silent") {
      link.up.stalled = link.down.stalled = true;
    } else {
      link.refuse = true;
      link.cut();
    }
  }
}

function bytesOver({ links }: Pair): number {
  return links.reduce((sum, { forwarded }) => sum + forwarded.up + forwarded.down, 0);
}

async function set(client: TestConnection, count: number, prefix: string): Promise<void> {
  const value = "v".repeat(32);
  let text = "";
  for (let i = 0; i < count; i++) text += `ms ${prefix}n${i} 32 q\r\n${value}\r\n`;
  client.send(`${text}mn\r\n`);
  const answer = await client.readUntil("MN\r\n", 30_000);
  if (answer !== "MN\r\n") throw new CacheError("protocol_violation", `a set was answered ${answer.slice(0, 80)}`);
}

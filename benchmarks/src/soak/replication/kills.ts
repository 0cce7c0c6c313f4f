// `soak replication-kills`: the master is killed under pipelined sets, so many in flight at a time; what was acknowledged
// must be on the survivor. With replicas that acknowledge, even when the link was cut before. How much is unprotected in
// the very moment of a kill can't be asked: with a long --hold nothing is.

import { eventually } from "@marugoto/testing";
import type { Random } from "@marugoto/testing";
import { CacheError } from "@marugoto/core";
import type { Progress } from "../../task.ts";
import { grouped } from "../../measure/table.ts";
import { replicationSoak } from "./define.ts";
import { judged, none, pause } from "./findings.ts";
import { other, Pair, type Side } from "./pair.ts";
import { missingOf, PipelinedSets } from "./sets.ts";

/** At least this share of the acknowledgements is protected while the replica reads. */
const PROTECTED = 0.99;

/** Milliseconds that answers wait for a slow replica where none may leave without. */
const LONG_HOLD = "10000";

/** How long the share that is protected with the usual --hold is looked at. */
const SHARE_MS = 3000;

/** How long the link is cut before the master is killed, with replicas that acknowledge. */
const CUT_MS = 200;

interface Sum {
  acknowledged: number;
  lost: number;
}

export const replicationKills = replicationSoak({
  summary: "the master killed under pipelined sets: what was acknowledged is on the survivor",
  title: "kill -9 of the master under load",
  flags: {
    kills: { kind: "number", default: 5, min: 1, unit: "N", help: "kills per row" },
    windows: { kind: "text", default: "1,50,1000,20000", unit: "N,N…", help: "sets in flight" },
    sync: {
      kind: "number",
      default: 50,
      min: 0,
      unit: "N",
      help: "sets in flight with --sync-replicas 1; 0 = leave out",
    },
  },
  quick: { kills: 2 },
  facts: ({ kills }) => [["load", `sets of 32 B, distinct keys, one connection; ${kills} kills per row`]],
  async once({ values, program, random, opened, progress }) {
    const rows: string[][] = [];
    for (const text of values.windows.split(",")) {
      const window = Number(text);
      if (!Number.isInteger(window) || window < 1) {
        throw new CacheError("invalid_option", `--windows has "${text}"; give numbers of at least 1`);
      }
      const pair = await Pair.start(program, opened, { flags: ["-m", "256", "--hold", LONG_HOLD] });
      const sum = await killed({ pair, window, kills: values.kills, random, progress, cuts: false });
      const share = await protectedShare(await Pair.start(program, opened, { flags: ["-m", "256"] }), window);
      const found = `${(share * 100).toFixed(2)} %`;
      rows.push(
        none(`${window} in flight: lost of ${grouped(sum.acknowledged)} acknowledged`, sum.lost),
        judged(`${window} in flight: protected with --hold 20`, found, `≥ ${PROTECTED * 100} %`, share >= PROTECTED),
      );
    }
    if (values.sync > 0) {
      const flags = ["-m", "256", "--sync-replicas", "1", "--sync-degrade", "refuse"];
      const pair = await Pair.start(program, opened, { flags, proxied: true });
      const sum = await killed({ pair, window: values.sync, kills: values.kills, random, progress, cuts: true });
      rows.push(
        none(`--sync-replicas 1, link cut ${CUT_MS} ms before: lost of ${grouped(sum.acknowledged)}`, sum.lost),
      );
    }
    return rows;
  },
});

async function killed(run: {
  readonly pair: Pair;
  readonly window: number;
  readonly kills: number;
  readonly random: Random;
  readonly progress: Progress;
  readonly cuts: boolean;
}): Promise<Sum> {
  const { pair, window, random, cuts } = run;
  const sum: Sum = { acknowledged: 0, lost: 0 };
  let master: Side = 0;
  for (let kill = 0; kill < run.kills; kill++) {
    const prefix = `w${window}k${kill}n`;
    const sets = new PipelinedSets(pair.ports[master], prefix, window);
    await eventually(() => sets.acknowledged > 0);
    await pause(random.between(20, 300));
    if (cuts) await cut(pair);
    if (!cuts && (await pair.count(master, "unprotected_acks")) > 0) {
      throw new CacheError("protocol_violation", "answers have left unprotected, in spite of a long --hold");
    }
    pair.process(master).signal("SIGKILL");
    await sets.ended;
    sets.check();
    const survivor = other(master);
    await eventually(async () => (await pair.stats(survivor)).get("role") === "master");
    const missing = await missingOf(pair.ports[survivor], prefix, sets.acknowledged);
    const lost = missing.length;
    if (lost > 0) run.progress(`kill ${kill}: ${lost} of ${sets.acknowledged} lost, the first ${missing[0]}`);
    sum.acknowledged += sets.acknowledged;
    sum.lost += lost;
    await pair.stop(master, "SIGKILL");
    for (const link of pair.links) link.heal();
    await pair.start(master);
    await pair.inStep(survivor);
    // So that the copies stay small.
    const client = await pair.client(survivor);
    if ((await client.ask("flush_all")) !== "OK") throw new CacheError("protocol_violation", "flush_all was refused");
    await client.close();
    master = survivor;
    if (kill % 20 === 19) run.progress(`${window} in flight: ${kill + 1} kills, ${sum.lost} lost`);
  }
  return sum;
}

/** The share of the acknowledgements that left with a replica's socket having them, while everybody is well. */
async function protectedShare(pair: Pair, window: number): Promise<number> {
  const before = await pair.count(0, "unprotected_acks");
  const sets = new PipelinedSets(pair.ports[0], "share", window);
  await pause(SHARE_MS);
  sets.pause();
  await eventually(() => sets.acknowledged === sets.sent);
  sets.check();
  sets.close();
  return 1 - ((await pair.count(0, "unprotected_acks")) - before) / sets.acknowledged;
}

async function cut(pair: Pair): Promise<void> {
  for (const link of pair.links) link.up.stalled = link.down.stalled = true;
  await pause(CUT_MS);
}

// `soak replication-takeovers`: how long until the survivor of a pair acknowledges a set, after its master was killed, and
// after it was stopped with its connections open.

import { eventually, type TestConnection } from "@marugoto/testing";
import { CacheError } from "@marugoto/core";
import { quantile } from "../../measure/statistics.ts";
import { grouped } from "../../measure/table.ts";
import { replicationSoak } from "./define.ts";
import { judged, Lateness, none, pause, times, told } from "./findings.ts";
import { other, Pair, type Side } from "./pair.ts";
import { PipelinedSets } from "./sets.ts";

const MEDIAN_MS = 5;
const MOST_MS = 50;
const LONGEST_MS = 500;

/** `--peer-timeout`'s default: the limit after which a silent master counts as dead. */
const LIMIT_MS = 1000;
const LIMIT_AND_MS = LIMIT_MS + 150;

export const replicationTakeovers = replicationSoak({
  summary: "how soon the survivor acknowledges a set when its master is killed, or hangs",
  title: "Takeover",
  flags: {
    kills: { kind: "number", default: 10, min: 1, unit: "N", help: "kill -9 of the master" },
    hangs: { kind: "number", default: 5, min: 0, unit: "N", help: "SIGSTOP of the master" },
    items: { kind: "number", default: 10_000, min: 0, unit: "N", help: "items that the pair holds" },
  },
  quick: { kills: 3, hangs: 1, items: 1000 },
  facts: ({ items }) => [["load", `${grouped(items)} items; a set to the survivor as soon as its master is gone`]],
  async once({ values, program, random, opened, progress }) {
    const pair = await Pair.start(program, opened);
    const lateness = new Lateness();
    opened.defer(() => {
      lateness.close();
    });
    await fill(pair, values.items);
    let master: Side = 0;
    const killed: number[] = [];
    const closed: number[] = [];
    const promoted: number[] = [];
    const hung: number[] = [];
    let isVoid = 0;
    for (let kill = 0; killed.length < values.kills && kill < 2 * values.kills; kill++) {
      const survivor = other(master);
      const client = await pair.client(survivor);
      const bereaved = await pair.client(master);
      // The survivor has just been started: it has warmed up and rehearsed by then, as one in service has.
      await pause(random.between(700, 1200));
      lateness.begin();
      const startedMs = performance.now();
      const ended = endOf(bereaved).then(() => performance.now() - startedMs);
      pair.process(master).signal("SIGKILL");
      await acknowledged(client, `kill${kill}`);
      const tookMs = performance.now() - startedMs;
      if (lateness.isVoid) isVoid++;
      else killed.push(tookMs);
      closed.push(await ended);
      promoted.push(await pair.count(survivor, "last_takeover_ms"));
      await client.close();
      await pair.stop(master, "SIGKILL");
      await pair.start(master);
      await pair.inStep(survivor);
      master = survivor;
      if (kill % 20 === 19) progress(`${kill + 1} kills: ${times(killed)}`);
    }
    for (let hang = 0; hang < values.hangs; hang++) {
      const survivor = other(master);
      const client = await pair.client(survivor);
      const hanging = pair.process(master);
      await pause(random.between(20, 200));
      lateness.begin();
      const startedMs = performance.now();
      hanging.signal("SIGSTOP");
      // What is asked before the limit may be told that nobody knows its outcome: asked again.
      await eventually(async () => (await client.ask(`set hang${hang} 0 0 1\r\nx`, 10_000)) === "STORED", {
        withinMs: 10_000,
        everyMs: 1,
      });
      const tookMs = performance.now() - startedMs;
      if (lateness.isVoid) isVoid++;
      else hung.push(tookMs);
      await client.close();
      hanging.signal("SIGCONT");
      const settled = await pair.settled();
      if (settled !== survivor) throw new CacheError("protocol_violation", "the master that hung took its role back");
      master = survivor;
    }
    const rare = killed.filter((tookMs) => tookMs > MOST_MS).length;
    const median = quantile(killed, 0.5);
    const longest = Math.max(...killed);
    return [
      told("kill -9: median / 95 of 100 / longest", times(killed)),
      told("the kernel's part, until the connections of the killed process are closed", times(closed)),
      told("the survivor's part, from the end of the link to its promotion", times(promoted)),
      judged("kill -9: median", `${median.toFixed(1)} ms`, `≤ ${MEDIAN_MS} ms`, median <= MEDIAN_MS),
      judged(
        `kill -9: longer than ${MOST_MS} ms`,
        `${rare} of ${killed.length}`,
        "≤ 5 %",
        rare <= killed.length * 0.05,
      ),
      judged("kill -9: longest", `${longest.toFixed(1)} ms`, `≤ ${LONGEST_MS} ms`, longest <= LONGEST_MS),
      told("SIGSTOP: median / 95 of 100 / longest", times(hung)),
      none(
        `SIGSTOP: of ${hung.length}, longer than --peer-timeout ${LIMIT_MS} + 150 ms`,
        hung.filter((tookMs) => tookMs > LIMIT_AND_MS).length,
      ),
      told("void: a timer of 1 ms was late by more than 20 ms", isVoid),
    ];
  },
});

/** One set, answered as soon as there is a master. */
async function acknowledged(client: TestConnection, key: string): Promise<void> {
  const answer = await client.ask(`set ${key} 0 0 1\r\nx`, 10_000);
  if (answer !== "STORED") throw new CacheError("protocol_violation", `a set was answered ${answer}`);
}

/** When the other side is gone. */
async function endOf(connection: TestConnection): Promise<void> {
  while (!connection.ended) await connection.activity(20_000);
  await connection.close();
}

async function fill(pair: Pair, items: number): Promise<void> {
  if (items === 0) return;
  const sets = new PipelinedSets(pair.ports[0], "item", 100);
  await eventually(() => sets.acknowledged >= items, { withinMs: 60_000 });
  sets.pause();
  sets.close();
  sets.check();
  await pair.inStep(0);
}

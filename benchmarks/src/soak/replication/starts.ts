// `soak replication-starts`: both nodes of a pair started at the same moment, give or take; real repcached ends with two
// masters once in five.

import { CacheError } from "@marugoto/core";
import { Cleanup, eventually } from "@marugoto/testing";
import { grouped } from "../../measure/table.ts";
import { replicationSoak } from "./define.ts";
import { judged, none, pause, times, told } from "./findings.ts";
import { Pair } from "./pair.ts";

const WITHIN_MS = 2000;

export const replicationStarts = replicationSoak({
  summary: "two nodes started at once, again and again: they attach",
  title: "Simultaneous starts",
  flags: {
    starts: { kind: "number", default: 20, min: 1, unit: "N", help: "pairs, one after the other" },
    jitter: { kind: "number", default: 50, min: 0, unit: "MS", help: "the second start comes up to so much later" },
  },
  quick: { starts: 3 },
  facts: ({ starts, jitter }) => [["load", `${grouped(starts)} pairs, the second start 0 to ${jitter} ms later`]],
  async once({ values, program, random, opened, progress }) {
    const attached: number[] = [];
    let late = 0;
    let apart = 0;
    const mine = new Cleanup();
    opened.defer(() => mine.run());
    for (let i = 0; i < values.starts; i++) {
      const pair = await Pair.create(program, mine);
      const first = random.chance(0.5) ? 0 : 1;
      const early = await pair.spawn(first);
      await pause(random.int(values.jitter + 1));
      const startedMs = performance.now();
      const later = await pair.spawn(first === 0 ? 1 : 0);
      const processes = first === 0 ? [early, later] : [later, early];
      await Promise.all(processes.map((process, side) => pair.serves(side === 0 ? 0 : 1, process)));
      const master = await pair.settled(10_000).catch((error: unknown) => {
        if (error instanceof CacheError && error.code === "timeout") return undefined;
        throw error;
      });
      const tookMs = performance.now() - startedMs;
      if (master === undefined) {
        apart++;
        for (const { stderr } of processes) progress(stderr);
      } else {
        attached.push(tookMs);
        if (tookMs > WITHIN_MS) late++;
        const text = await (await pair.client(master)).ask("set k 0 0 1\r\nx");
        if (text !== "STORED") throw new CacheError("protocol_violation", `the master answered ${text}`);
        const slave = await pair.client(master === 0 ? 1 : 0);
        await eventually(async () => (await slave.ask("mg k")) === "HD");
      }
      await mine.run();
      if (i % 20 === 19) progress(`${i + 1} starts`);
    }
    return [
      judged(
        `attached within ${WITHIN_MS} ms of the second start`,
        attached.length - late,
        grouped(values.starts),
        attached.length - late === values.starts,
      ),
      told("median / 95 of 100 / longest", times(attached)),
      none("ended as two masters", apart),
    ];
  },
});

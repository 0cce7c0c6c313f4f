// `soak replication-stopped-replica`: the replica of a loaded master stands still for half a minute. It must cost the master
// neither service nor memory nor its role, and be back by itself.

import { eventually } from "@marugoto/testing";
import { LoadGenerator } from "../../load/generator.ts";
import { defaultLoad } from "../../load/spec.ts";
import { measure, pairedRounds, type Side } from "../../bench/paired.ts";
import { rssBytes } from "../../measure/process-usage.ts";
import { withServer } from "../../measure/servers.ts";
import { quantile, spread } from "../../measure/statistics.ts";
import { mebibytes } from "../../measure/table.ts";
import { differences, readContent } from "./content.ts";
import { replicationSoak } from "./define.ts";
import { judged, none, told } from "./findings.ts";
import { Pair } from "./pair.ts";

const LOAD = { ...defaultLoad, connections: 50, depth: 16, setPercent: 100 };
const MEMORY_FLAGS = ["-m", "64"];
const ROUND_SEC = 0.4;

/** CPU time per set over that of a server without replication, at most, and what the method is off by. */
const COST = 1.25;
const TOLERANCE = 0.03;

/** `--backlog`'s default, and a tenth of it for what the kernel and the process add. */
const BACKLOG_MIB = 16;
const GROWTH_MIB = BACKLOG_MIB * 1.1;

export const replicationStoppedReplica = replicationSoak({
  summary: "a replica that stands still under load: no cost, bounded memory, no takeover, back by itself",
  title: "Replica stopped under load",
  flags: { seconds: { kind: "number", default: 10, min: 2, unit: "S", help: "how long the replica stands still" } },
  quick: { seconds: 3 },
  facts: ({ seconds }) => [
    ["load", `sets of 32 B, ${LOAD.connections} connections, depth ${LOAD.depth}; replica stopped for ${seconds} s`],
    ["method", `rounds of ${ROUND_SEC} s on the master and on a server without replication in turn`],
  ],
  async once({ values, program, opened, progress }) {
    const pair = await Pair.start(program, opened, { flags: [...MEMORY_FLAGS, "-t", "1"] });
    const generator = LoadGenerator.start();
    opened.defer(() => generator.stop());
    return withServer(program, [...MEMORY_FLAGS, "-t", "1"], async (solo) => {
      const sides: Side[] = [];
      for (const { pid, port } of [solo, { pid: pair.process(0).pid, port: pair.ports[0] }]) {
        sides.push({ pid, load: await generator.open({ ...LOAD, port }) });
      }
      // Long enough to have been through the whole of -m: what grows later is replication's.
      for (const side of sides) await measure(side, 5);
      await eventually(async () => (await pair.count(0, "replicas_in_step")) === 1);
      const master = pair.process(0).pid;
      const beforeBytes = rssBytes(master);
      let mostBytes = beforeBytes;
      pair.process(1).signal("SIGSTOP");
      const stoppedMs = performance.now();
      const ratios: number[] = [];
      const rates: number[] = [];
      while (performance.now() - stoppedMs < values.seconds * 1000) {
        const [[alone, loaded] = []] = await pairedRounds(
          sides.map((side) => () => measure(side, ROUND_SEC)),
          1,
        );
        ratios.push(loaded!.costUs / alone!.costUs);
        rates.push(loaded!.load.operations / loaded!.load.seconds / (alone!.load.operations / alone!.load.seconds));
        mostBytes = Math.max(mostBytes, rssBytes(master));
        progress(`× ${ratios.at(-1)!.toFixed(2)} CPU per set, ${mebibytes(mostBytes - beforeBytes)} MiB more`);
      }
      const roleMeanwhile = (await pair.stats(0)).get("role");
      const startedMs = performance.now();
      pair.process(1).signal("SIGCONT");
      await pair.inStep(0);
      const backMs = performance.now() - startedMs;
      const promotions = (await pair.count(0, "promotions")) + (await pair.count(1, "promotions")) - 1;
      const [mine, theirs] = [await readContent(pair.ports[0]), await readContent(pair.ports[1])];
      const cost = spread(ratios);
      const growth = (mostBytes - beforeBytes) / 2 ** 20;
      return [
        judged(
          "CPU per set over that without replication",
          `× ${cost.median.toFixed(2)} (${cost.low.toFixed(2)}–${cost.high.toFixed(2)})`,
          `≤ ${COST}`,
          cost.median <= COST + TOLERANCE,
        ),
        told("requests per second over that without replication, median", `× ${quantile(rates, 0.5).toFixed(2)}`),
        judged(
          "resident memory more than before, most",
          `${growth.toFixed(1)} MiB`,
          `≤ ${GROWTH_MIB.toFixed(1)} MiB`,
          growth <= GROWTH_MIB,
        ),
        judged("role of the master meanwhile", roleMeanwhile ?? "none", "master", roleMeanwhile === "master"),
        none("takeovers", promotions),
        judged("replica back and in step", `${backMs.toFixed(0)} ms`, "by itself", true),
        none("keys that differ", differences(mine, theirs).length),
      ];
    });
  },
});

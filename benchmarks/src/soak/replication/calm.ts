// `soak replication-calm`: what must not change a role. A pair at full load whose processes stand still for a fifth of a
// second now and then, and one whose link is reset again and again.

import { eventually, type Random } from "@marugoto/testing";
import { LoadGenerator } from "../../load/generator.ts";
import { defaultLoad } from "../../load/spec.ts";
import { grouped } from "../../measure/table.ts";
import { replicationSoak } from "./define.ts";
import { none, pause, times, told } from "./findings.ts";
import { Pair } from "./pair.ts";

const LOAD = { ...defaultLoad, connections: 50, depth: 16, setPercent: 50 };

/** How long a process stands still. */
const STALL_MS = 200;

export const replicationCalm = replicationSoak({
  summary: "stalls of 200 ms and resets of the link at full load: no role changes",
  title: "No false takeovers",
  flags: {
    stalling: { kind: "number", default: 0.5, min: 0, unit: "M", help: "minutes of full load with stalls" },
    resets: { kind: "number", default: 50, min: 0, unit: "N", help: "resets of the link under load" },
  },
  quick: { stalling: 0.05, resets: 5 },
  facts: () => [
    [
      "load",
      `${LOAD.connections} connections, depth ${LOAD.depth}, half gets, half sets of 32 B, as fast as they are answered`,
    ],
  ],
  async once({ values, program, random, opened, progress }) {
    const pair = await Pair.start(program, opened, { proxied: true, flags: ["-m", "128"] });
    const generator = LoadGenerator.start();
    opened.defer(() => generator.stop());
    await generator.fill({ ...LOAD, port: pair.ports[0] });
    const loaded = { isOver: false, requests: 0, refused: 0 };
    const load = (async () => {
      while (!loaded.isOver) {
        const result = await generator.once({ ...LOAD, port: pair.ports[0] }, 1);
        loaded.requests += result.operations;
        loaded.refused += result.refused;
        if (result.refused > 0) progress(`${result.refused} sets were refused: ${result.refusal}`);
      }
    })();
    // Looked at when it is awaited; a failure before that must not end the process.
    load.catch(() => undefined);
    try {
      const stalls = await stall(pair, values.stalling * 60_000, random);
      await eventually(() => inStep(pair), { withinMs: 20_000 });
      const afterStalls = await takeovers(pair);
      progress(`${stalls} stalls, ${grouped(loaded.requests)} requests: ${afterStalls} takeovers`);
      if (afterStalls > 0) for (const side of [0, 1] as const) progress(rolesOf(pair.process(side).stderr));
      const relinked: number[] = [];
      for (let i = 0; i < values.resets; i++) {
        await pause(random.between(1, 20));
        const linked = (await pair.count(0, "partial_copies_out")) + (await pair.count(0, "full_copies_out"));
        const startedMs = performance.now();
        for (const link of pair.links) link.cut();
        await eventually(() => isLinked(pair, linked + 1), { withinMs: 20_000, everyMs: 2 });
        relinked.push(performance.now() - startedMs);
        if (i % 100 === 99) progress(`${i + 1} resets: ${times(relinked)}`);
      }
      loaded.isOver = true;
      await load;
      await pair.inStep(0);
      const [master, slave] = [await pair.stats(0), await pair.stats(1)];
      return [
        told("requests", loaded.requests),
        none("sets refused", loaded.refused),
        none(`takeovers with ${grouped(stalls)} stalls of ${STALL_MS} ms in ${values.stalling} minutes`, afterStalls),
        none(`takeovers with ${grouped(values.resets)} resets of the link`, (await takeovers(pair)) - afterStalls),
        told("linked again after a reset: median / 95 of 100 / longest", times(relinked)),
        told("resumed, copied whole", `${master.get("partial_copies_out")}, ${master.get("full_copies_out")}`),
        none(
          "roles that are not as in the beginning",
          Number(master.get("role") !== "master") + Number(slave.get("role") !== "slave"),
        ),
      ];
    } finally {
      loaded.isOver = true;
      await load;
    }
  },
});

/** Stops one of the two processes, or both, now and then. @returns how often */
async function stall(pair: Pair, milliseconds: number, random: Random): Promise<number> {
  const endMs = performance.now() + milliseconds;
  let stalls = 0;
  while (performance.now() < endMs) {
    await pause(random.between(200, 1000));
    const sides = random.pick([[0], [1], [0, 1]] as const);
    for (const side of sides) pair.process(side).signal("SIGSTOP");
    await pause(STALL_MS);
    for (const side of sides) pair.process(side).signal("SIGCONT");
    stalls += sides.length;
  }
  return stalls;
}

/** Promotions beyond the first master's. */
async function takeovers(pair: Pair): Promise<number> {
  return (await pair.count(0, "promotions")) + (await pair.count(1, "promotions")) - 1;
}

/** At full load a replica is never at the very end of the log. */
async function inStep(pair: Pair): Promise<boolean> {
  return (await pair.count(0, "replicas_in_step")) === 1;
}

/** Has a replica been linked again so often? In step it need not be while the load is all that the machine can do. */
async function isLinked(pair: Pair, times: number): Promise<boolean> {
  const rows = await pair.stats(0);
  return Number(rows.get("partial_copies_out")) + Number(rows.get("full_copies_out")) >= times;
}

/** The lines of a node's log that tell of roles and links. */
function rolesOf(stderr: string): string {
  return stderr
    .split("\n")
    .filter((line) => / -> | is gone: /.test(line))
    .join("\n");
}

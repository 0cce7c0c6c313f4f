// `soak replication-swaps`: the master is killed and started again with the same command line, in turn; it must be back as
// slave, in step, with the same content.

import { eventually, type Random, type TestConnection } from "@marugoto/testing";
import { CacheError } from "@marugoto/core";
import { grouped } from "../../measure/table.ts";
import { differences, readContent } from "./content.ts";
import { replicationSoak } from "./define.ts";
import { judged, none, pause, times, told } from "./findings.ts";
import { other, Pair, type Side } from "./pair.ts";

const WITHIN_MS = 1000;

export const replicationSwaps = replicationSoak({
  summary: "the master killed and started again: back as slave, in step, with the same content",
  title: "The old master comes back",
  flags: {
    swaps: { kind: "number", default: 10, min: 1, unit: "N", help: "kills and returns" },
    keys: { kind: "number", default: 10_000, min: 1, unit: "N", help: "keys that are written to" },
  },
  quick: { swaps: 2, keys: 1000 },
  facts: ({ keys }) => [
    ["load", `${grouped(keys)} keys; sets with and without ttl, deletes, incr, touch, append to the survivor`],
  ],
  async once({ values, program, random, opened, progress }) {
    const pair = await Pair.start(program, opened);
    let master: Side = 0;
    const back: number[] = [];
    let differing = 0;
    let preempted = 0;
    await write(await pair.client(master), values.keys, values.keys, random);
    for (let swap = 0; swap < values.swaps; swap++) {
      const survivor = other(master);
      await pair.stop(master, "SIGKILL");
      const client = await pair.client(survivor);
      await write(client, values.keys, 500, random);
      const process = await pair.spawn(master);
      await eventually(() => process.stderr.includes("replication: listening on "), { withinMs: 10_000, everyMs: 1 });
      const reachableMs = performance.now();
      await pair.serves(master, process);
      await pair.inStep(survivor);
      back.push(performance.now() - reachableMs);
      // Some more while both are there.
      await write(client, values.keys, 500, random);
      await pair.inStep(survivor);
      const [mine, theirs] = [await readContent(pair.ports[survivor]), await readContent(pair.ports[master])];
      if (mine.size < values.keys / 4) throw new CacheError("protocol_violation", `only ${mine.size} items are left`);
      differing += differences(mine, theirs).length;
      await pause(random.int(50));
      if ((await pair.stats(survivor)).get("role") !== "master") preempted++;
      await client.close();
      master = survivor;
      if (swap % 10 === 9) progress(`${swap + 1} swaps: ${times(back)}, ${differing} keys differ`);
    }
    const inTime = back.filter((tookMs) => tookMs <= WITHIN_MS).length;
    return [
      told("back and in step after it is reachable: median / 95 of 100 / longest", times(back)),
      judged(`back within ${WITHIN_MS} ms`, inTime, grouped(values.swaps), inTime === values.swaps),
      none("keys that differ, over all swaps", differing),
      none("masters pre-empted", preempted),
    ];
  },
});

/** Writes of every kind; waits until all are answered. */
async function write(client: TestConnection, keys: number, count: number, random: Random): Promise<void> {
  const lines: string[] = [];
  for (let i = 0; i < count; i++) {
    const key = `key${random.int(keys)}`;
    const number = String(random.int(1_000_000));
    const ttl = random.pick([0, 0, 1000, 100_000]);
    lines.push(
      random.pick([
        `set ${key} ${random.int(100)} ${ttl} ${number.length}\r\n${number}`,
        `set ${key} ${random.int(100)} ${ttl} ${number.length}\r\n${number}`,
        `ms ${key} ${number.length} T${ttl === 0 ? 500 : ttl} F7\r\n${number}`,
        `incr ${key} 7`,
        `touch ${key} ${ttl}`,
        `append ${key} 0 0 1\r\n1`,
        `delete ${key}`,
      ]),
    );
  }
  client.send(`${lines.join("\r\n")}\r\nmn\r\n`);
  await client.readUntil("MN\r\n", 20_000);
}

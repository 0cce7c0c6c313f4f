// `soak replication-stale-cas`: cas numbers read before a takeover and used after it. One that still stands for the value is
// accepted, one that does not never is.

import { eventually, type Random, type TestConnection } from "@marugoto/testing";
import { CacheError } from "@marugoto/core";
import { grouped } from "../../measure/table.ts";
import { replicationSoak } from "./define.ts";
import { judged, none } from "./findings.ts";
import { other, Pair, type Side } from "./pair.ts";

/** Keys written, read and compared per takeover; about half of them stale. */
const KEYS = 1000;

export const replicationStaleCas = replicationSoak({
  summary: "cas numbers of before a takeover: the stale are refused, the valid accepted",
  title: "cas over takeovers",
  flags: { tries: { kind: "number", default: 1000, min: 1, unit: "N", help: "stale cas numbers tried" } },
  quick: { tries: 500 },
  facts: () => [
    ["load", `${grouped(KEYS)} keys per takeover by kill -9, half of them written again before it, after it, or both`],
  ],
  async once({ values, program, random, opened, progress }) {
    const pair = await Pair.start(program, opened);
    let master: Side = 0;
    const sum = { stale: 0, staleAccepted: 0, valid: 0, validRefused: 0, takeovers: 0 };
    while (sum.stale < values.tries) {
      const survivor = other(master);
      const [before, after] = [await pair.client(master), await pair.client(survivor)];
      const round = `t${sum.takeovers}k`;
      await every(before, KEYS, (i) => `ms ${round}${i} 1\r\n0`, /^HD$/);
      const numbers = (await every(before, KEYS, (i) => `mg ${round}${i} c`, /^HD c\d+$/)).map((text) => text.slice(4));
      const rewritten = Array.from({ length: KEYS }, () => random.pick(["", "", "before", "after", "both"] as const));
      await rewrite(before, round, rewritten, "before", random);
      await pair.inStep(master);
      await pair.stop(master, "SIGKILL");
      await before.close();
      await eventually(async () => (await pair.stats(survivor)).get("role") === "master");
      sum.takeovers++;
      await rewrite(after, round, rewritten, "after", random);
      const answers = await every(after, KEYS, (i) => `ms ${round}${i} 1 C${numbers[i]}\r\n9`, /^(HD|EX|NF)$/);
      answers.forEach((answer, i) => {
        if (rewritten[i] === "") {
          sum.valid++;
          if (answer !== "HD") sum.validRefused++;
        } else {
          sum.stale++;
          if (answer === "HD") sum.staleAccepted++;
        }
      });
      await after.close();
      await pair.start(master);
      await pair.inStep(survivor);
      master = survivor;
      progress(`${sum.takeovers} takeovers: ${sum.staleAccepted} of ${sum.stale} stale accepted`);
    }
    return [
      none(`stale cas numbers accepted, of ${grouped(sum.stale)} in ${sum.takeovers} takeovers`, sum.staleAccepted),
      none(`valid cas numbers refused, of ${grouped(sum.valid)}`, sum.validRefused),
      judged("stale cas numbers tried", sum.stale, `≥ ${grouped(values.tries)}`, sum.stale >= values.tries),
    ];
  },
});

/** Writes again those keys that are to be written at this time: the same value, another one, or deleted and set anew. */
async function rewrite(
  client: TestConnection,
  round: string,
  rewritten: readonly string[],
  when: "before" | "after",
  random: Random,
): Promise<void> {
  const requests = rewritten.flatMap((each, i) => {
    if (each !== when && each !== "both") return [];
    const key = `${round}${i}`;
    return random.pick([[`ms ${key} 1\r\n0`], [`ms ${key} 1\r\n5`], [`md ${key}`, `ms ${key} 1\r\n0`], [`ma ${key}`]]);
  });
  await every(client, requests.length, (i) => requests[i]!, /^HD$/);
}

/** Asks all at once. @throws CacheError `protocol_violation` when an answer is another than `wanted` */
async function every(
  client: TestConnection,
  count: number,
  request: (i: number) => string,
  wanted: RegExp,
): Promise<string[]> {
  if (count === 0) return [];
  client.send(Array.from({ length: count }, (_, i) => `${request(i)}\r\n`).join("") + "mn\r\n");
  const answers = (await client.readUntil("MN\r\n", 20_000)).split("\r\n").slice(0, -2);
  const wrong = answers.find((answer) => !wanted.test(answer));
  if (wrong !== undefined || answers.length !== count) {
    throw new CacheError("protocol_violation", `${answers.length} answers to ${count} requests, one ${wrong ?? ""}`);
  }
  return answers;
}

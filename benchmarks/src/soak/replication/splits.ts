// `soak replication-splits`: the link between two masters-to-be is cut, both are written to, and it heals. Both must come to
// hold the same, and of each key the newest write.

import { eventually, type Random, type TestConnection } from "@marugoto/testing";
import { CacheError } from "@marugoto/core";
import { differences, readContent } from "./content.ts";
import { replicationSoak } from "./define.ts";
import { judged, none, pause, times, told } from "./findings.ts";
import { Pair, type Side } from "./pair.ts";

const WITHIN_MS = 2000;

/** Two writes of one key closer together than this may be in either order: the nodes' clocks agree to some milliseconds. */
const NEAR_MS = 20;

/** Short, so that a cut soon makes two masters. */
const FLAGS = ["--heartbeat", "50", "--peer-timeout", "300"];

/** What was last done to a key: its value, or undefined when it was deleted. */
interface Last {
  readonly value: string | undefined;
  readonly sentMs: number;
  /** When it was answered: it was done in between. */
  readonly atMs: number;
  readonly side: Side;
}

export const replicationSplits = replicationSoak({
  summary: "the link cut, both nodes written to, the link healed: both hold the same, the newest write of each key",
  title: "Split and heal",
  flags: {
    splits: { kind: "number", default: 5, min: 1, unit: "N", help: "cuts, one after the other" },
    keys: { kind: "number", default: 500, min: 1, unit: "N", help: "keys that both sides write to" },
  },
  quick: { splits: 2, keys: 100 },
  facts: ({ keys }) => [["load", `${keys} keys; sets and deletes on both sides during cuts of 1 to 3 s`]],
  async once({ values, program, random, opened, progress }) {
    const pair = await Pair.start(program, opened, { flags: FLAGS, proxied: true });
    const clients = [await pair.client(0), await pair.client(1)] as const;
    const healed: number[] = [];
    let late = 0;
    let apart = 0;
    let differing = 0;
    let lost = 0;
    let compared = 0;
    for (let split = 0; split < values.splits; split++) {
      await pair.settled();
      const last = new Map<string, Last[]>();
      const isSilent = random.chance(0.5);
      for (const link of pair.links) {
        if (isSilent) link.up.stalled = link.down.stalled = true;
        else link.refuse = true;
        if (!isSilent) link.cut();
      }
      const endMs = performance.now() + random.between(1000, 3000);
      await Promise.all(
        [0, 1].map((side) => write(clients, side as Side, split, values.keys, endMs, last, random.fork())),
      );
      const roles = [(await pair.stats(0)).get("role"), (await pair.stats(1)).get("role")];
      if (roles.join() === "master,master") apart++;
      const startedMs = performance.now();
      for (const link of pair.links) {
        link.heal();
        // What a real cut held up is gone.
        if (isSilent) link.cut();
      }
      await pair.settled();
      const tookMs = performance.now() - startedMs;
      healed.push(tookMs);
      if (tookMs > WITHIN_MS) late++;
      const [first, second] = [await readContent(pair.ports[0]), await readContent(pair.ports[1])];
      const differ = differences(first, second);
      differing += differ.length;
      for (const [key, writes] of last) {
        const newest = writes.toSorted((a, b) => b.atMs - a.atMs);
        if (newest.length > 1 && newest[0]!.sentMs - newest[1]!.atMs < NEAR_MS) continue;
        compared++;
        if (first.get(key)?.item.split(" ")[3] !== newest[0]!.value) {
          lost++;
          progress(
            `${key}: ${first.get(key)?.item ?? "none"}, newest ${newest.map(({ value, atMs, side }) => `${value ?? "deleted"} on ${side} at ${atMs.toFixed(0)}`).join(", ")}`,
          );
        }
      }
      progress(
        `split ${split + 1}, ${isSilent ? "silent" : "reset"}, ${roles.join()}: healed in ${tookMs.toFixed(0)} ms, ${differ.length} keys differ`,
      );
    }
    return [
      told("healed, one master, in step: median / 95 of 100 / longest", times(healed)),
      none(`longer than ${WITHIN_MS} ms`, late),
      none("keys that differ", differing),
      none(`keys whose newest write did not stand, of ${compared}`, lost),
      judged("splits in which both were master", apart, "> 0", apart > 0),
    ];
  },
});

/** Sets and deletes on one side until the end, and notes what was acknowledged last, per key and side. */
async function write(
  clients: readonly [TestConnection, TestConnection],
  side: Side,
  split: number,
  keys: number,
  endMs: number,
  last: Map<string, Last[]>,
  random: Random,
): Promise<void> {
  const client = clients[side];
  for (let i = 0; performance.now() < endMs; i++) {
    const key = `key${random.int(keys)}`;
    const value = random.chance(0.8) ? `${split}-${side}-${i}` : undefined;
    const request = value === undefined ? `delete ${key}` : `set ${key} ${side} 0 ${value.length}\r\n${value}`;
    const sentMs = performance.now();
    const answer = await client.ask(request, 10_000);
    const atMs = performance.now();
    // What was asked before the cut was noticed may be told that nobody knows: it has or has not been done.
    if (answer.startsWith("SERVER_ERROR replication: outcome unknown")) {
      await eventually(async () => !(await client.ask(`touch ${key} 0`, 10_000)).startsWith("SERVER_ERROR"));
      last.set(key, [...(last.get(key) ?? []), { value: "unknown", sentMs, atMs, side }]);
      continue;
    }
    if (!/^(STORED|DELETED|NOT_FOUND)$/.test(answer)) {
      throw new CacheError("protocol_violation", `${request.split("\r\n", 1)[0]} was answered ${answer}`);
    }
    // A delete that found nothing has done nothing.
    if (answer === "NOT_FOUND") continue;
    last.set(key, [...(last.get(key) ?? []).filter((each) => each.side !== side), { value, sentMs, atMs, side }]);
    await pause(random.int(3));
  }
}

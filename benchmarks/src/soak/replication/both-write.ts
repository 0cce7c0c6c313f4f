// `soak replication-both-write`: clients on both nodes write the same keys at once, through a link that takes its time. As the
// slave forwards, there is one order, and nothing is counted twice or lost.

import type { TestConnection } from "@marugoto/testing";
import { CacheError } from "@marugoto/core";
import { grouped } from "../../measure/table.ts";
import { differences, readContent } from "./content.ts";
import { replicationSoak } from "./define.ts";
import { judged, none } from "./findings.ts";
import { Pair } from "./pair.ts";

/** Requests in flight per client. */
const WINDOW = 200;

export const replicationBothWrite = replicationSoak({
  summary: "writes on both nodes at once through a slow link: both hold the same, nothing is counted twice",
  title: "Both nodes written to",
  flags: {
    keys: { kind: "number", default: 10_000, min: 1, unit: "N", help: "keys that both set, and incr per node" },
    delay: {
      kind: "number",
      default: 20,
      min: 0,
      unit: "MS",
      help: "how long the link holds what it carries, each way",
    },
  },
  quick: { keys: 500 },
  facts: ({ keys, delay }) => [
    [
      "load",
      `each node: ${grouped(keys)} sets and ${grouped(keys)} incr, ${WINDOW} in flight; link of ${delay} ms each way`,
    ],
  ],
  async once({ values, program, opened }) {
    const pair = await Pair.start(program, opened, { proxied: true });
    for (const { up, down } of pair.links) up.latencyMs = down.latencyMs = values.delay;
    const clients = [await pair.client(0), await pair.client(1)] as const;
    if ((await clients[0].ask("set counter 0 0 1\r\n0")) !== "STORED") {
      throw new CacheError("protocol_violation", "a set was refused");
    }
    const [first, second] = await Promise.all(
      clients.map((client, side) => all(client, values.keys, (i) => `set key${i} ${side} 0 1\r\n${side}`, "STORED")),
    );
    await pair.inStep(0);
    const [mine, theirs] = [await readContent(pair.ports[0]), await readContent(pair.ports[1])];
    const sets = differences(mine, theirs).length;
    const won = [...mine.values()].filter(({ item }) => item.endsWith(" 1")).length;
    await Promise.all(clients.map((client) => all(client, values.keys, () => "incr counter 1", /^\d+$/)));
    await pair.inStep(0);
    const counted = await Promise.all(clients.map((client) => value(client, "counter")));
    const wanted = String(2 * values.keys);
    return [
      judged("sets answered STORED", first! + second!, grouped(2 * values.keys), first! + second! === 2 * values.keys),
      judged(
        "keys on both",
        `${grouped(mine.size - 1)}, ${grouped(theirs.size - 1)}`,
        grouped(values.keys),
        mine.size === values.keys + 1 && theirs.size === mine.size,
      ),
      none("keys that differ", sets),
      judged("keys whose last set came from the slave", won, "> 0", won > 0),
      judged(
        "the counter on both",
        counted.join(", "),
        wanted,
        counted.every((text) => text === wanted),
      ),
    ];
  },
});

/** Sends so many requests, some in flight at a time. @returns how many had the wanted answer */
async function all(
  client: TestConnection,
  count: number,
  request: (i: number) => string,
  wanted: string | RegExp,
): Promise<number> {
  let sent = 0;
  let good = 0;
  for (let answered = 0; answered < count; answered++) {
    let text = "";
    while (sent < count && sent < answered + WINDOW) text += `${request(sent++)}\r\n`;
    if (text !== "") client.send(text);
    const answer = await client.readLine(20_000);
    if (typeof wanted === "string" ? answer === wanted : wanted.test(answer)) good++;
  }
  return good;
}

async function value(client: TestConnection, key: string): Promise<string> {
  client.send(`get ${key}\r\n`);
  return (await client.readUntil("END\r\n")).split("\r\n")[1] ?? "";
}

// Every mutating command of the command table is replicated: a new one without an example here fails.

import { commands } from "@marugoto/protocol";
import { Cleanup } from "@marugoto/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { client, contentOf, expectSame, FOREVER, inStep, startPair, type TestNode } from "./support/group.ts";

/** Requests per command word; each must leave both nodes alike, and at least one must change something. */
const examples: Readonly<Record<string, readonly string[]>> = {
  set: [
    "set s 4294967295 0 3\r\nabc\r\n",
    "set s 0 100 0\r\n\r\n",
    "set gone 0 -1 1\r\nx\r\n",
    "set s 1 0 1 noreply\r\nx\r\n",
  ],
  add: ["add s 0 0 1\r\nx\r\n", "add new 7 1000 2\r\nhi\r\n"],
  replace: ["replace n 3 0 2\r\n40\r\n", "replace nobody 0 0 1\r\nx\r\n"],
  append: ["append big 0 0 3\r\nend\r\n", "append s 0 0 3\r\ntwo\r\n"],
  prepend: ["prepend big 0 0 3\r\ntop\r\n", "prepend s 0 0 3\r\none\r\n"],
  cas: ["cas s 9 0 2 1\r\nno\r\n", "cas given 9 0 3 77\r\nyes\r\n"],
  delete: ["delete s\r\n", "delete nobody\r\n", "delete n noreply\r\n"],
  incr: ["incr n 99999\r\n", "incr n 18446744073709551615\r\n", "incr nobody 1\r\n"],
  decr: ["decr n 1\r\n", "decr n 99999999\r\n"],
  touch: ["touch s 500\r\n", "touch s 0\r\n", "touch s -1\r\n"],
  gat: ["gat 700 s n nobody big\r\n"],
  gats: ["gats 900 s n\r\n"],
  mg: [
    "mg s T300 v\r\n",
    "mg vivid N60 v t\r\n",
    "mg s T5 R30 c\r\n",
    "mg stale v\r\n",
    "mg stale v\r\n",
    "mg czEy b T44 k\r\n",
  ],
  ms: [
    "ms s 3 T90 F5 c\r\nnew\r\n",
    "ms s 2 MA\r\n++\r\n",
    "ms given 1 E123456789012 T0\r\nx\r\n",
    "ms stale 1 C1 I\r\nz\r\n",
    "ms bGF0ZXI= 1 b\r\ny\r\n",
  ],
  md: ["md s q\r\n", "md stale I T30\r\n", "md given C1\r\n"],
  ma: ["ma n\r\n", "ma n MD D5 T70 v\r\n", "ma counter N0 J13 v\r\n", "ma n E99 q\r\n"],
  flush_all: ["flush_all 1000\r\n", "flush_all\r\n", "flush_all 0 noreply\r\n"],
};

const before = [
  "set s 5 0 5\r\nvalue\r\n",
  "set n 0 0 2\r\n10\r\n",
  `set big 1 0 150000\r\n${"b".repeat(150_000)}\r\n`,
  "ms given 2 E77\r\nok\r\n",
  "set stale 0 50 1\r\ns\r\nmd stale I\r\n",
  "set s12 0 0 1\r\n1\r\n",
].join("");

const opened = new Cleanup();
let master: TestNode;
let slave: TestNode;
beforeAll(async () => {
  [master, slave] = await startPair(opened);
});
afterAll(() => opened.run());

/** Empties both, stores what the examples need, and has them in step. */
async function prepare(): Promise<void> {
  const onMaster = await client(opened, master);
  onMaster.send(`flush_all\r\n${before}mn\r\n`);
  await onMaster.readUntil("MN\r\n");
  await inStep(master);
  await onMaster.close();
}

async function ask(node: TestNode, request: string): Promise<string> {
  const connection = await client(opened, node);
  connection.send(`${request}mn\r\n`);
  const answer = await connection.readUntil("MN\r\n");
  await connection.close();
  return answer;
}

test("every mutating command has examples", () => {
  const words = commands.filter(({ mutating }) => mutating).map(({ word }) => word);
  expect(Object.keys(examples).sort()).toEqual([...words].sort());
});

describe.each(Object.entries(examples))("%s", (_, requests) => {
  test("on the master reaches the slave, and changes something", async () => {
    await prepare();
    const unchanged = shape(master);
    let changed = false;
    for (const request of requests) {
      await ask(master, request);
      await inStep(master);
      expectSame(slave, master, request);
      changed ||= shape(master) !== unchanged || request.startsWith("flush_all 1000");
    }
    expect(changed).toBe(true);
  });

  test("on the slave is executed by the master, with the same answers", async () => {
    await prepare();
    const answers: string[] = [];
    for (const request of requests) answers.push(await ask(master, request));
    await prepare();
    for (const [i, request] of requests.entries()) {
      expect(withoutCas(await ask(slave, request)), request).toBe(withoutCas(answers[i]!));
      expectSame(slave, master, request);
    }
  });
});

/** All items, and which of them expire. */
function shape(node: TestNode): string {
  return contentOf(node)
    .map(({ item, ttl }) => `${item}${ttl === FOREVER ? "" : " expires"}`)
    .join();
}

/** Each run draws cas numbers of its own. */
function withoutCas(answer: string): string {
  return answer.replace(/ c\d+/g, " c").replace(/^(VALUE \S+ \d+ \d+) \d+/gm, "$1");
}

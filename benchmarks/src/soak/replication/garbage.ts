// `soak replication-garbage`: whatever bytes come to the replication ports of a pair with a secret: noise, damaged greetings,
// true ones told again. No crash, not a byte of data, no change of role; the pair works on.

import { connect as dial, createServer, type AddressInfo } from "node:net";
import { CacheError } from "@marugoto/core";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Cleanup, eventually, spawnServer, temporaryFolder, type Random } from "@marugoto/testing";
import type { Program } from "../../measure/programs.ts";
import { replicationSoak } from "./define.ts";
import { judged, none, told } from "./findings.ts";
import { Pair } from "./pair.ts";

/** In every value: what must not come out. */
const MARKER = "confidential";

/** A connection is watched for so long at most. */
const CONNECTION_MS = 300;

// What may change a role here is garbage, not a machine that is busy with it.
const PATIENT = ["--peer-timeout", "10000"];

/** Connections at a time. */
const AT_ONCE = 20;

export const replicationGarbage = replicationSoak({
  summary: "garbage, damaged and repeated greetings on the replication port: no crash, no data, no change of role",
  title: "Garbage on the replication port",
  flags: { garbage: { kind: "number", default: 0.5, min: 0.01, unit: "M", help: "minutes of it" } },
  quick: { garbage: 0.05 },
  facts: ({ garbage }) => [
    ["load", `${garbage} minutes, ${AT_ONCE} connections at a time, to master and slave by turns`],
  ],
  async once({ values, program, random, opened, progress }) {
    const folder = temporaryFolder();
    opened.defer(folder.remove);
    const secret = join(folder.path, "secret");
    writeFileSync(secret, random.bytes(32).toString("hex"), { mode: 0o600 });
    const flags = ["--replication-secret-file", secret, ...PATIENT];
    const pair = await Pair.start(program, opened, { flags });
    const client = await pair.client(0);
    for (let i = 0; i < 1000; i++) client.send(`set key${i} 0 0 ${MARKER.length} noreply\r\n${MARKER}\r\n`);
    if ((await client.ask("mn")) !== "MN") throw new CacheError("protocol_violation", "mn was not answered");
    await pair.inStep(0);
    const greetings = await recordGreetings(program, flags);
    const endMs = performance.now() + values.garbage * 60_000;
    const sum = { connections: 0, received: 0, leaks: 0 };
    let asked = 0;
    const throwing = Array.from({ length: AT_ONCE }, async () => {
      while (performance.now() < endMs) {
        const side = random.int(2) as 0 | 1;
        const address = pair.replicationAddress(side);
        const answer = await throwAt(address, makeGarbage(random, greetings));
        sum.connections++;
        sum.received += answer.length;
        if (answer.includes(MARKER)) sum.leaks++;
        if (sum.connections % 20_000 === 0) progress(`${sum.connections} connections`);
      }
    });
    // The pair goes on working meanwhile.
    while (performance.now() < endMs) {
      if ((await client.ask(`set n 0 0 ${String(asked).length}\r\n${asked}`)) !== "STORED") break;
      asked++;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await Promise.all(throwing);
    const slave = await pair.client(1);
    await eventually(async () => {
      slave.send("get n\r\n");
      return (await slave.readUntil("END\r\n")).split("\r\n")[1] === String(asked - 1);
    });
    const [first, second] = [await pair.stats(0), await pair.stats(1)];
    const promotions = Number(first.get("promotions")) + Number(second.get("promotions")) - 1;
    const relinked = Number(first.get("partial_copies_out")) + Number(first.get("full_copies_out")) - 1;
    const alive = [0, 1].filter((side) => pair.process(side as 0 | 1).alive).length;
    return [
      told("connections", sum.connections),
      told("bytes received, greetings and nothing else", sum.received),
      none("connections that were given data", sum.leaks),
      judged("processes alive", alive, "2", alive === 2),
      judged(
        "roles",
        `${first.get("role")}, ${second.get("role")}`,
        "master, slave",
        first.get("role") === "master" && second.get("role") === "slave",
      ),
      none("takeovers", promotions),
      none("times the pair had to link again", relinked),
      told("sets of a client meanwhile", asked),
    ];
  },
});

/** What nodes say first when they dial: recorded from one that knows the secret, and one that does not. */
async function recordGreetings(program: Program, secretFlags: readonly string[]): Promise<Buffer[]> {
  const opened = new Cleanup();
  try {
    const heard: Buffer[] = [];
    const listener = createServer((socket) => {
      const chunks: Buffer[] = [];
      socket.on("error", () => undefined);
      socket.on("data", (chunk) => chunks.push(chunk));
      socket.on("close", () => heard.push(Buffer.concat(chunks)));
    });
    opened.defer(() => listener.close());
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    const { port } = listener.address() as AddressInfo;
    const [command, ...leading] = program.command;
    for (const flags of [secretFlags, []]) {
      const args = [...leading, "-l", "127.0.0.1", "-p", "-1", "--peer", `127.0.0.1:${port}`, ...flags];
      const node = opened.add(await spawnServer({ command, args, ready: "none" }));
      const before = heard.length;
      await eventually(() => heard.length >= before + 4 && heard.some((each) => each.length > 24), {
        withinMs: 10_000,
      });
      await node.close();
    }
    return heard.filter((each) => each.length > 0);
  } finally {
    await opened.run();
  }
}

function makeGarbage(random: Random, greetings: readonly Buffer[]): Buffer {
  switch (random.int(5)) {
    case 0:
      return random.bytes(1 + random.int(2000));
    case 1:
      // What a client or a repcached would say.
      return Buffer.from(
        random.pick([
          "get key1\r\n",
          "stats\r\n",
          "rep key1 0 0 1 1\r\nx\r\n",
          "marugoto_end\r\n",
          "GET / HTTP/1.0\r\n\r\n",
        ]),
      );
    case 2:
      return random.pick(greetings);
    case 3: {
      const damaged = Buffer.from(random.pick(greetings));
      for (let i = random.int(8); i >= 0; i--) damaged[random.int(damaged.length)] = random.int(256);
      return damaged;
    }
    default: {
      // A true beginning, and then noise where the proof should come.
      const greeting = random.pick(greetings);
      return Buffer.concat([greeting.subarray(0, random.int(greeting.length + 1)), random.bytes(random.int(500))]);
    }
  }
}

/** Connects, sends, sometimes in two pieces, and gives what came back. */
function throwAt(address: { readonly host: string; readonly port: number }, bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = dial(address);
    const timer = setTimeout(() => socket.destroy(), CONNECTION_MS);
    socket.on("error", () => undefined);
    socket.on("connect", () => {
      const half = bytes.length >> 1;
      socket.write(bytes.subarray(0, half));
      socket.write(bytes.subarray(half));
    });
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(Buffer.concat(chunks));
    });
  });
}

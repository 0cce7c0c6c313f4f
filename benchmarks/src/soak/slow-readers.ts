// `soak slow-readers`: clients that ask for large values and never read them must cost the server no memory beyond the
// kernel's socket buffers, and other clients no time.

import { connect, type TestConnection } from "@marugoto/testing";
import { CacheError } from "@marugoto/core";
import { measure, pairedRounds, type Side } from "../bench/paired.ts";
import { keyOf, valueData } from "../load/batch.ts";
import { LoadGenerator } from "../load/generator.ts";
import { defaultLoad } from "../load/spec.ts";
import { rssBytes } from "../measure/process-usage.ts";
import { ourServer, type Program } from "../measure/programs.ts";
import { withServers, type RunningServer } from "../measure/servers.ts";
import { spread } from "../measure/statistics.ts";
import { markdownTable, mebibytes } from "../measure/table.ts";
import { defineTask, type Progress, type Report } from "../task.ts";
import { numbered, repeat, repeatFlags } from "./repeat.ts";

const VALUE_BYTES = 2 ** 20;
const RSS_LIMIT_BYTES = 32 * 2 ** 20;
const P50_LIMIT = 1.5;
/** Load before the first round, in lengths of one. */
const WARM_ROUNDS = 3;
/** The key that the slow readers ask for: outside the other clients' key space. */
const LARGE_KEY = keyOf(99_999_999);
// -I 2m: with the default of 1m a value of 1 MiB and its header do not fit.
const serverFlags = ["-m", "256", "-c", "1024", "-t", "1", "-I", "2m"];

const flags = {
  ...repeatFlags,
  clients: { kind: "number", default: 200, min: 1, unit: "N", help: "clients that never read" },
  requests: { kind: "number", default: 64, min: 1, unit: "N", help: "1 MiB values that each of them asks for" },
  rounds: { kind: "number", default: 21, min: 1, unit: "N", help: "paired runs of the other clients" },
  seconds: { kind: "number", default: 0.4, min: 0.01, unit: "S", help: "length of one run" },
  quick: { kind: "switch", default: false, help: "20 clients, 3 rounds of 0.1 s" },
  server: { kind: "text", default: "", unit: "COMMAND", help: "server in place of apps/server/dist/main.js" },
} as const;

interface Size {
  readonly clients: number;
  readonly requests: number;
  readonly rounds: number;
  readonly seconds: number;
}

export const slowReaders = defineTask({
  summary: "200 clients ask for 1 MiB values and never read: memory, and the time of other clients",
  flags,
  async run(values, progress): Promise<Report> {
    const size = values.quick ? { ...values, clients: 20, rounds: 3, seconds: 0.1 } : values;
    const program = ourServer(values.server);
    const runs = await repeat(values, progress, (run) => besiege(program, size, run, progress));
    const rows = numbered(runs);
    return {
      title: "Slow readers",
      facts: [
        ["server", `${program.name} ${program.version} with ${serverFlags.join(" ")}`],
        ["load", `${size.clients} clients ask for ${size.requests} values of 1 MiB each and read nothing`],
        ["seed", "the number of the run, for the keys of the others"],
      ],
      table: markdownTable(["measure", "without", "with", "change", "limit", "held"], rows),
      notes: [
        `p50: ${size.rounds} paired rounds of ${size.seconds} s, a second process of the server without slow readers; median ratio, quartiles.`,
      ],
      passed: rows.every((row) => row.at(-1) === "yes"),
    };
  },
});

/** One run with servers of its own. @returns the rows of the table */
async function besiege(program: Program, size: Size, seed: number, progress: Progress): Promise<string[][]> {
  const generator = LoadGenerator.start();
  const slow: TestConnection[] = [];
  try {
    // Two processes of the same server, one of them without slow readers, and the other clients' load on each in turn:
    // the machine's own moods fall on both.
    return await withServers([program, program], serverFlags, async (...servers) => {
      const sides: Side[] = [];
      for (const { port, pid } of servers) {
        await generator.fill({ ...defaultLoad, port });
        const side = { pid, load: await generator.open({ ...defaultLoad, port, seed }) };
        await side.load.run(WARM_ROUNDS * size.seconds);
        sides.push(side);
      }
      const beset = servers[0]!;
      await storeLargeValue(beset);
      const before = rssBytes(beset.pid);
      progress(`before: RSS ${mebibytes(before)} MiB`);

      for (let i = 0; i < size.clients; i++) slow.push(await neverReading(beset, size.requests));
      const rounds = await pairedRounds(
        sides.map((side) => () => measure(side, size.seconds)),
        size.rounds,
      );
      const during = rssBytes(beset.pid);
      const p50 = [0, 1].map((side) => String(spread(rounds.map((round) => round[side]!.load.p50Us)).median));
      const slower = spread(rounds.map((round) => round[0]!.load.p50Us / round[1]!.load.p50Us));
      progress(`with ${size.clients} slow readers: RSS ${mebibytes(during)} MiB, p50 × ${slower.median.toFixed(2)}`);

      const grown = during - before;
      const ratio = `× ${slower.median.toFixed(2)} (${slower.low.toFixed(2)}–${slower.high.toFixed(2)})`;
      const heldRss = yes(grown <= RSS_LIMIT_BYTES);
      const heldP50 = yes(slower.median <= P50_LIMIT);
      return [
        ["RSS, MiB", mebibytes(before), mebibytes(during), `+ ${mebibytes(grown)}`, "≤ + 32", heldRss],
        ["p50 of 50 others, µs", p50[1]!, p50[0]!, ratio, `≤ × ${P50_LIMIT}`, heldP50],
      ];
    });
  } finally {
    await Promise.all(slow.map((connection) => connection.close()));
    await generator.stop();
  }
}

const yes = (held: boolean): string => (held ? "yes" : "no");

async function storeLargeValue(server: RunningServer): Promise<void> {
  const connection = await connect(server.port);
  connection.send(`set ${LARGE_KEY} 0 0 ${VALUE_BYTES}\r\n`);
  connection.send(valueData(VALUE_BYTES));
  connection.send("\r\n");
  const answer = await connection.readLine();
  await connection.close();
  if (answer !== "STORED") throw new CacheError("protocol_violation", `the 1 MiB value was answered ${answer}`);
}

/** A client that asks and whose socket is never read from. */
async function neverReading(server: RunningServer, requests: number): Promise<TestConnection> {
  const connection = await connect(server.port);
  connection.socket.pause();
  await connection.sendAll(`get ${LARGE_KEY}\r\n`.repeat(requests));
  return connection;
}

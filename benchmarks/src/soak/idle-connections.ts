// `soak idle-connections`: connections that say nothing, or stop within a command, are dropped by idle_timeout; one above
// -c gets memcached's answer; clients that work are left alone throughout.

import { CacheError } from "@marugoto/core";
import { connect, eventually, type TestConnection } from "@marugoto/testing";
import { LoadGenerator } from "../load/generator.ts";
import { defaultLoad } from "../load/spec.ts";
import { rssBytes } from "../measure/process-usage.ts";
import { ourServer } from "../measure/programs.ts";
import { readStats, withServer, type RunningServer } from "../measure/servers.ts";
import { grouped, markdownTable } from "../measure/table.ts";
import { defineTask, type Progress, type Report } from "../task.ts";
import { numbered, repeat, repeatFlags } from "./repeat.ts";

/** What memcached sends to a connection that is one too many, before it closes. */
const TOO_MANY = "ERROR Too many open connections\r\n";
/** memcached looks at its connections every few seconds; a dropped one may be that late. */
const GRACE_SEC = 5;
/** Connections of the load that keeps working. */
const WORKING = 10;

/** Room under -c beside the idle and the working: for reading stats, and for the descriptors that memcached reserves. */
const SPARE = 16;

/** What an idle connection sent before it fell silent. memcached itself keeps the third kind for ever (conn_nread). */
const silences = [
  { title: "silent from the start", sends: "" },
  { title: "silent within a line", sends: "get half-a-lin" },
  { title: "silent within a value", sends: "set half-a-value 0 0 100\r\nonly a part" },
] as const;

const flags = {
  ...repeatFlags,
  connections: { kind: "number", default: 999, min: 3, unit: "N", help: "idle connections, a third of each kind" },
  timeout: { kind: "number", default: 5, min: 1, unit: "S", help: "-o idle_timeout" },
  quick: { kind: "switch", default: false, help: "60 connections, idle_timeout 1" },
  server: { kind: "text", default: "", unit: "COMMAND", help: "server in place of apps/server/dist/main.js" },
} as const;

export const idleConnections = defineTask({
  summary: "idle and half-open clients are dropped by idle_timeout, one above -c is refused",
  flags,
  async run(values, progress): Promise<Report> {
    const { connections, timeout } = values.quick ? { connections: 60, timeout: 1 } : values;
    const program = ourServer(values.server);
    const limit = connections + WORKING + SPARE;
    const serverFlags = ["-m", "64", "-t", "1", "-c", String(limit), "-o", `idle_timeout=${timeout}`];
    const runs = await repeat(values, progress, (run) =>
      withServer(program, serverFlags, (server) => waitForDrops(server, connections, timeout, run, progress)),
    );
    const rows = numbered(runs);
    return {
      title: "Idle connections",
      facts: [
        ["server", `${program.name} ${program.version} with ${serverFlags.join(" ")}`],
        ["load", `${connections} idle connections, ${WORKING} that work`],
        ["seed", "the number of the run, for the keys of those that work"],
      ],
      table: markdownTable(["measure", "found", "wanted", "held"], rows),
      notes: [],
      passed: rows.every((row) => row.at(-1) !== "no"),
    };
  },
});

/** One run on a server of its own. @returns the rows of the table */
async function waitForDrops(
  server: RunningServer,
  connections: number,
  timeout: number,
  seed: number,
  progress: Progress,
): Promise<string[][]> {
  const rows: string[][] = [];
  const note = (what: string, found: string, wanted = "", held?: boolean): void => {
    rows.push([what, found, wanted, held === undefined ? "" : held ? "yes" : "no"]);
    progress(`${what}: ${found}`);
  };
  const generator = LoadGenerator.start();
  const idle: TestConnection[] = [];
  try {
    const spec = { ...defaultLoad, port: server.port, connections: WORKING, seed };
    await generator.fill(spec);
    const working = await generator.open(spec);
    await working.run(0.2);
    const empty = rssBytes(server.pid);

    const opened = performance.now();
    for (let i = 0; i < connections; i++) {
      const connection = await connect(server.port);
      idle.push(connection);
      const { sends } = silences[i % silences.length]!;
      if (sends !== "") await connection.sendAll(sends);
    }
    note("resident bytes per idle connection", grouped((rssBytes(server.pid) - empty) / connections));
    const answer = await oneTooMany(server);
    note("one above -c is answered", JSON.stringify(answer), JSON.stringify(TOO_MANY), answer === TOO_MANY);

    // The working clients go on all the while: silence is what drops a connection, not age.
    const ended = (): number => idle.filter((connection) => connection.ended).length;
    const seconds = (): number => (performance.now() - opened) / 1000;
    let served = 0;
    let firstDrop: number | undefined;
    while (ended() < connections && seconds() < timeout + GRACE_SEC) {
      served += (await working.run(0.2)).operations;
      if (ended() > 0) firstDrop ??= seconds();
    }
    silences.forEach(({ title }, kind) => {
      const all = idle.filter((_, i) => i % silences.length === kind);
      const dropped = all.filter((connection) => connection.ended).length;
      note(`dropped: ${title}`, `${dropped} of ${all.length}`, "all", dropped === all.length);
    });
    // The server's clock ticks once a second.
    const first = firstDrop ?? Number.POSITIVE_INFINITY;
    note("first one dropped after, s", first.toFixed(1), `> ${timeout - 1}`, first > timeout - 1);
    note("last one dropped after, s", seconds().toFixed(1), `≤ ${timeout + GRACE_SEC}`, ended() === connections);
    note("requests of the working clients", grouped(served), "> 0, all answered", served > 0);
    const left = await connectionsLeft(server);
    note("curr_connections afterwards", String(left), `≤ ${WORKING + 2}`, left <= WORKING + 2);
  } finally {
    await Promise.all(idle.map((connection) => connection.close()));
    await generator.stop();
  }
  return rows;
}

/** Opens connections until one is refused; there is room for SPARE at most. @returns what the refused one was sent */
async function oneTooMany(server: RunningServer): Promise<string> {
  const extra: TestConnection[] = [];
  try {
    for (let i = 0; i <= SPARE; i++) {
      const connection = await connect(server.port);
      extra.push(connection);
      connection.send("version\r\n");
      await connection.activity(1000);
      const said = connection.arrived.toString("latin1");
      if (!said.startsWith("VERSION")) return said;
    }
    throw new CacheError("protocol_violation", `${extra.length} connections above -c were all accepted`);
  } finally {
    await Promise.all(extra.map((connection) => connection.close()));
  }
}

/** curr_connections, once it is down to the working ones, the asking one and the listener, or after two seconds. */
async function connectionsLeft(server: RunningServer): Promise<number> {
  let count = Number.NaN;
  const settled = async (): Promise<boolean> => {
    count = Number((await readStats(server)).get("curr_connections"));
    return count <= WORKING + 2;
  };
  await eventually(settled, { withinMs: 2000, everyMs: 100 }).catch(() => undefined);
  return count;
}

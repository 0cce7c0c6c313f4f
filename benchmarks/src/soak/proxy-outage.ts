// `soak proxy-outage`: one of three memcached dies and comes back empty, under the same configuration behind this proxy and
// behind nutcracker, at the same time, each with servers and an application of its own. What the application's clients
// hear while the server is gone, and what its database has to load when it is back.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startNutcracker } from "@marugoto/proxy/testing";
import {
  appCommand,
  Cleanup,
  connect,
  findOracle,
  seededRandom,
  spawnMemcached,
  spawnServer,
  temporaryFolder,
  type Random,
  type ServerProcess,
  type TestConnection,
} from "@marugoto/testing";
import { CacheError, isCacheError } from "@marugoto/core";
import { grouped, markdownTable } from "../measure/table.ts";
import { defineTask, type Progress, type Report } from "../task.ts";

const flags = {
  down: { kind: "number", default: 60, min: 1, unit: "S", help: "seconds for which the server is gone" },
  back: { kind: "number", default: 30, min: 1, unit: "S", help: "seconds after its return that are counted" },
  keys: { kind: "number", default: 10_000, min: 100, unit: "N", help: "hot keys, all of them read again and again" },
  quick: { kind: "switch", default: false, help: "8 s and 4 s, 1000 keys" },
} as const;

const CLIENTS = 4;
/** Keys that a client asks for at a time, and how long it rests then, in ms: some 3000 reads a second of all clients. */
const BATCH = 20;
const REST_MS = 20;
/** Requests in a row without an error after which a server counts as out of use. */
const QUIET_REQUESTS = 1000;
/** What N3 wants at most, as a share of nutcracker's loads. */
const LOADS_SHARE = 0.05;

/** What both are told. */
const RULES = ["auto_eject_hosts: true", "server_retry_timeout: 2000", "server_failure_limit: 2", "timeout: 1000"];

export const proxyOutage = defineTask({
  summary: "a server is gone for a minute and comes back empty, beside nutcracker: errors, and reads of the database",
  flags,
  async run(values, progress): Promise<Report> {
    const seconds = values.quick ? { down: 8, back: 4 } : values;
    const keys = values.quick ? 1000 : values.keys;
    const [ours, nutcrackers] = await bothAtOnce(keys, seconds, progress);
    const held = (yes: boolean) => (yes ? "yes" : "no");
    const share = ours.loadsBack / nutcrackers.loadsBack;
    const row = (what: string, pick: (result: Result) => number, wanted = "", isHeld = "") => [
      what,
      grouped(pick(ours)),
      grouped(pick(nutcrackers)),
      wanted,
      isHeld,
    ];
    const rows = [
      row("requests while the server was gone", (result) => result.requestsDown),
      row("errors until it was out of use", (result) => result.errorsFirst),
      row("errors after that", (result) => result.errorsDown, "0", held(ours.errorsDown === 0)),
      row("reads of the database while it was gone", (result) => result.loadsDown),
      row("requests after its return", (result) => result.requestsBack),
      row("errors after its return", (result) => result.errorsBack, "0", held(ours.errorsBack === 0)),
      row(
        "reads of the database after its return",
        (result) => result.loadsBack,
        `≤ ${100 * LOADS_SHARE} % of nutcracker's`,
        held(share <= LOADS_SHARE),
      ),
      row("wrong values", (result) => result.wrong, "0", held(ours.wrong === 0)),
    ];
    return {
      title: "An outage of a minute, beside nutcracker",
      facts: [
        ["load", `${CLIENTS} clients each, ${grouped(keys)} hot keys, what is missing is loaded and stored`],
        ["the server", `gone for ${seconds.down} s; counted for ${seconds.back} s after its return`],
        ["configuration", RULES.join(", ")],
      ],
      table: markdownTable(["measure", "this proxy", "nutcracker", "wanted", "held"], rows),
      notes: [
        "both run at the same time, on servers of their own; the wanted figures are this proxy's.",
        `out of use: ${grouped(QUIET_REQUESTS)} requests in a row have had no error.`,
      ],
      passed: rows.every((each) => each.at(-1) !== "no"),
    };
  },
});

interface Result {
  requestsDown: number;
  errorsFirst: number;
  errorsDown: number;
  loadsDown: number;
  requestsBack: number;
  errorsBack: number;
  loadsBack: number;
  wrong: number;
}

interface Seconds {
  readonly down: number;
  readonly back: number;
}

async function bothAtOnce(keys: number, seconds: Seconds, progress: Progress): Promise<[Result, Result]> {
  const nutcracker = findOracle("nutcracker");
  if (nutcracker.path === undefined) throw new CacheError("invalid_option", nutcracker.missing ?? "no nutcracker");
  const { path } = nutcracker;
  const opened = new Cleanup();
  try {
    return await Promise.all([
      oneOutage(opened, keys, seconds, progress, "this proxy", (ports) => startOurs(opened, ports)),
      oneOutage(opened, keys, seconds, progress, "nutcracker", (ports) => startNutcracker(opened, path, ports, RULES)),
    ]);
  } finally {
    await opened.run();
  }
}

type Connect = () => Promise<TestConnection>;

async function startOurs(opened: Cleanup, ports: readonly number[]): Promise<Connect> {
  const folder = temporaryFolder();
  opened.defer(folder.remove);
  const file = join(folder.path, "proxy.yml");
  const servers = ports.map((port, i) => `   - 127.0.0.1:${port}:1 s${i}\n`).join("");
  const rules = RULES.map((line) => `  ${line}\n`).join("");
  writeFileSync(file, `a:\n  listen: 127.0.0.1:0\n${rules}  servers:\n${servers}`);
  const app = appCommand("proxy");
  const args = [...app.args, "-c", file, "-s", "0"];
  const proxy = opened.add(await spawnServer({ command: app.command, args, ready: "port-file" }));
  return async () => opened.add(await connect(proxy.port));
}

async function oneOutage(
  opened: Cleanup,
  keys: number,
  { down, back }: Seconds,
  progress: Progress,
  name: string,
  start: (ports: readonly number[]) => Promise<Connect>,
): Promise<Result> {
  const servers: ServerProcess[] = [];
  for (let i = 0; i < 3; i++) servers.push(opened.add(await spawnMemcached()));
  const application = new Application(await start(servers.map(({ port }) => port)), keys);
  await application.fill();
  const end = application.run();
  try {
    await application.requestsMore(10_000);
    application.take();
    const lost = servers[1]!;
    await lost.close();
    progress(`${name}: a server is gone`);
    await application.quiet();
    const first = application.take();
    await sleep(1000 * down);
    const away = application.take();
    opened.add(await spawnMemcached({ args: ["-p", String(lost.port)] }));
    progress(`${name}: the server is back`);
    await sleep(1000 * back);
    const after = application.take();
    return {
      requestsDown: first.requests + away.requests,
      errorsFirst: first.errors,
      errorsDown: away.errors,
      loadsDown: first.loads + away.loads,
      requestsBack: after.requests,
      errorsBack: after.errors,
      loadsBack: after.loads,
      wrong: first.wrong + away.wrong + after.wrong,
    };
  } finally {
    application.stop();
    await end;
  }
}

interface Counts {
  requests: number;
  errors: number;
  loads: number;
  wrong: number;
}

const zero = (): Counts => ({ requests: 0, errors: 0, loads: 0, wrong: 0 });

/** An application with a database behind its cache: what is missing is loaded and stored. */
class Application {
  #counts = zero();
  /** Requests since the last error, or since somebody began to wait for them. */
  #sinceError = 0;
  #isOver = false;
  readonly #connect: Connect;
  readonly #keys: readonly string[];

  constructor(connect: Connect, keys: number) {
    this.#connect = connect;
    this.#keys = Array.from({ length: keys }, (_, i) => `${i * 7919}-hot`);
  }

  async fill(): Promise<void> {
    const asked = await this.#connect();
    for (let at = 0; at < this.#keys.length; at += BATCH) await this.#ask(asked, this.#keys.slice(at, at + BATCH));
  }

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: CLIENTS }, (_, i) => this.#readOn(seededRandom(1 + i))));
  }

  stop(): void {
    this.#isOver = true;
  }

  /** What was counted since the last time. */
  take(): Counts {
    const counts = this.#counts;
    this.#counts = zero();
    return counts;
  }

  async requestsMore(requests: number): Promise<void> {
    const goal = this.#counts.requests + requests;
    while (this.#counts.requests < goal) await sleep(10);
  }

  /** Waits until so many requests in a row have had no error; a proxy that sees the loss first may give none at all. */
  async quiet(): Promise<void> {
    this.#sinceError = 0;
    while (this.#sinceError < QUIET_REQUESTS) await sleep(5);
  }

  async #readOn(random: Random): Promise<void> {
    let asked = await this.#connect();
    while (!this.#isOver) {
      const keys = Array.from({ length: BATCH }, () => random.pick(this.#keys));
      try {
        await this.#ask(asked, keys);
      } catch (error) {
        // nutcracker closes a connection after some errors.
        if (!isCacheError(error)) throw error;
        this.#failed();
        asked = await this.#connect();
      }
      await sleep(REST_MS);
    }
  }

  async #ask(asked: TestConnection, keys: readonly string[]): Promise<void> {
    const missing: string[] = [];
    asked.send(keys.map((key) => `get ${key}\r\n`).join(""));
    for (const key of keys) {
      const answer = await asked.readUntil(/^(?:VALUE [^\n]*\r\n[^\n]*\r\n)?(?:END|[A-Z_]*ERROR[^\n]*)\r\n/, 20_000);
      this.#answered(answer);
      if (answer === "END\r\n") missing.push(key);
      else if (answer.startsWith("VALUE ") && !answer.includes(`\r\nvalue of ${key}\r\n`)) this.#counts.wrong++;
    }
    if (missing.length === 0) return;
    this.#counts.loads += missing.length;
    asked.send(missing.map((key) => `set ${key} 0 0 ${key.length + 9}\r\nvalue of ${key}\r\n`).join(""));
    for (let i = 0; i < missing.length; i++) this.#answered(await asked.readUntil(/^[^\n]*\n/, 20_000));
  }

  #answered(answer: string): void {
    this.#counts.requests++;
    this.#sinceError++;
    if (/^[A-Z_]*ERROR/.test(answer)) this.#failed();
  }

  #failed(): void {
    this.#counts.errors++;
    this.#sinceError = 0;
  }
}

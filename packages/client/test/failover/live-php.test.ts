// PHP and we beside each other in one pool on the recorded ports, each with an object that lives through it: a server
// stops, comes back empty at once, and is still there when its time is over. Both write and read in turns, so what one has
// written while a server was down must be found by the other.

import { setTimeout as sleep } from "node:timers/promises";
import {
  appCommand,
  Cleanup,
  connect,
  eventually,
  spawnServer,
  useOracle,
  type ServerProcess,
} from "@marugoto/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lockRecordedPorts } from "../support/port-lock.ts";
import { ourPlayer, PhpPlayer, type Player, type Setup } from "./players.ts";

const php = useOracle("php", "stop and return, PHP's classes and ours side by side");

const ports = [7600, 7602, 7603];
const keys = ["a", "b", "c"];
const ATTEMPTS = 6;

const setups: readonly (readonly [string, Setup])[] = [
  ["Memcache, consistent", { class: "Memcache", hashStrategy: "consistent", retrySec: 4, ports }],
  ["Memcache, standard", { class: "Memcache", hashStrategy: "standard", retrySec: 4, ports }],
  ["Memcached", { class: "Memcached", retrySec: 4, ports }],
];

/** One step of one player: what its calls gave, and what every server held afterwards. */
interface Row {
  readonly step: string;
  readonly php: string;
  readonly ours: string;
}

const servers = new Map<number, ServerProcess>();
const opened = new Cleanup();

async function start(port: number): Promise<void> {
  const { command, args } = appCommand("server");
  const flags = ["-l", "127.0.0.1", "-m", "8", "-p", String(port)];
  servers.set(port, await spawnServer({ command, args: [...args, ...flags], ready: "port-file" }));
}

async function stop(port: number): Promise<void> {
  await servers.get(port)?.close();
  servers.delete(port);
}

/** What every server holds, as `7600: a=1 b=2, 7602: , 7603: down`. */
async function held(): Promise<string> {
  const all: string[] = [];
  for (const port of ports) {
    if (!servers.has(port)) {
      all.push(`${port}: down`);
      continue;
    }
    const connection = await connect(port);
    const items: string[] = [];
    for (const key of keys) {
      connection.send(`get ${key}\r\n`);
      const value = /\r\n(.*)\r\nEND\r\n$/.exec(await connection.readUntil("END\r\n"))?.[1];
      if (value !== undefined) items.push(`${key}=${value}`);
    }
    await connection.close();
    all.push(`${port}: ${items.join(" ")}`);
  }
  return all.join(", ");
}

const shown = ({ result, code }: { result: unknown; code?: number }) => `${String(result)}${code ? ` (${code})` : ""}`;

async function sets(player: Player, value: string): Promise<string> {
  const calls: string[] = [];
  for (const key of keys) calls.push(`${key}: ${shown(await player.set(key, value))}`);
  return `set ${calls.join(", ")} | ${await held()}`;
}

async function gets(player: Player): Promise<string> {
  const calls: string[] = [];
  for (const key of keys) calls.push(`${key}: ${shown(await player.get(key))}`);
  return `get ${calls.join(", ")}`;
}

/**
 * The whole story.
 *
 * @returns its rows, and whether the server came back before anybody's time was over, without which they mean nothing
 */
async function play(setup: Setup): Promise<{ rows: Row[]; isVoid: boolean }> {
  for (const port of ports) if (!servers.has(port)) await start(port);
  for (const port of ports) {
    const connection = await connect(port);
    await connection.ask("flush_all");
    await connection.close();
  }
  const theirs = new PhpPlayer(php.path, setup);
  const ours = ourPlayer(setup);
  const rows: Row[] = [];
  /** PHP writes and both read, then ours writes and both read. */
  const step = async (name: string, value: string) => {
    const wroteTheirs = await sets(theirs, `php-${value}`);
    rows.push({ step: `${name}, PHP wrote`, php: await gets(theirs), ours: await gets(ours) });
    rows.push({ step: `${name}, both write`, php: wroteTheirs, ours: await sets(ours, `ours-${value}`) });
    rows.push({ step: `${name}, we wrote`, php: await gets(theirs), ours: await gets(ours) });
  };
  try {
    await step("all up", "1");
    await stop(7603);
    const stoppedAt = performance.now();
    await step("7603 down", "2");
    await start(7603);
    await step("7603 back", "3");
    // Both count whole seconds from their own first failure, which came after the stop.
    if (performance.now() - stoppedAt > (setup.retrySec - 1) * 1000) return { rows, isVoid: true };
    await sleep((setup.retrySec + 1) * 1000);
    await step("its time over", "4");
    return { rows, isVoid: false };
  } finally {
    await ours.close();
    await theirs.close();
  }
}

function table(title: string, rows: readonly Row[]): string {
  return [title, ...rows.flatMap(({ step, php, ours }) => [step, `  PHP   ${php}`, `  ours  ${ours}`])].join("\n");
}

describe.skipIf(php.isMissing)(php.title, () => {
  beforeAll(async () => {
    opened.add(await lockRecordedPorts(120_000));
    opened.defer(async () => {
      for (const port of ports) await stop(port);
    });
    // The last who held the lock may not quite have gone.
    for (const port of ports) await eventually(() => start(port).then(() => true), { withinMs: 20_000 });
  }, 150_000);
  afterAll(() => opened.run());

  test.each(setups)("%s: the same table", { timeout: 120_000 }, async (title, setup) => {
    let told = await play(setup);
    for (let attempt = 1; told.isVoid && attempt < ATTEMPTS; attempt++) told = await play(setup);
    console.log(table(title, told.rows));
    expect(told.isVoid, "the server took longer to come back than a failed one is left alone").toBe(false);
    // Where both write, each writes a value of its own; in all else the rows are equal letter by letter.
    const even = (row: string) => (row.startsWith("set") ? row.replaceAll(/(?<==)(php|ours)-/g, "") : row);
    const ours = told.rows.map((row) => [row.step, even(row.ours)]);
    expect(ours).toEqual(told.rows.map((row) => [row.step, even(row.php)]));
    const all = told.rows.map(({ ours }) => ours).join("\n");
    expect(all).toContain("7603: down");
    expect(all).toContain("php-2");
    if (setup.class === "Memcached") expect(all).toContain("(47)");
    else expect(told.rows.every(({ ours }) => !ours.startsWith("set") || !ours.includes("false"))).toBe(true);
  });
});

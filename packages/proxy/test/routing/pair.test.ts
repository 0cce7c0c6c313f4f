// A replicated pair as one slot (N8): the proxy uses the member that is master, and follows when they change roles.

import { appCommand, Cleanup, connect, eventually, freePort, spawnServer, type ServerProcess } from "@marugoto/testing";
import { afterEach, describe, expect, test } from "vitest";
import type { ProxyEvents } from "../../src/events.ts";
import { memberToUse, type MemberState } from "../../src/routing/pair.ts";
import { client, get, set, startProxy, startServer, type RunningProxy } from "../support/bench.ts";
import { serverConfig } from "../support/config.ts";

const master: MemberState = { isUp: true, role: "master" };
const slave: MemberState = { isUp: true, role: "slave" };
const probing: MemberState = { isUp: true, role: "probing" };
const silent: MemberState = { isUp: true, role: undefined };
const down: MemberState = { isUp: false, role: undefined };

test.each<[active: number, states: [MemberState, MemberState], next: number, why: string]>([
  [0, [master, slave], 0, "it is master"],
  [1, [master, slave], 0, "the other is master"],
  [0, [slave, master], 1, "they have changed roles"],
  [0, [down, slave], 1, "it is gone"],
  [0, [down, down], 0, "nobody is better"],
  [1, [down, master], 1, "the other is gone"],
  [0, [master, master], 0, "both say so: no change without need"],
  [1, [master, master], 1, "both say so: no change without need"],
  [0, [silent, silent], 0, "nobody tells"],
  [1, [silent, silent], 1, "nobody tells"],
  [0, [probing, slave], 0, "nobody is master yet"],
  [0, [probing, master], 1, "the other has become master"],
])("in use %i of %j: then %i, for %s", (active, states, next) => {
  expect(memberToUse(active, states)).toBe(next);
});

const opened = new Cleanup();
afterEach(() => opened.run());

class Members {
  readonly ports: readonly number[];
  readonly #links: readonly number[];
  readonly processes: (ServerProcess | undefined)[] = [];

  private constructor(ports: readonly number[], links: readonly number[]) {
    this.ports = ports;
    this.#links = links;
  }

  /** Both, the first of them master. */
  static async start(): Promise<Members> {
    const members = new Members([await freePort(), await freePort()], [await freePort(), await freePort()]);
    for (const i of [0, 1]) await members.start(i);
    await members.linked(0);
    return members;
  }

  async start(i: number): Promise<void> {
    const app = appCommand("server");
    const flags = ["-l", "127.0.0.1", "-p", String(this.ports[i])];
    const links = [
      "--replication-listen",
      `127.0.0.1:${this.#links[i]!}`,
      "--peer",
      `127.0.0.1:${this.#links[1 - i]!}`,
    ];
    const ready = { kind: "tcp", host: "127.0.0.1", port: this.ports[i]! } as const;
    this.processes[i] = opened.add(
      await spawnServer({ command: app.command, args: [...app.args, ...flags, ...links], ready }),
    );
  }

  /** Waits until the other one has all that `master` has. */
  async linked(master: number): Promise<void> {
    await eventually(async () => (await this.#stats(master)).includes("STAT replicas_in_step 1\r\n"), {
      withinMs: 10_000,
    });
  }

  async roleOf(i: number): Promise<string | undefined> {
    return /STAT role (\S+)/.exec(await this.#stats(i))?.[1];
  }

  /** Ends a member, and returns when it is gone. */
  async end(i: number, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    this.processes[i]!.signal(signal);
    await this.processes[i]!.exited;
  }

  async #stats(i: number): Promise<string> {
    const connection = await connect(this.ports[i]!);
    try {
      connection.send("stats replication\r\n");
      return await connection.readUntil(/(?:END|ERROR)\r\n$/);
    } finally {
      await connection.close();
    }
  }
}

/** A pair and two servers that stand alone, behind a proxy. */
async function startAll(): Promise<{ members: Members; lone: number[]; running: RunningProxy }> {
  const members = await Members.start();
  const lone = [(await startServer(opened)).port, (await startServer(opened)).port];
  const partner = { kind: "tcp", host: "127.0.0.1", port: members.ports[1]! } as const;
  const servers = [
    serverConfig(members.ports[0]!, { name: "pair", partner }),
    serverConfig(lone[0]!, { name: "second" }),
    serverConfig(lone[1]!, { name: "third" }),
  ];
  const running = await startProxy(opened, servers, { failover: { mode: "error", failureLimit: 2, retryMs: 1000 } });
  return { members, lone, running };
}

const KEYS = Array.from({ length: 120 }, (_, i) => `key-${i * 7919}`);

/** How many of the keys a server has. */
async function held(port: number): Promise<number> {
  const connection = await client(opened, port);
  connection.send(`get ${KEYS.join(" ")}\r\n`);
  return ((await connection.readUntil("END\r\n")).match(/^VALUE /gm) ?? []).length;
}

describe("N8: a pair is one slot", () => {
  test(
    "killed and brought back, one after the other: every key is hit within a second, none changes its slot, none is stale",
    {
      timeout: 60_000,
    },
    async () => {
      const { members, lone, running } = await startAll();
      const switches: ProxyEvents["switched"][] = [];
      running.proxy.events.on("switched", (event) => switches.push(event));
      const asked = await client(opened, running.port);
      const writeAll = async (value: string) => {
        for (const key of KEYS) expect(await set(asked, key, value)).toBe("STORED");
      };
      const readAll = async () => {
        const values = new Set<string | undefined>();
        for (const key of KEYS) values.add(await get(asked, key));
        return [...values];
      };
      await writeAll("1");
      const before = [await held(lone[0]!), await held(lone[1]!)];
      const slot = KEYS.length - before[0]! - before[1]!;
      expect(slot).toBeGreaterThan(10);

      const direct = await client(opened, members.ports[0]!);
      direct.send(`get ${KEYS.join(" ")}\r\n`);
      const paired = /^VALUE (\S+)/.exec(await direct.readUntil("END\r\n"))![1]!;

      let value = 1;
      for (const dying of [0, 1]) {
        await members.end(dying, "SIGKILL");
        const killedAt = performance.now();
        await eventually(async () => (await get(asked, paired)) === String(value), { withinMs: 5000, everyMs: 5 });
        expect(performance.now() - killedAt).toBeLessThan(1000);
        expect(await readAll()).toEqual([String(value)]);
        // New values go to the new master alone; the old one comes back with none of its own.
        await writeAll(String(++value));
        expect(await held(members.ports[1 - dying]!)).toBe(slot);
        await members.start(dying);
        await members.linked(1 - dying);
        expect(await members.roleOf(dying)).toBe("slave");
        expect(await readAll()).toEqual([String(value)]);
      }
      expect([await held(lone[0]!), await held(lone[1]!)]).toEqual(before);
      expect(switches.map(({ address }) => address)).toEqual(
        [1, 0].map((member) => `127.0.0.1:${members.ports[member]!}`),
      );
    },
  );

  test(
    "they change roles in a planned way: no more is lost than what is under way at that moment",
    { timeout: 60_000 },
    async () => {
      const { members, running } = await startAll();
      const asked = await client(opened, running.port);
      for (const key of KEYS) await set(asked, key, "0");
      const faults: string[] = [];
      let stopped = false;
      let asks = 0;
      const load = async () => {
        const mine = await client(opened, running.port);
        for (let i = 0; !stopped; i++) {
          const key = KEYS[i % KEYS.length]!;
          const answer = i % 3 === 0 ? await set(mine, key, String(i)) : await get(mine, key);
          if (answer === undefined || answer.includes("ERROR")) faults.push(String(answer));
          asks++;
        }
      };
      const loads = [load(), load(), load()];
      const control = await client(opened, running.port);
      for (const leaving of [0, 1]) {
        await eventually(async () => {
          control.send("stats servers\r\n");
          return (await control.readUntil("END\r\n")).includes("STAT 0:partner_state up\r\n");
        });
        await members.end(leaving, "SIGTERM");
        const soFar = asks;
        await eventually(() => asks > soFar + 300);
        await members.start(leaving);
        await members.linked(1 - leaving);
      }
      stopped = true;
      await Promise.all(loads);
      // Each client has one request under way.
      expect(faults.length).toBeLessThanOrEqual(2 * loads.length);
      expect(asks).toBeGreaterThan(600);
    },
  );
});

// docs/migrating-from-repcached.md, done: its commands against a real repcached, on 127.0.0.1 and 127.0.0.2 in place of
// the hosts in the text. Two places differ: ports are free ones, and nothing runs detached.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  appCommand,
  Cleanup,
  connect,
  eventually,
  findOracle,
  freePort,
  repositoryRoot,
  spawnServer,
  useOracle,
  type ServerProcess,
} from "@marugoto/testing";
import { afterEach, describe, expect, test } from "vitest";
import { stats } from "./pair.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

const oracle = useOracle("repcached", "the migration of the docs, done with a real repcached");

interface Step {
  /** The heading or number under which it stands. */
  readonly host: string;
  readonly command: string;
}

/** The commands of a chapter, in order, each with the host that the comment before it names. */
function commandsOf(chapter: string): Step[] {
  const text = readFileSync(join(repositoryRoot, "docs/migrating-from-repcached.md"), "utf8");
  const body = text.split(/^## /m).find((part) => part.startsWith(`${chapter}\n`)) ?? "";
  const steps: Step[] = [];
  for (const [, block = ""] of body.matchAll(/^ *```sh\n([\s\S]*?)^ *```/gm)) {
    let host = "";
    for (const line of block.split("\n").map((each) => each.trim())) {
      const named = /^# on (.*)$/.exec(line)?.[1];
      if (named !== undefined) host = named.replace("10.0.0.", "127.0.0.");
      else if (line !== "") steps.push({ host, command: line });
    }
  }
  return steps;
}

test("the text has its commands", () => {
  expect(commandsOf("Before").map(({ command }) => command.split(" ", 1)[0])).toEqual(["memcached", "memcached", "ss"]);
  const words = commandsOf("The migration").map(({ command }) => command.split(" ", 1)[0]);
  expect(words).toEqual(["kill", "marugoto-server", "printf", "kill", "marugoto-server"]);
});

describe.skipIf(oracle.isMissing)(oracle.title, () => {
  test("every item is there after every step, and at the end two of ours are a pair", async () => {
    const clientPort = await freePort();
    const replicationPort = await freePort();
    const running = new Map<string, ServerProcess>();
    const app = appCommand("server");

    const localize = (command: string) =>
      command
        .replaceAll("10.0.0.", "127.0.0.")
        .replaceAll("11211", String(clientPort))
        .replaceAll("11212", String(replicationPort));

    const start = async (host: string, command: string) => {
      const [program = "", ...args] = localize(command).split(" ");
      // Not detached, so that the test sees its log and its end; and memcached refuses to change its user unless it is root.
      const kept = args
        .join(" ")
        .replace(/^-d -P \S+ ?/, "")
        .replace("-u nobody", "-u root -U 0");
      const binary = program === "memcached" ? [findOracle("repcached").path ?? ""] : [app.command, ...app.args];
      const [executable = "", ...before] = binary;
      const process = await spawnServer({
        command: executable,
        args: [...before, ...kept.split(" "), "-v"],
        ready: { kind: "tcp", host, port: clientPort },
      });
      running.set(host, opened.add(process));
    };

    const run = async ({ host, command }: Step) => {
      if (command.startsWith("kill -TERM ")) {
        expect(await running.get(host)?.stop("SIGTERM", 6000), command).toMatchObject({ code: 0 });
        running.delete(host);
      } else if (command.startsWith("memcached ") || command.startsWith("marugoto-server ")) {
        await start(host, command);
      } else if (command.startsWith("printf 'stats replication")) {
        const client = await connectTo(host);
        await eventually(async () => {
          const { state, link } = await stats(client);
          expect([state, link]).toEqual(["slave", "up"]);
          return true;
        });
      } else {
        expect(command).toMatch(/^ss /);
      }
    };

    const connectTo = async (host: string) => opened.add(await connect({ kind: "tcp", host, port: clientPort }));

    /** Every host that runs has all items. */
    const expectItems = async (count: number) => {
      for (const host of running.keys()) {
        const client = await connectTo(host);
        for (let i = 0; i < count; i++) {
          await eventually(async () => {
            client.send(`get k${i}\r\n`);
            return (await client.readUntil("END\r\n")) === `VALUE k${i} ${i} 5\r\nvalue\r\nEND\r\n`;
          });
        }
      }
    };

    for (const step of commandsOf("Before")) await run(step);
    let stored = 0;
    const storeSome = async (host: string) => {
      const client = await connectTo(host);
      for (const end = stored + 100; stored < end; stored++) {
        expect(await client.ask(`set k${stored} ${stored} 0 5\r\nvalue`)).toBe("STORED");
      }
    };
    await storeSome("127.0.0.1");
    await expectItems(stored);
    for (const step of commandsOf("The migration")) {
      await run(step);
      await storeSome([...running.keys()][0] ?? "");
      await expectItems(stored);
    }
    const [slave, master] = [await connectTo("127.0.0.1"), await connectTo("127.0.0.2")];
    await eventually(async () => {
      return (await stats(slave)).role === "slave" && (await stats(master)).role === "master";
    });
    expect(await slave.ask("incr k0 1")).toMatch(/^CLIENT_ERROR cannot increment/);
    expect(await slave.ask("set n 0 0 1\r\n1")).toBe("STORED");
    expect(await master.ask("incr n 1")).toBe("2");
  });
});

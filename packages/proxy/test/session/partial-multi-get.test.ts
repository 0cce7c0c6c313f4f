// A get of many keys, some of them on a server that is gone (N7): what the others have is answered, and nothing is closed.

import { Cleanup, useOracle } from "@marugoto/testing";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { client, named, set, startFaultyServer, startProxy, type FaultyServer } from "../support/bench.ts";
import { startNutcracker } from "../support/nutcracker.ts";

const shared = new Cleanup();
const opened = new Cleanup();
let servers: FaultyServer[];
beforeAll(async () => {
  servers = [await startFaultyServer(shared), await startFaultyServer(shared), await startFaultyServer(shared)];
});
afterEach(async () => {
  for (const { fault } of servers) fault.heal();
  await opened.run();
});
afterAll(() => shared.run());

const KEYS = Array.from({ length: 30 }, (_, i) => `${i * 7919}-key`);

/** Keys in the order of the answer. */
const found = (answer: string) => Array.from(answer.matchAll(/^VALUE (\S+) /gm), ([, key]) => key);

async function keysOf({ server }: FaultyServer): Promise<string[]> {
  const direct = await client(opened, server.port);
  direct.send(`get ${KEYS.join(" ")}\r\n`);
  return found(await direct.readUntil("END\r\n")) as string[];
}

test.each(["error", "miss"] as const)("N7: with failover %s", async (mode) => {
  const { port } = await startProxy(opened, named(...servers.map(({ fault }) => fault.port)), {
    failover: { mode, failureLimit: 1, retryMs: 1000 },
  });
  const asked = await client(opened, port);
  for (const key of KEYS) await set(asked, key, "v");
  const lost = await keysOf(servers[1]!);
  expect(lost.length).toBeGreaterThan(0);
  servers[1]!.fault.refuse = true;
  servers[1]!.fault.cut();
  for (let i = 0; i < 3; i++) {
    asked.send(`get ${KEYS.join(" ")}\r\n`);
    expect(found(await asked.readUntil("END\r\n"))).toEqual(KEYS.filter((key) => !lost.includes(key)));
  }
  // Only the lost server's keys: there is nobody to answer.
  asked.send(`get ${lost.join(" ")} ${lost[0]!}\r\n`);
  expect(await asked.readLine()).toMatch(mode === "error" ? /^SERVER_ERROR / : /^END$/);
  expect(await asked.ask("mn")).toBe("MN");
});

test("N7: with partial_gets: false, one server that fails is the answer, and the connection stays", async () => {
  const { port } = await startProxy(opened, named(...servers.map(({ fault }) => fault.port)), {
    failover: { mode: "error", failureLimit: 1, retryMs: 1000 },
    partialGets: false,
  });
  const asked = await client(opened, port);
  for (const key of KEYS) await set(asked, key, "v");
  const lost = await keysOf(servers[1]!);
  servers[1]!.fault.refuse = true;
  servers[1]!.fault.cut();
  for (let i = 0; i < 3; i++) {
    asked.send(`get ${KEYS.join(" ")}\r\n`);
    expect(await asked.readLine()).toMatch(/^SERVER_ERROR /);
  }
  const left = KEYS.filter((key) => !lost.includes(key));
  asked.send(`get ${left.join(" ")}\r\n`);
  expect(found(await asked.readUntil("END\r\n"))).toEqual(left);
});

const nutcracker = useOracle("nutcracker", "what one dead server does to a get of many keys");

describe.skipIf(nutcracker.isMissing)(nutcracker.title, () => {
  test("nutcracker answers none of them, and closes the connection", async () => {
    const ports = servers.map(({ fault }) => fault.port);
    const asked = await (await startNutcracker(opened, nutcracker.path, ports, ["timeout: 1000"]))();
    for (const key of KEYS) await set(asked, key, "v");
    servers[1]!.fault.refuse = true;
    servers[1]!.fault.cut();
    asked.send(`get ${KEYS.join(" ")}\r\n`);
    expect((await asked.readToEnd()).toString("latin1")).toMatch(/^SERVER_ERROR [^\r]*\r\n$/);
  });
});

// What a client sees of a proxy that has nothing to recover from.

import { Cleanup, eventually } from "@marugoto/testing";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { client, get, named, set, startProxy, startServer, type RunningProxy } from "./support/bench.ts";

const shared = new Cleanup();
const opened = new Cleanup();
let running: RunningProxy;
let ports: number[];
beforeAll(async () => {
  ports = (await Promise.all([0, 1, 2].map(() => startServer(shared)))).map((server) => server.port);
  running = await startProxy(shared, named(...ports));
}, 60_000);
afterEach(() => opened.run());
afterAll(() => shared.run());

describe("three servers behind one address", () => {
  test("a key is found again, and lives on one server alone", async () => {
    const asked = await client(opened, running.port);
    for (let i = 0; i < 30; i++) expect(await set(asked, `${i * 7919}-key`, `value ${i}`)).toBe("STORED");
    for (let i = 0; i < 30; i++) expect(await get(asked, `${i * 7919}-key`)).toBe(`value ${i}`);
    const counts = await Promise.all(
      ports.map(async (port) => {
        const server = await client(opened, port);
        let found = 0;
        for (let i = 0; i < 30; i++) if ((await get(server, `${i * 7919}-key`)) !== undefined) found++;
        return found;
      }),
    );
    expect(counts.reduce((sum, count) => sum + count)).toBe(30);
    expect(Math.min(...counts)).toBeGreaterThan(0);
  });

  test("many keys are answered in the order they were asked for, twice where they were asked for twice", async () => {
    const asked = await client(opened, running.port);
    for (let i = 0; i < 12; i++) await set(asked, `m${i}`, `${i}`);
    asked.send("get m7 m3 none m3 m11 m0 m7\r\n");
    const rows = (await asked.readUntil("END\r\n")).match(/^VALUE \S+/gm);
    expect(rows).toEqual(["VALUE m7", "VALUE m3", "VALUE m3", "VALUE m11", "VALUE m0", "VALUE m7"]);
  });

  test("answers leave in the order of the requests, whichever server is quicker", async () => {
    const asked = await client(opened, running.port);
    const lines: string[] = [];
    for (let i = 0; i < 200; i++) lines.push(`set o${i} 0 0 4\r\n${1000 + i}\r\nget o${i}\r\n`);
    asked.send(lines.join("") + "mn\r\n");
    const text = await asked.readUntil("MN\r\n");
    const expected = Array.from({ length: 200 }, (_, i) => `STORED\r\nVALUE o${i} 0 4\r\n${1000 + i}\r\nEND\r\n`);
    expect(text).toBe(expected.join("") + "MN\r\n");
  });

  test("noreply and quiet meta requests are answered with nothing", async () => {
    const asked = await client(opened, running.port);
    asked.send("set q 0 0 1 noreply\r\n1\r\nincr q 2 noreply\r\nms r 2 q\r\nab\r\nmg none v q\r\nmg r v\r\nget q\r\n");
    expect(await asked.readUntil("END\r\n")).toBe("VA 2\r\nab\r\nVALUE q 0 1\r\n3\r\nEND\r\n");
  });

  test("a value of 900 000 bytes comes back as it went", async () => {
    const asked = await client(opened, running.port);
    const value = Array.from({ length: 90_000 }, (_, i) => String(1_000_000_000 + i)).join("");
    expect(await set(asked, "large", value)).toBe("STORED");
    expect(await get(asked, "large")).toBe(value);
  });

  test.each([
    ["nonsense", "ERROR"],
    ["incr k", "CLIENT_ERROR"],
    [`get ${"k".repeat(251)}`, "CLIENT_ERROR"],
    ["flush_all", "CLIENT_ERROR flush_all not allowed"],
    ["verbosity 1", "OK"],
    ["version", "VERSION marugoto-proxy"],
  ])("%s is answered %s, and the connection stays open", async (line, answer) => {
    const asked = await client(opened, running.port);
    expect((await asked.ask(line)).slice(0, answer.length)).toBe(answer);
    expect(await asked.ask("mn")).toBe("MN");
  });

  test("quit ends the connection when all is answered", async () => {
    const asked = await client(opened, running.port);
    asked.send("get none\r\nquit\r\nget none\r\n");
    expect((await asked.readToEnd()).toString()).toBe("END\r\n");
  });

  test("a client that goes is forgotten", async () => {
    const asked = await client(opened, running.port);
    expect(await asked.ask("mn")).toBe("MN");
    const before = running.proxy.stats.read().currConnections;
    await asked.close();
    await eventually(() => running.proxy.stats.read().currConnections === before - 1);
  });
});

// The words in which a ledger is kept, on a real server.

import { Cleanup, eventually } from "@marugoto/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ProxyCore } from "../../src/proxy-core.ts";
import { Ledger } from "../../src/recovery/ledger.ts";
import { type Place, placesOf } from "../../src/recovery/place.ts";
import { ProxyPool } from "../../src/routing/proxy-pool.ts";
import { client, named, startServer } from "../support/bench.ts";
import { poolConfig } from "../support/config.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

let port: number;
let host: Place;
let other: Place;
let ledger: Ledger;
const soon = () => performance.now() + 5000;
beforeEach(async () => {
  port = (await startServer(opened)).port;
  const pool = new ProxyPool(new ProxyCore("test"), poolConfig(named(port, port)));
  opened.defer(() => {
    pool.destroy();
  });
  [host, other] = placesOf(pool) as [Place, Place];
  ledger = new Ledger(Ledger.newEpoch(undefined), host);
  await eventually(() => ledger.create("open", soon()));
});

test("a later epoch is greater, whatever the clock says", () => {
  const far = `zzzzzzzz0${"0".repeat(12)}`;
  expect(Ledger.isEpoch(Ledger.newEpoch(undefined))).toBe(true);
  expect(Ledger.newEpoch(far) > far).toBe(true);
  expect(Ledger.isEpoch("3")).toBe(false);
});

describe("notes", () => {
  test.each([["plain"], ["=begins-as-an-escape"], ["~as-an-announcement"], ["blanks and\r\nlines"], ["\x00\x7f\xff"]])(
    "of the key %j: the last one tells",
    async (key) => {
      expect((await ledger.look(key, soon())).place).toBeUndefined();
      expect((await ledger.note(key, host, soon())).state).toBe("open");
      expect((await ledger.look(key, soon())).place).toBe("pool:s0");
      await ledger.note(key, other, soon());
      expect((await ledger.look(key, soon())).place).toBe("pool:s1");
      await ledger.noteHome(key, soon());
      expect((await ledger.look(key, soon())).place).toBeUndefined();
      await ledger.noteLost(key, soon());
      expect((await ledger.look(key, soon())).place).toBe("lost");
      const all = new Map<string, string>();
      for await (const notes of ledger.notes(soon)) for (const [name, place] of notes) all.set(name, place);
      expect(all).toEqual(new Map([[key, "lost"]]));
    },
  );

  test("of many keys made at the same time are all there, until they are removed", async () => {
    const keys = Array.from({ length: 2000 }, (_, i) => `key-${i}`);
    await Promise.all(keys.map((key) => ledger.note(key, host, soon())));
    const found: string[] = [];
    for await (const notes of ledger.notes(soon)) found.push(...notes.keys());
    expect(found.sort()).toEqual(keys.sort());
    await ledger.removeNotes(soon);
    for await (const notes of ledger.notes(soon)) expect(notes.size).toBe(0);
  });
});

describe("the head", () => {
  test("is changed only by who has read what it is", async () => {
    const before = await ledger.head(soon());
    expect(await ledger.setHead(before, "closing", soon())).toBe(true);
    expect(await ledger.setHead(before, "open", soon())).toBe(false);
    const closing = await ledger.head(soon());
    expect(closing.state).toBe("closing");
    expect(await ledger.setHead(closing, "closed", soon(), true)).toBe(true);
    expect(await ledger.head(soon())).toMatchObject({ state: "closed", isWarm: true, isFull: false });
  });

  test("tells with a note whether that holds", async () => {
    await ledger.setHead(await ledger.head(soon()), "closing", soon());
    expect((await ledger.note("k", host, soon())).state).toBe("closing");
    // It does not hold; who closes the ledger finds it all the same.
    expect((await ledger.look("k", soon())).place).toBeUndefined();
    const all: string[] = [];
    for await (const notes of ledger.notes(soon)) all.push(...notes.keys());
    expect(all).toEqual(["k"]);
    expect(await ledger.setFull(soon())).toBe(false);
  });

  test("keeps that it is full", async () => {
    expect(await ledger.setFull(soon())).toBe(true);
    await ledger.setHead(await ledger.head(soon()), "closing", soon());
    expect(await ledger.head(soon())).toMatchObject({ state: "closing", isFull: true });
  });

  test("of a server that was emptied is lost", async () => {
    expect(await (await client(opened, port)).ask("flush_all")).toBe("OK");
    expect((await ledger.head(soon())).state).toBe("lost");
    expect((await ledger.look("k", soon())).state).toBe("lost");
  });
});

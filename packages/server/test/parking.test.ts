// The hooks: whatever they delay, a client sees the same bytes in the same order.

import { Command } from "@marugoto/protocol";
import { describe, expect, test } from "vitest";
import type { Admission, ServerHooks } from "../src/index.ts";
import { harness, transcript } from "./support.ts";

const ticks = async (count: number) => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** A small generator of repeatable numbers (xorshift). */
function random(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const whole = harness().ask(transcript);
const longValue = `set long 0 0 90000\r\n${"l".repeat(90_000)}\r\nmg long v\r\nget long a long\r\n`;
const wholeLong = harness().ask(longValue + transcript);

describe("beforeExecute", () => {
  test.each([1, 2, 3, 4, 5])("parks every second command for random ticks: the same bytes (seed %i)", async (seed) => {
    const next = random(seed);
    let asked = 0;
    const hooks: ServerHooks = {
      beforeExecute(): Admission {
        if (++asked % 2 === 0) return "run";
        return { later: ticks(next(4)).then(() => "run" as const) };
      },
    };
    for (const [input, output] of [
      [transcript, whole],
      [longValue + transcript, wholeLong],
    ] as const) {
      const { connect } = harness({}, hooks);
      const { send, transport, session } = connect();
      let at = 0;
      while (at < input.length) {
        const piece = 1 + next(300);
        send(input.slice(at, at + piece));
        at += piece;
        if (next(3) === 0) await ticks(next(3));
      }
      for (let i = 0; i < 2000 && !transport.ended; i++) await ticks(1);
      expect(transport.ended).toBe(true);
      expect(transport.take() === output).toBe(true);
      expect(session.state).toBe(3);
    }
  });

  test("refuses a command with a line of its own, and the block of a refused set is read past", async () => {
    const hooks: ServerHooks = {
      beforeExecute: (request) =>
        request.command === Command.set && request.keyText() === "no" ? { refuse: "SERVER_ERROR read only" } : "run",
    };
    const { ask } = harness({}, hooks);
    const big = "x".repeat(50_000);
    expect(
      ask(
        `set no 0 0 2\r\nhi\r\nset no 0 0 50000\r\n${big}\r\nset yes 0 0 1\r\n1\r\nset no 0 0 1 noreply\r\n1\r\nmn\r\n`,
      ),
    ).toBe("SERVER_ERROR read only\r\nSERVER_ERROR read only\r\nSTORED\r\nMN\r\n");
    const later = harness(
      {},
      { beforeExecute: () => ({ later: ticks(1).then(() => ({ refuse: "SERVER_ERROR late" })) }) },
    );
    const { send, transport } = later.connect();
    send("mn\r\nversion\r\n");
    await ticks(6);
    expect(transport.take()).toBe("SERVER_ERROR late\r\nSERVER_ERROR late\r\n");
  });

  test("a promise that rejects is answered as a server error and told as an event", async () => {
    const { connect, server } = harness({}, { beforeExecute: () => ({ later: Promise.reject(new Error("lost")) }) });
    const told: string[] = [];
    server.events.on("error", ({ what }) => told.push(what));
    const { send, transport } = connect();
    send("mn\r\n");
    await ticks(3);
    expect(transport.take()).toBe("SERVER_ERROR internal error\r\n");
    expect(told).toEqual(["beforeExecute"]);
  });

  test("a parked session reads nothing more", async () => {
    let release: (decision: "run") => void = () => undefined;
    const later = new Promise<"run">((resolve) => {
      release = resolve;
    });
    const { connect } = harness({}, { beforeExecute: () => ({ later }) });
    const { send, transport } = connect();
    send("mn\r\n");
    expect(transport.paused).toBe(true);
    release("run");
    await ticks(2);
    expect(transport.take()).toBe("MN\r\n");
    expect(transport.paused).toBe(false);
  });

  test("a client that leaves while its command is parked is forgotten", async () => {
    let release: (decision: "run") => void = () => undefined;
    const later = new Promise<"run">((resolve) => {
      release = resolve;
    });
    const { connect, ask } = harness(
      {},
      { beforeExecute: (request) => (request.command === Command.set ? { later } : "run") },
    );
    const { send, session } = connect();
    send("set k 0 0 1\r\n1\r\n");
    session.destroy("client");
    release("run");
    await ticks(2);
    expect(ask("get k\r\n")).toBe("END\r\n");
  });
});

describe("beforeAnswers", () => {
  test.each([1, 2, 3])("answers wait for its promise and leave in order (seed %i)", async (seed) => {
    const next = random(seed * 77);
    const hooks: ServerHooks = {
      beforeAnswers: () => (next(3) === 0 ? undefined : ticks(next(5))),
      beforeExecute: () => (next(4) === 0 ? { later: ticks(next(3)).then(() => "run" as const) } : "run"),
    };
    const { connect } = harness({ requestsPerEvent: 7 }, hooks);
    const { send, transport } = connect();
    const input = longValue + transcript;
    let at = 0;
    while (at < input.length) {
      const piece = 1 + next(500);
      send(input.slice(at, at + piece));
      at += piece;
      if (next(2) === 0) await ticks(next(3));
    }
    for (let i = 0; i < 5000 && !transport.ended; i++) await ticks(1);
    expect(transport.ended).toBe(true);
    expect(transport.take() === wholeLong).toBe(true);
  });

  test("is asked once for all that was answered in one pass of the loop, and all answers leave behind that", async () => {
    const order: string[] = [];
    const { connect } = harness({}, { beforeAnswers: () => void order.push("asked") });
    const clients = [connect(), connect(), connect()];
    for (const { send } of clients) {
      send("mn\r\n".repeat(50));
      send("mn\r\n");
    }
    expect(clients.map(({ transport }) => transport.take())).toEqual(["", "", ""]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(order).toEqual(["asked"]);
    for (const { transport } of clients) expect(transport.take()).toBe("MN\r\n".repeat(51));
  });

  test("a client that leaves before the pass ends is forgotten with its answers", async () => {
    const { connect } = harness({}, { beforeAnswers: () => undefined });
    const [gone, there] = [connect(), connect()];
    gone.send("mn\r\n");
    there.send("mn\r\n");
    gone.session.destroy("client");
    await new Promise((resolve) => setImmediate(resolve));
    expect([gone.transport.take(), there.transport.take()]).toEqual(["", "MN\r\n"]);
  });

  test("is asked at once before a large answer, behind which the others keep their place; quit waits for all", async () => {
    let asked = 0;
    const beforeAnswers = () => {
      asked++;
      return undefined;
    };
    const { connect } = harness({}, { beforeAnswers });
    const { send, transport } = connect();
    const value = "v".repeat(100_000);
    send(`set big 0 0 ${value.length}\r\n${value}\r\n`);
    expect([asked, transport.take()]).toEqual([0, ""]);
    send("get big\r\nmn\r\nquit\r\n");
    expect([asked, transport.ended]).toEqual([1, false]);
    await new Promise((resolve) => setImmediate(resolve));
    expect([asked, transport.ended]).toEqual([2, true]);
    expect(transport.take() === `STORED\r\nVALUE big 0 ${value.length}\r\n${value}\r\nEND\r\nMN\r\n`).toBe(true);
  });
});

describe("addStats", () => {
  test("adds rows to plain stats and sections of its own", () => {
    const { ask } = harness(
      {},
      {
        addStats: (section, rows) => {
          if (section === "") rows.add("role", "master");
          if (section === "replication") rows.add("peers", 2);
          return section === "replication";
        },
      },
    );
    expect(ask("stats\r\n")).toContain("STAT role master\r\nEND\r\n");
    expect(ask("stats replication\r\n")).toBe("STAT peers 2\r\nEND\r\n");
    expect(ask("stats other\r\n")).toBe("ERROR\r\n");
  });
});

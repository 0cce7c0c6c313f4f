// Each request has its own time (N14): one that is not answered in time fails alone, and what its server says later is
// dropped, however many wait behind it on the same connection.

import { createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Cleanup, eventually, useOracle, type TestConnection } from "@marugoto/testing";
import { afterEach, describe, expect, test } from "vitest";
import { client, named, startProxy } from "../support/bench.ts";
import { startNutcracker } from "../support/nutcracker.ts";

const opened = new Cleanup();
afterEach(() => opened.run());

const TIMEOUT_MS = 500;

interface Holder {
  readonly port: number;
  /** From now on it answers nothing. */
  hold(): void;
  /** Answers all that it was asked meanwhile. */
  release(): void;
}

/** A server that can be told to keep its answers to itself for a while. */
async function startHolder(): Promise<Holder> {
  const answers: { socket: Socket; text: string }[] = [];
  let isHolding = false;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    let rest = "";
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      const parts = (rest + chunk).split("\r\n");
      rest = parts.pop() ?? "";
      for (const line of parts) {
        const key = line.slice(4);
        const text = line.startsWith("get ") ? `VALUE ${key} 0 ${key.length}\r\n${key}\r\nEND\r\n` : "END\r\n";
        if (isHolding) answers.push({ socket, text });
        else socket.write(text);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  opened.defer(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("a TCP server without a port");
  return {
    port: address.port,
    hold: () => {
      isHolding = true;
    },
    release: () => {
      isHolding = false;
      for (const { socket, text } of answers.splice(0)) socket.write(text);
    },
  };
}

/** What came back: values, errors, other. */
interface Seen {
  readonly values: number;
  readonly timeouts: number;
  readonly right: boolean;
  /** The machine was too slow for the times to mean anything. */
  readonly isVoid: boolean;
}

/** One get; 99 of another client 400 ms later; all answered when the first has timed out. */
async function tell(connectTo: (port: number) => Promise<() => Promise<TestConnection>>): Promise<Seen> {
  const holder = await startHolder();
  const open = await connectTo(holder.port);
  const [first, second] = [await open(), await open()];
  // Whoever has questions of his own asks them when he connects.
  first.send("get warm\r\n");
  await first.readUntil("END\r\n");
  await sleep(50);
  holder.hold();
  const start = performance.now();
  first.send("get first\r\n");
  await sleep(400);
  const keys = Array.from({ length: 99 }, (_, i) => `k${i}`);
  second.send(keys.map((key) => `get ${key}\r\n`).join(""));
  const sentMs = performance.now() - start;
  const answer = await first.readUntil(/^(?:SERVER_ERROR .*|END)\r\n/m);
  const failedMs = performance.now() - start;
  holder.release();
  const lateBy = Math.max(sentMs - 400, failedMs - TIMEOUT_MS);
  const arrived = () => second.arrived.toString("latin1");
  await eventually(() => (arrived().match(/^(?:END|SERVER_ERROR .*)\r$/gm) ?? []).length === 99, { withinMs: 10_000 });
  const text = arrived();
  const values = Array.from(text.matchAll(/^VALUE (\S+) 0 \d+\r\n(.*)\r\nEND\r\n/gm), ([, key, value]) => [key, value]);
  const timeouts = (answer + text).match(/^SERVER_ERROR Connection timed out\r$/gm)?.length ?? 0;
  const right = values.every(([key, value], i) => key === value && key === keys[i]);
  return { values: values.length, timeouts, right, isVoid: lateBy > 200 };
}

/** Tries again where the machine was late. */
async function tellInTime(connectTo: Parameters<typeof tell>[0]): Promise<Seen> {
  for (let i = 0; i < 5; i++) {
    const seen = await tell(connectTo);
    if (!seen.isVoid) return seen;
  }
  throw new Error("this machine is too busy for a time limit of half a second");
}

test("N14: exactly one timeout, 99 answers", { timeout: 60_000 }, async () => {
  const seen = await tellInTime(async (port) => {
    const timeouts = { connectMs: TIMEOUT_MS, requestMs: TIMEOUT_MS, idleMs: Infinity };
    const running = await startProxy(opened, named(port), { timeouts });
    return () => client(opened, running.port);
  });
  expect(seen).toEqual({ values: 99, timeouts: 1, right: true, isVoid: false });
});

const nutcracker = useOracle("nutcracker", "what one late answer does to those behind it");

describe.skipIf(nutcracker.isMissing)(nutcracker.title, () => {
  test("nutcracker fails all of them", { timeout: 60_000 }, async () => {
    const seen = await tellInTime((port) =>
      startNutcracker(opened, nutcracker.path, [port], [`timeout: ${TIMEOUT_MS}`]),
    );
    expect(seen.timeouts).toBe(100);
  });
});

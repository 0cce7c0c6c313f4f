// Requests that a hook takes over: executed elsewhere, answered here, in order.

import { Command, commandInfo } from "@marugoto/protocol";
import { expect, test } from "vitest";
import type { Admission, ServerHooks } from "../src/index.ts";
import { harness, transcript } from "./support.ts";

const ticks = async (count: number) => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** Hooks that have mutating commands executed by another server, each answer late by some ticks. */
function elsewhere(delay: () => number): { hooks: ServerHooks; taken: string[] } {
  const other = harness();
  const { send, transport } = other.connect();
  const taken: string[] = [];
  let before: Promise<unknown> = Promise.resolve();
  const hooks: ServerHooks = {
    beforeExecute(request): Admission {
      if (request.command === Command.quit) return { later: before.then(() => "run" as const) };
      return {
        takeOver: (bytes) => {
          taken.push(bytes.toString("latin1"));
          send(bytes.toString("latin1"));
          const answer = Buffer.from(transport.take(), "latin1");
          const late = ticks(delay()).then(() => answer);
          before = Promise.all([before, late]);
          return late;
        },
      };
    },
  };
  return { hooks, taken };
}

const big = `set long 0 0 90000\r\n${"l".repeat(90_000)}\r\nset quiet 0 0 70000 noreply\r\n${"q".repeat(70_000)}\r\nmg quiet s\r\n`;
const input = big + transcript;

test.each([1, 7, 300, 1_000_000])("pieces of %i bytes: the same answers in the same order", async (piece) => {
  const whole = harness().ask(input);
  let turn = 0;
  const { hooks } = elsewhere(() => (turn = (turn + 3) % 5));
  const { send, transport, session } = harness({}, hooks).connect();
  for (let at = 0; at < input.length; at += piece) {
    send(input.slice(at, at + piece));
    if (at % 1000 === 0) await ticks(1);
  }
  for (let i = 0; i < 3000 && !transport.ended; i++) await ticks(1);
  expect(transport.take() === whole).toBe(true);
  expect(session.state).toBe(3);
});

test("a request is handed over as it came, its value and flags included", async () => {
  const { hooks, taken } = elsewhere(() => 0);
  const { send } = harness({}, hooks).connect();
  const requests = ["set a 1 0 2\r\nhi\r\n", "ms YWJj 3 b c\r\nabc\r\n", "gat 10 a b\r\n", "incr a 1 noreply\n"];
  send(requests.join(""));
  await ticks(3);
  expect(taken).toEqual(requests);
});

test("a value of which the end is missing is answered here, and what follows is served", async () => {
  const { hooks, taken } = elsewhere(() => 0);
  const { send, transport } = harness({}, hooks).connect();
  const bad = `set a 0 0 70000\r\n${"x".repeat(70_000)}`;
  send(bad);
  send("xx\r\nmn\r\n");
  await ticks(3);
  expect(transport.take()).toBe(harness().ask(`${bad}xx\r\nmn\r\n`));
  expect(taken).toEqual(["mn\r\n"]);
});

test("a taking over that fails is answered as a server error, and told", async () => {
  const { connect, server } = harness(
    {},
    { beforeExecute: () => ({ takeOver: () => Promise.reject(new Error("x")) }) },
  );
  const errors: string[] = [];
  server.events.on("error", ({ what }) => errors.push(what));
  const { send, transport } = connect();
  send("mn\r\nmn\r\n");
  await ticks(2);
  expect(transport.take()).toBe("SERVER_ERROR internal error\r\n".repeat(2));
  expect(errors).toEqual(["takeOver", "takeOver"]);
});

test("a hook that says again is asked again with the same request", async () => {
  const asked: string[] = [];
  const { connect } = harness(
    {},
    {
      beforeExecute(request): Admission {
        asked.push(commandInfo(request.command)!.word);
        return asked.length === 1 ? { later: ticks(1).then(() => "again" as const) } : "run";
      },
    },
  );
  const { send, transport } = connect();
  send("mn\r\nversion\r\n");
  await ticks(4);
  expect(transport.take()).toMatch(/^MN\r\nVERSION /);
  expect(asked).toEqual(["mn", "mn", "version"]);
});

test("a client that leaves before the answer: nothing is written and nothing breaks", async () => {
  const { hooks } = elsewhere(() => 3);
  const { send, transport, session } = harness({}, hooks).connect();
  send("set a 0 0 1\r\nx\r\n");
  session.destroy("server");
  await ticks(6);
  expect(transport.take()).toBe("");
});

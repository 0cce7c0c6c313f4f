import { describe, expect, test } from "vitest";
import { TickEnd } from "../../src/pool/tick-end.ts";

/** What was written before each flush, when `program` runs in one tick and writes through what it is given. */
async function flushes(program: (write: () => void) => void | Promise<void>): Promise<number[]> {
  const seen: number[] = [];
  let waiting = 0;
  let isScheduled = false;
  const tickEnd = new TickEnd(
    () => {
      isScheduled = false;
      seen.push(waiting);
      waiting = 0;
    },
    () => waiting,
  );
  const write = () => {
    waiting++;
    if (isScheduled) return;
    isScheduled = true;
    tickEnd.schedule();
  };
  await new Promise<void>((resolve) => {
    setImmediate(() => {
      void program(write);
      setImmediate(resolve);
    });
  });
  return seen;
}

describe("one flush per tick", () => {
  test("for what is written at once", async () => {
    const program = (write: () => void) => {
      for (let i = 0; i < 64; i++) write();
    };
    expect(await flushes(program)).toEqual([64]);
  });

  test("for continuations of many promises that end together", async () => {
    const program = (write: () => void) => {
      for (let i = 0; i < 64; i++) void Promise.resolve().then(write);
    };
    expect(await flushes(program)).toEqual([64]);
  });

  test.each([1, 2])("for calls %i turns behind each other, however many", async (gap) => {
    const program = async (write: () => void) => {
      for (let i = 0; i < 100; i++) {
        write();
        for (let turn = 0; turn < gap; turn++) await undefined;
      }
    };
    expect(await flushes(program)).toEqual([100]);
  });

  test("for calls from functions within functions", async () => {
    const inner = async (write: () => void) => {
      await undefined;
      write();
    };
    const outer = async (write: () => void) => {
      write();
      await inner(write);
      write();
    };
    const program = (write: () => void) => {
      for (let i = 0; i < 10; i++) void outer(write);
    };
    expect(await flushes(program)).toEqual([30]);
  });
});

test("a lone call does not wait for the end of the tick", async () => {
  const order: string[] = [];
  const tickEnd = new TickEnd(
    () => order.push("flush"),
    () => 1,
  );
  await new Promise((resolve) => setImmediate(resolve));
  // Within a microtask, as callers of promises are.
  tickEnd.schedule();
  process.nextTick(() => order.push("end of the tick"));
  await new Promise((resolve) => setImmediate(resolve));
  expect(order).toEqual(["flush", "end of the tick"]);
});

test("what comes long after a lone call, in the same tick, leaves in a second flush", async () => {
  const program = async (write: () => void) => {
    write();
    for (let turn = 0; turn < 10; turn++) await undefined;
    write();
  };
  expect(await flushes(program)).toEqual([1, 1]);
});

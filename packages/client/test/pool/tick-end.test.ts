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
        for (let turn = 0; turn < gap; turn++) await Promise.resolve();
      }
    };
    expect(await flushes(program)).toEqual([100]);
  });

  test("for calls from functions within functions", async () => {
    const inner = async (write: () => void) => {
      await Promise.resolve();
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

/** Calls in ticks of their own; what each `inTick` gives is how many flushes its calls took. */
class Program {
  flushed = 0;
  #waiting = 0;
  #isScheduled = false;
  readonly #tickEnd = new TickEnd(
    () => {
      this.#isScheduled = false;
      this.flushed++;
    },
    () => this.#waiting,
  );

  call(): void {
    this.#waiting++;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#tickEnd.schedule();
  }

  async inTick(run: () => void | Promise<void>): Promise<number> {
    const before = this.flushed;
    await new Promise((resolve) => setImmediate(resolve));
    void run();
    await new Promise((resolve) => setImmediate(resolve));
    this.#waiting = 0;
    return this.flushed - before;
  }
}

/** Two calls with a turn of the microtask queue between them. */
async function twoTurns(program: Program): Promise<void> {
  program.call();
  await Promise.resolve();
  program.call();
}

describe("a lone call", () => {
  test("does not wait for the end of the tick", async () => {
    const program = new Program();
    let flushedBefore = -1;
    await program.inTick(() => {
      process.nextTick(() => (flushedBefore = program.flushed));
      program.call();
    });
    expect(flushedBefore).toBe(1);
  });

  test("waits for calls that come soon behind it", async () => {
    const program = new Program();
    for (let i = 0; i < 31; i++) expect(await program.inTick(() => program.call())).toBe(1);
    expect(await program.inTick(() => twoTurns(program))).toBe(1);
  });

  test("does not when many before it were alone, and does again when one was not", async () => {
    const program = new Program();
    for (let i = 0; i < 32; i++) await program.inTick(() => program.call());
    expect(await program.inTick(() => twoTurns(program))).toBe(2);
    expect(await program.inTick(() => twoTurns(program))).toBe(1);
  });

  test("leaves with the other calls of the code that makes it, however many before it were alone", async () => {
    const program = new Program();
    for (let i = 0; i < 100; i++) await program.inTick(() => program.call());
    const both = () => {
      program.call();
      program.call();
    };
    expect(await program.inTick(both)).toBe(1);
  });
});

test("what comes long after a lone call, in the same tick, leaves in a second flush", async () => {
  const program = async (write: () => void) => {
    write();
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    write();
  };
  expect(await flushes(program)).toEqual([1, 1]);
});

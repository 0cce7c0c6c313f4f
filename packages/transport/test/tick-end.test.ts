import { AsyncLocalStorage } from "node:async_hooks";
import { once } from "node:events";
import net from "node:net";
import { describe, expect, test } from "vitest";
import { TickEnd } from "../src/tick-end.ts";

/** Where a tick begins: in a callback that is itself on the queue of `process.nextTick`, or not. */
const beginnings: Record<string, (run: () => void) => unknown> = {
  "the check phase": (run: () => void) => setImmediate(run),
  "a timer": (run: () => void) => setTimeout(run, 0),
  "process.nextTick": (run: () => void) => process.nextTick(run),
  "a microtask": (run: () => void) => queueMicrotask(run),
};

const own = (process as unknown as { _tickCallback?: () => void })._tickCallback;

/** Calls, and what was called before each flush. */
class Program {
  readonly flushes: number[] = [];
  #calls = 0;
  #isScheduled = false;
  readonly tickEnd: TickEnd;

  constructor(emptyQueues: (() => void) | null | undefined = own) {
    this.tickEnd = new TickEnd(() => {
      this.#isScheduled = false;
      this.flushes.push(this.#calls);
      this.#calls = 0;
    }, emptyQueues);
  }

  readonly call = (): void => {
    this.#calls++;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.tickEnd.schedule();
  };

  /** Runs `body` in a tick of its own. @returns what its calls took */
  async run(
    body: (call: () => void) => unknown,
    begin: (run: () => void) => unknown = setImmediate,
  ): Promise<number[]> {
    await new Promise<void>((resolve) => {
      begin(() => {
        void body(this.call);
        setImmediate(resolve);
      });
    });
    return this.flushes.splice(0);
  }
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve!: () => void;
  const promise = new Promise<void>((settle) => (resolve = settle));
  return { promise, resolve };
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
}

/** Of each, how many calls it makes. */
const bodies: [name: string, calls: number, body: (call: () => void) => unknown][] = [
  ["one call", 1, (call) => call()],
  [
    "calls in a row",
    64,
    (call) => {
      for (let i = 0; i < 64; i++) call();
    },
  ],
  [
    "calls behind promises that end together",
    64,
    (call) => {
      for (let i = 0; i < 64; i++) void Promise.resolve().then(call);
    },
  ],
  [
    "calls any number of turns behind each other",
    100,
    async (call) => {
      for (let i = 0; i < 100; i++) {
        call();
        await turns(i);
      }
    },
  ],
  [
    "calls from functions within functions",
    30,
    (call) => {
      const inner = async () => {
        await Promise.resolve();
        call();
      };
      const outer = async () => {
        call();
        await inner();
        call();
      };
      for (let i = 0; i < 10; i++) void outer();
    },
  ],
  [
    "a call far behind a lone one",
    2,
    async (call) => {
      call();
      await turns(1000);
      call();
    },
  ],
];

/** What only the runtime itself can wait for. */
const deepBodies: typeof bodies = [
  [
    "calls behind process.nextTick, behind promises, behind process.nextTick",
    3,
    (call) => {
      call();
      process.nextTick(() => {
        void turns(3).then(() => {
          call();
          process.nextTick(() => {
            void turns(3).then(call);
          });
        });
      });
    },
  ],
  [
    "a call behind ten of process.nextTick within each other",
    2,
    (call) => {
      call();
      const deeper = (depth: number): void => {
        if (depth === 0) call();
        else process.nextTick(deeper, depth - 1);
      };
      deeper(10);
    },
  ],
];

describe.each(Object.entries(beginnings))("one flush per tick, begun in %s,", (_name, begin) => {
  test.each([...bodies, ...deepBodies])("for %s", async (_what, calls, body) => {
    expect(await new Program().run(body, begin)).toEqual([calls]);
  });

  test.each(bodies)("for %s, where the runtime can't empty its queues", async (_what, calls, body) => {
    expect(await new Program(null).run(body, begin)).toEqual([calls]);
  });
});

test("each tick has a flush of its own", async () => {
  const program = new Program();
  for (let i = 0; i < 50; i++) {
    expect(await program.run((call) => call())).toEqual([1]);
    expect(await program.run(() => undefined)).toEqual([]);
  }
});

describe("a read that gives out answers", () => {
  /** Bytes arrive; `onRead` is called as sockets call it. */
  async function inRead(onRead: () => void): Promise<void> {
    const server = net.createServer((socket) => socket.end("x")).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as net.AddressInfo;
    const socket = net.connect({
      port,
      host: "127.0.0.1",
      onread: {
        buffer: Buffer.alloc(16),
        callback: () => {
          onRead();
          return true;
        },
      },
    });
    await once(socket, "close");
    server.close();
    await once(server, "close");
  }

  test("runs what waits for them before it ends, and what that calls leaves in one flush", async () => {
    const program = new Program();
    const answers = Array.from({ length: 10 }, deferred);
    for (const [index, { promise }] of answers.entries()) {
      void promise.then(() => turns(index)).then(program.call);
    }
    const seen: number[][] = [];
    await inRead(() => {
      for (const { resolve } of answers) resolve();
      program.tickEnd.finish();
      seen.push([...program.flushes]);
    });
    expect(seen).toEqual([[10]]);
    expect(program.flushes).toEqual([10]);
  });

  test("flushes for all who share the tick", async () => {
    const [one, other] = [new Program(), new Program()];
    const seen: number[][] = [];
    await inRead(() => {
      void turns(3).then(one.call);
      void turns(5).then(other.call);
      one.tickEnd.finish();
      seen.push([...one.flushes], [...other.flushes]);
    });
    expect(seen).toEqual([[1], [1]]);
  });

  test("keeps the context of those who wait", async () => {
    const storage = new AsyncLocalStorage<string>();
    const program = new Program();
    const { promise, resolve } = deferred();
    const seen: (string | undefined)[] = [];
    storage.run("mine", () => {
      void promise.then(() => {
        seen.push(storage.getStore());
        process.nextTick(() => seen.push(storage.getStore()));
      });
    });
    await inRead(() => {
      storage.run("of the read", () => {
        resolve();
        program.tickEnd.finish();
        seen.push(storage.getStore());
      });
    });
    expect(seen).toEqual(["mine", "mine", "of the read"]);
  });

  test("does nothing where the runtime can't empty its queues", async () => {
    const program = new Program(null);
    let flushedInRead = -1;
    await inRead(() => {
      void turns(1).then(program.call);
      program.tickEnd.finish();
      flushedInRead = program.flushes.length;
    });
    expect(flushedInRead).toBe(0);
    expect(program.flushes).toEqual([1]);
  });
});

test("what a callback throws goes on, and the flush takes place all the same", () => {
  const defect = new Error("thrown in a callback");
  const program = new Program(() => {
    program.call();
    throw defect;
  });
  expect(() => program.tickEnd.finish()).toThrow(defect);
  expect(program.flushes).toEqual([1]);
  // And the next tick is as any other.
  expect(() => program.tickEnd.finish()).toThrow(defect);
  expect(program.flushes).toEqual([1, 1]);
});

// Every mutating command tells its effects, and the effects applied to a second server make the same content.

import { Command, commands } from "@marugoto/protocol";
import { describe, expect, test } from "vitest";
import { MutationKind, type AppliedMutation, type Mutation, type Server } from "../src/index.ts";
import { harness, type Harness } from "./support.ts";

function copyOf(mutation: Mutation, { store }: Server): AppliedMutation {
  const key = Buffer.from(mutation.key.subarray(mutation.keyStart, mutation.keyEnd));
  const { kind, item } = mutation;
  if (kind === MutationKind.flush) return { kind, flushAt: mutation.flushAt };
  if (kind === MutationKind.remove) return { kind, key };
  if (kind === MutationKind.touch) return { kind, key, expiry: store.expiry(item) };
  const value = Buffer.alloc(store.valueBytes(item));
  store.copyValue(item, value, 0);
  return {
    kind,
    key,
    flags: store.flags(item),
    expiry: store.expiry(item),
    casHigh: store.casHigh(item),
    casLow: store.casLow(item),
    stale: store.isStale(item),
    winSent: store.isWinSent(item),
    value,
  };
}

interface Pair {
  readonly master: Harness;
  readonly replica: Harness;
  readonly kinds: MutationKind[];
}

function pair(): Pair {
  const replica = harness();
  const kinds: MutationKind[] = [];
  const master: Harness = harness(
    {},
    {
      onMutation(mutation) {
        kinds.push(mutation.kind);
        replica.server.applyMutation(copyOf(mutation, master.server));
      },
    },
  );
  return { master, replica, kinds };
}

/** All that a client can see of a key, but for what only reading changes. */
const look = ({ ask }: Harness, key: string) => ask(`mg ${key} v t f c k\r\n`);

const { put, remove, touch, flush } = MutationKind;

/** One or more lines per mutating command, on `k` = "5" with flags 9. */
const lines: Record<string, readonly (readonly [line: string, kinds: MutationKind[]])[]> = {
  gat: [["gat 50 k none", [touch]]],
  gats: [["gats 50 k", [touch]]],
  set: [
    ["set k 1 0 1\r\nx", [put]],
    [`set k 1 0 2000000\r\n${"x".repeat(2_000_000)}`, [remove]],
    [`set k 1 0 30000\r\n${"x".repeat(30_000)}`, [put]],
  ],
  add: [
    ["add new 1 0 1\r\nx", [put]],
    ["add k 1 0 1\r\nx", []],
  ],
  replace: [
    ["replace k 1 0 1\r\nx", [put]],
    ["replace new 1 0 1\r\nx", []],
  ],
  append: [["append k 0 0 1\r\nx", [put]]],
  prepend: [["prepend k 0 0 1\r\nx", [put]]],
  cas: [
    ["cas k 3 0 1 1\r\nx", [put]],
    ["cas k 3 0 1 77\r\nx", []],
  ],
  delete: [
    ["delete k", [remove]],
    ["delete none", []],
  ],
  incr: [
    ["incr k 5", [put]],
    ["incr k 1000", [put]],
  ],
  decr: [["decr k 1", [put]]],
  touch: [["touch k 40", [touch]]],
  metaGet: [
    ["mg k v", []],
    ["mg k T30", [touch]],
    ["mg new N30", [put]],
    ["mg k T20 R30", [put]],
  ],
  metaSet: [
    ["ms k 1 T30 F3\r\nx", [put]],
    ["ms k 1 MA\r\nx", [put]],
    ["ms k 1 C0 I\r\nx", []],
    ["ms k 1 E500\r\nx", [put]],
  ],
  metaDelete: [
    ["md k", [remove]],
    ["md k I T30", [put]],
    ["md k x", [put]],
  ],
  metaArithmetic: [
    ["ma k D3", [put]],
    ["ma new N30 J7", [put]],
  ],
  flushAll: [
    ["flush_all", [flush]],
    ["flush_all 10", [flush]],
  ],
};

describe("effects", () => {
  test("there is a line for every mutating command of the table", () => {
    const mutating = commands.filter((command) => command.mutating).map((command) => command.name);
    expect(Object.keys(lines).sort()).toEqual([...mutating].sort());
    expect(Command.set).toBeDefined();
  });

  for (const [name, cases] of Object.entries(lines)) {
    test.each(cases.map(([line, kinds]) => ({ line, kinds })))(`${name}: $line`, ({ line, kinds }) => {
      const both = pair();
      both.master.ask("set k 9 0 1\r\n5\r\n");
      both.kinds.length = 0;
      both.master.ask(`${line}\r\n`);
      expect(both.kinds).toEqual(kinds);
      for (const key of ["k", "new"]) expect(look(both.replica, key)).toBe(look(both.master, key));
      for (const { clock } of [both.master, both.replica]) clock.seconds += 10;
      for (const key of ["k", "new"]) expect(look(both.replica, key)).toBe(look(both.master, key));
    });
  }

  test("marks of stale and won items are copied", () => {
    const { master, replica } = pair();
    master.ask("set k 9 0 1\r\n5\r\nmd k I\r\n");
    expect(replica.ask("mg k v\r\n")).toBe("VA 1 W X\r\n5\r\n".replace(" W X", " X W"));
    master.ask("mg k v\r\n");
    master.ask("touch k 100\r\n");
    expect(replica.ask("mg k v\r\n")).toBe("VA 1 Z X\r\n5\r\n");
  });

  test("applying tells no effect of its own", () => {
    const told: number[] = [];
    const { server } = harness({}, { onMutation: ({ kind }) => told.push(kind) });
    server.applyMutation({ kind: MutationKind.remove, key: Buffer.from("k") });
    expect(told).toEqual([]);
  });

  test("a value that finds no room takes the older one with it", () => {
    const { server, ask } = harness({ evict: false, memoryBytes: 2 * 1024 * 1024 });
    ask("set k 0 0 1\r\n1\r\n");
    let stored = true;
    const value = Buffer.alloc(50_000);
    const base = {
      kind: put,
      flags: 0,
      expiry: 0,
      casHigh: 0,
      casLow: 1,
      stale: false,
      winSent: false,
      value,
    } as const;
    for (let i = 0; i < 100 && stored; i++) stored = server.applyMutation({ ...base, key: Buffer.from(`f${i}`) });
    expect(stored).toBe(false);
    expect(server.applyMutation({ ...base, key: Buffer.from("k") })).toBe(false);
    expect(ask("get k\r\n")).toBe("END\r\n");
  });
});

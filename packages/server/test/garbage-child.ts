// What garbage.test.ts runs: warms a session up, then counts collections and heap growth over a million hot commands.

import { PerformanceObserver } from "node:perf_hooks";
import { createServer, type Session, type Transport } from "../src/index.ts";

const transport: Transport = {
  remote: "",
  local: "",
  isRemote: false,
  waiting: 0,
  write: () => true,
  writePieces: () => true,
  pause: () => undefined,
  resume: () => undefined,
  end: () => undefined,
  destroy: () => undefined,
};

const clock = { seconds: 2, startedAtUnix: 1_000_000_000 };
const server = createServer({ clock, hashSeed: 1, memoryBytes: 64 * 1024 * 1024, requestsPerEvent: 1_000_000 });
const session = server.accept(transport) as Session;

const batches: string[] = [];
let commandsPerRound = 0;
for (let batch = 0; batch < 100; batch++) {
  const lines: string[] = [];
  for (let i = 0; i < 12; i++) {
    const key = `key:${String(batch * 12 + i).padStart(8, "0")}`;
    lines.push(
      `set ${key} 7 0 32\r\n${"v".repeat(32)}\r\n`,
      `set n${key} 0 100 8\r\n10000000\r\n`,
      `get ${key}\r\n`,
      `get missing${key}\r\n`,
      `gets ${key} n${key} missing${key}\r\n`,
      `incr n${key} 3\r\n`,
      `decr n${key} 1\r\n`,
      `touch ${key} 3600\r\n`,
      `mg ${key} v f t c k O123\r\n`,
      `mg missing${key} v\r\n`,
      `ms ${key} 4 T60 F5 c\r\nabcd\r\n`,
      `delete n${key}\r\n`,
    );
  }
  commandsPerRound += lines.length;
  batches.push(lines.join(""));
}

// One buffer, as the transport reads into one.
const bytes = Buffer.from(batches.join(""));
const ends = batches.map((_, i) => Buffer.byteLength(batches.slice(0, i + 1).join("")));

function round(): void {
  for (let i = 0, start = 0; i < ends.length; i++) {
    session.onBytes(bytes, start, ends[i]!);
    start = ends[i]!;
  }
}

const WARM_UP = 60;
const ROUNDS = 70;
for (let i = 0; i < WARM_UP; i++) round();
// What runs once per read needs as many calls to be compiled as what runs once per command.
const small = Buffer.from("get key:00000001\r\nset key:00000001 0 0 1\r\n1\r\n");
for (let i = 0; i < 100_000; i++) session.onBytes(small, 0, small.length);

let collections = 0;
const observer = new PerformanceObserver((list) => {
  collections += list.getEntries().length;
});

// Tiers up what warming up has scheduled, and settles the heap before the count.
setTimeout(() => {
  round();
  globalThis.gc?.();
  setTimeout(() => {
    observer.observe({ entryTypes: ["gc"] });
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < ROUNDS; i++) round();
    const heapBytes = process.memoryUsage().heapUsed - before;
    setTimeout(() => {
      console.log(JSON.stringify({ commands: ROUNDS * commandsPerRound, collections, heapBytes }));
    }, 50);
  }, 50);
}, 200);

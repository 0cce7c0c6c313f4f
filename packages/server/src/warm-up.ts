// Runs the hot commands against a small store of its own right after the start, so that the engine has compiled them
// (and has its memory for that) before clients come: the first thousand requests are then as quick as the millionth,
// and what the process grows by later is the clients' data. Goes in slices of a few milliseconds between real events.

import { TypedEvents } from "@marugoto/core";
import { createStore } from "@marugoto/storage";
import { defaults } from "./options.ts";
import { ServerCore } from "./server-core.ts";
import { Session } from "./session.ts";
import type { Transport } from "./transport/transport.ts";

const STORE_BYTES = 2 * 1024 * 1024;
const MAX_ITEM_BYTES = 512 * 1024;
const KEYS = 64;
/** Rounds over all keys: enough for the optimising compiler to take up every hot function; some 0.15 s of CPU time. */
const ROUNDS = 40;
/** A slice ends after this many milliseconds. */
const SLICE_MS = 4;

/** Swallows what it is given. */
const nowhere: Transport = {
  remote: "",
  local: "",
  isRemote: false,
  waiting: 0,
  write: () => true,
  writePieces: (_, done) => {
    done();
    return true;
  },
  pause: () => undefined,
  resume: () => undefined,
  end: () => undefined,
  destroy: () => undefined,
};

function script(): Buffer[] {
  const batches: Buffer[] = [];
  for (let i = 0; i < KEYS; i++) {
    const key = `warm:${i}`;
    const value = "x".repeat(1 + ((i * 331) % 1500));
    const lines = [
      `set ${key} 1 0 ${value.length}\r\n${value}\r\n`,
      `get ${key}\r\nget none:${i}\r\ngets ${key}\r\n`,
      `get ${key} none:${i} ${key}\r\n`,
      `set n${key} 0 100 2\r\n10\r\nincr n${key} 5\r\ndecr n${key} 1\r\ntouch n${key} 50\r\ndelete n${key}\r\n`,
      `ms ${key} ${value.length} T60 F1 c\r\n${value}\r\nmg ${key} v f t c\r\nmg none v\r\nma n${key} N0 J1 v\r\nmd n${key}\r\n`,
      `add ${key} 0 0 1\r\n1\r\nreplace ${key} 0 0 1\r\n1\r\nappend ${key} 0 0 1\r\n2\r\n`,
    ];
    batches.push(Buffer.from(lines.join("")));
  }
  return batches;
}

/**
 * Warms up. Resolves when done, or early when `isWanted` says no.
 *
 * @param isWanted asked before each slice
 */
export async function warmUp(isWanted: () => boolean): Promise<void> {
  const clock = { seconds: 2, startedAtUnix: 1 };
  const store = createStore({ maxBytes: STORE_BYTES, maxItemBytes: MAX_ITEM_BYTES, clock });
  const options = { ...defaults, memoryBytes: STORE_BYTES, maxItemBytes: MAX_ITEM_BYTES };
  const core = new ServerCore({ options, store, clock, events: new TypedEvents(), hooks: {} });
  const session = new Session(core, nowhere, 0);
  const batches = script();
  let next = 0;
  while (next < ROUNDS * KEYS) {
    if (!isWanted()) return;
    const until = performance.now() + SLICE_MS;
    while (next < ROUNDS * KEYS && performance.now() < until) {
      const batch = batches[next++ % KEYS]!;
      session.onBytes(batch, 0, batch.length);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

// The commands whose echo on the replication wire is compared: sent one by one to a master (or, where said, a slave)
// that begins empty. `{+n}` in a recorded line stands for the Unix time n seconds after the command.

import { setTimeout as sleep } from "node:timers/promises";
import type { TestConnection } from "@marugoto/testing";

export interface WireStep {
  /** What the client sends, without the last line end. */
  readonly client: string;
}

export interface RecordedStep extends WireStep {
  /** What the client is answered. */
  readonly answer: string;
  /** What goes over the link, latin1; "" = nothing. */
  readonly wire: string;
}

export interface WireRecording {
  readonly oracle: string;
  readonly command: string;
  /** The link of an empty master, before any command. */
  readonly attach: string;
  /** Commands to the master. */
  readonly master: readonly RecordedStep[];
  /** The same content, copied to a slave that attaches now: records in the order of their keys. */
  readonly copy: readonly string[];
  /** Commands to a slave that has attached to an empty master. */
  readonly slave: readonly RecordedStep[];
}

export const masterSteps: readonly string[] = [
  "set a 5 0 3\r\nabc",
  "set b 0 100 1\r\nx",
  "set neg 0 -1 1\r\nx",
  "set c 4294967295 2592001 1\r\nx",
  "set f 4294967295 0 1\r\nf",
  "add a 0 0 1\r\nz",
  "replace a 6 0 2\r\nzz",
  "append a 0 0 2\r\nyy",
  "prepend a 0 0 2\r\nxx",
  "set n 0 0 2\r\n10",
  "incr n 5",
  "decr n 8",
  "incr missing 1",
  "touch a 50",
  "touch missing 50",
  "set d 0 0 1\r\nd",
  "delete d",
  "delete d",
  "set a 9 0 2 noreply\r\nCC",
  "incr n 1 noreply",
  "touch a 60 noreply",
  "delete b noreply",
  "set empty 0 0 0\r\n",
  "set bin 0 0 6\r\n\0\r\n\xff\xfez",
  "get a",
  "gets a empty",
  "flush_all 60",
  "flush_all",
  "set after 1 0 2\r\nok",
];

/** What the master holds when a slave attaches late. */
export const copySteps: readonly string[] = [
  "set bin 0 0 6\r\n\0\r\n\xff\xfez",
  "set k1 0 0 2\r\nv1",
  "set k2 2 1000 2\r\nv2",
  "set gone 0 0 1\r\ng",
  "delete gone",
];

export const slaveSteps: readonly string[] = [
  "set fromslave 3 0 2\r\nhi",
  "append fromslave 0 0 1\r\n!",
  "delete fromslave",
  "flush_all",
];

/** The link is quiet for so long after a command: all that it caused has come. Milliseconds. */
const QUIET_MS = 150;

/** Runs commands over `client` and takes down what comes over `link`. */
export async function runSteps(
  steps: readonly string[],
  client: TestConnection,
  link: TestConnection,
): Promise<RecordedStep[]> {
  const recorded: RecordedStep[] = [];
  for (const step of steps) {
    const now = Math.floor(Date.now() / 1000);
    client.send(`${step}\r\n`);
    // A command without an answer is followed by one that has one and changes nothing.
    client.send("version\r\n");
    const answer = (await client.readUntil(/VERSION .*\r\n/)).replace(/VERSION .*\r\n/, "");
    recorded.push({ client: step, answer, wire: relativeTimes(await settled(link), now) });
  }
  return recorded;
}

/** What has come and not been read, once nothing more comes. */
export async function settled(link: TestConnection): Promise<string> {
  for (let before = -1; before !== link.arrivedBytes;) {
    before = link.arrivedBytes;
    await sleep(QUIET_MS);
  }
  return (await link.read(link.arrivedBytes)).toString("latin1");
}

/** A number this far from the present is no time that a test has set, but flags. */
const FAR_SECONDS = 10_000_000;

/** Puts `{+n}` for Unix times, which no two runs share; the whole ten seconds are what a test sets. */
export function relativeTimes(wire: string, now: number): string {
  return wire.replace(/ (\d{10})(?= |\r)/g, (text, digits: string) => {
    const seconds = Number(digits) - now;
    const rounded = Math.round(seconds / 10) * 10;
    return Math.abs(seconds) < FAR_SECONDS && Math.abs(seconds - rounded) <= 2 ? ` {+${rounded}}` : text;
  });
}

/** The records of a copy, in the order of their keys: a copy comes in the order of the sender's hash table. */
export function recordsOf(wire: string): string[] {
  const records: string[] = [];
  for (let at = 0; at < wire.length;) {
    const line = wire.slice(at, wire.indexOf("\n", at) + 1);
    const bytes = line.startsWith("rep ") ? Number(line.split(" ")[4]) + 2 : 0;
    records.push(wire.slice(at, at + line.length + bytes));
    at += line.length + bytes;
  }
  const end = records.pop() ?? "";
  return [...records.sort(), end];
}

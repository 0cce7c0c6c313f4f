// Fuzz of one server: random and damaged bytes over many connections for a time. Nothing is compared; the process must
// live, answer a clean connection at any moment, and not grow.

import { readFileSync } from "node:fs";
import { CacheError } from "@marugoto/core";
import { freshSeed, seededRandom, within, type Random, type TestConnection } from "@marugoto/testing";
import type { Target } from "../target.ts";
import { Grammar } from "./grammar.ts";
import { mutate } from "./mutate.ts";
import { closeUnit } from "./unit.ts";

export interface ServerFuzzOptions {
  /** Connections at a time. Default 50. */
  readonly connections?: number;
  /** Default 60 seconds. */
  readonly forMs?: number;
  /** RSS is taken as the base after this part of the time. Default 0.25. */
  readonly warmUp?: number;
  readonly seed?: number;
  /** Called about once a second. */
  readonly onProgress?: (state: ServerFuzzState) => void;
}

export interface ServerFuzzState {
  readonly seconds: number;
  readonly bytesSent: number;
  readonly connectionsOpened: number;
  /** Bytes of resident memory; undefined for a server that was not started here, and where /proc is not. */
  readonly rssBytes: number | undefined;
}

export interface ServerFuzzResult extends ServerFuzzState {
  readonly seed: number;
  /** RSS after the warm-up. */
  readonly warmRssBytes: number | undefined;
  /** The largest RSS after the warm-up. */
  readonly peakRssBytes: number | undefined;
  /** Milliseconds that a clean connection waited for its answers at most. */
  readonly slowestAnswerMs: number;
}

/** Milliseconds in which a clean connection must be answered. */
const ANSWER_MS = 5000;

/** Fuzzes `target`. @throws CacheError with the seed when it dies or does not answer */
export async function fuzzServer(target: Target, options: ServerFuzzOptions = {}): Promise<ServerFuzzResult> {
  const { connections = 50, forMs = 60_000, warmUp = 0.25, seed = freshSeed() } = options;
  const random = seededRandom(seed);
  const started = performance.now();
  const ends = started + forMs;
  let bytesSent = 0;
  let connectionsOpened = 0;
  let warmRssBytes: number | undefined;
  let peakRssBytes: number | undefined;
  let slowestAnswerMs = 0;
  let failure: unknown;
  const over = () => failure !== undefined || performance.now() >= ends;

  const attack = async (own: Random) => {
    while (!over()) {
      const connection = await target.connect();
      connectionsOpened++;
      try {
        bytesSent += await abuse(connection, own, over);
      } finally {
        await connection.close();
      }
    }
  };
  const watch = async () => {
    while (!over()) {
      slowestAnswerMs = Math.max(slowestAnswerMs, await askCleanly(target));
      const rssBytes = rssOf(target);
      if (performance.now() >= started + forMs * warmUp) {
        warmRssBytes ??= rssBytes;
        peakRssBytes = rssBytes === undefined ? undefined : Math.max(peakRssBytes ?? 0, rssBytes);
      }
      options.onProgress?.(state());
      await new Promise((resolve) => setTimeout(resolve, Math.min(1000, Math.max(0, ends - performance.now()))));
    }
  };
  const state = (): ServerFuzzState => ({
    seconds: (performance.now() - started) / 1000,
    bytesSent,
    connectionsOpened,
    rssBytes: rssOf(target),
  });
  const guarded = async (work: Promise<void>) => {
    await work.catch((error: unknown) => {
      failure ??= error;
    });
  };

  await Promise.all([watch(), ...Array.from({ length: connections }, () => attack(random.fork()))].map(guarded));
  const dead = target.obituary();
  if (dead !== undefined || failure !== undefined) {
    const why = dead ?? (failure instanceof Error ? failure.message : String(failure));
    throw new CacheError("connection_lost", `${target.name}, fuzzed with seed ${seed}: ${why}`, { cause: failure });
  }
  await askCleanly(target);
  return { ...state(), seed, warmRssBytes, peakRssBytes, slowestAnswerMs };
}

/** Some hundred pieces of abuse over one connection, or less if the server hangs up. Returns the bytes sent. */
async function abuse(connection: TestConnection, random: Random, over: () => boolean): Promise<number> {
  const grammar = new Grammar(random);
  let sent = 0;
  for (let left = random.between(1, 300); left > 0 && !connection.ended && !over(); left--) {
    const bytes = piece(grammar, random);
    sent += bytes.length;
    connection.send(bytes);
    if (random.chance(0.1)) await new Promise((resolve) => setImmediate(resolve));
    // One in fifty never reads, until its window is full and it is given up.
    if (!random.chance(0.02)) await drain(connection);
  }
  if (random.chance(0.3)) connection.finish();
  return sent;
}

function piece(grammar: Grammar, random: Random): Buffer {
  const roll = random.next();
  if (roll < 0.15) return random.bytes(random.between(1, 3000));
  if (roll < 0.2) return Buffer.from("\x80".padEnd(24, String.fromCharCode(random.int(256))), "latin1");
  const request = grammar.request();
  const text = closeUnit(roll < 0.6 ? request : mutate(request, random), () => undefined);
  // These would end or mute the server by right.
  if (/shutdown|verbosity|cache_memlimit/i.test(text)) return Buffer.from("mn\r\n");
  return Buffer.from(roll < 0.25 ? text.slice(0, random.int(text.length + 1)) : text, "latin1");
}

/** Waits until what was written has left, and throws away what has come. */
async function drain(connection: TestConnection): Promise<void> {
  if (connection.socket.writableLength > 256 * 1024) await connection.activity(20);
  if (connection.arrivedBytes > 0) await connection.read(connection.arrivedBytes);
}

/** Asks on a connection of its own; returns the milliseconds it took. */
async function askCleanly(target: Target): Promise<number> {
  const began = performance.now();
  const connection = await target.connect();
  try {
    connection.send("version\r\nmn\r\nget no-such-key\r\n");
    await within(ANSWER_MS, connection.readUntil(/^VERSION [^\r\n]+\r\nMN\r\nEND\r\n$/, ANSWER_MS), "no answer");
    return performance.now() - began;
  } finally {
    await connection.close();
  }
}

function rssOf(target: Target): number | undefined {
  if (target.pid === undefined || process.platform !== "linux") return undefined;
  const status = target.obituary() === undefined ? readFileSync(`/proc/${target.pid}/status`, "utf8") : "";
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}

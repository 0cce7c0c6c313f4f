// A proxy in chaos: its servers stall, vanish, answer garbage and come back in the middle of requests, while clients write
// and read. Every value names its key and how often the key had been written; each key has one client that writes it. The
// length is the caller's choice: a test makes it short, a soak long.

import { setTimeout as sleep } from "node:timers/promises";
import { Cleanup, connect, seededRandom, type FaultProxy, type Random, type TestConnection } from "@marugoto/testing";
import type { FailoverConfig } from "../../src/config/types.ts";
import { named, startFaultyServer, startProxy, startServer, type FaultyServer } from "./bench.ts";

const CLIENTS = 20;
const KEYS_PER_CLIENT = 20;
/** Between two mischiefs, in ms. */
const MISCHIEF_MS = 20;
const REQUEST_MS = 400;

export interface ChaosResult {
  requests: number;
  hits: number;
  misses: number;
  /** Writes that were acknowledged. */
  stored: number;
  /** Requests that were answered with an error. */
  errors: number;
  /** What was wrong, in words. */
  wrong: string[];
  mischiefs: number;
  /** Times a server was put out of use. */
  outages: number;
  /** Of this process when half was done and at the end, after a collection where that can be asked for, in bytes. */
  memory: { half: number; end: number };
}

export interface ChaosOptions {
  readonly requests: number;
  readonly seed: number;
  readonly mode: FailoverConfig["mode"];
  /**
   * Servers also give answers that nobody asked for and that could be true. Then a write may seem to be acknowledged that
   * never was done, and a value that is older than it is nobody's fault; that of another key still is.
   */
  readonly lies: boolean;
}

/** Runs requests through a proxy whose servers misbehave. */
export async function runProxyChaos(
  { requests, seed, mode, lies }: ChaosOptions,
  onProgress: (result: Readonly<ChaosResult>) => void = () => undefined,
): Promise<ChaosResult> {
  const opened = new Cleanup();
  const result: ChaosResult = {
    requests: 0,
    hits: 0,
    misses: 0,
    stored: 0,
    errors: 0,
    wrong: [],
    mischiefs: 0,
    outages: 0,
    memory: { half: 0, end: 0 },
  };
  try {
    const random = seededRandom(seed);
    const servers: FaultyServer[] = [];
    for (let i = 0; i < 3; i++) servers.push(await startFaultyServer(opened));
    const gutter = mode === "gutter" ? [(await startServer(opened)).port] : [];
    const { proxy, port } = await startProxy(opened, named(...servers.map(({ fault }) => fault.port)), {
      failover: { mode, failureLimit: 2, retryMs: 200 },
      timeouts: { connectMs: REQUEST_MS, requestMs: REQUEST_MS, idleMs: Infinity },
      rejoin: { policy: "fence", fencedKeys: 1_000_000, warmMs: 1000 },
      ...(mode === "gutter" ? { gutter: { servers: named(...gutter), ttlSec: 300 } } : {}),
    });
    proxy.events.on("serverOut", () => result.outages++);
    proxy.events.on("error", ({ what, error }) => result.wrong.push(`${what}: ${String(error)}`));
    const done = { isDone: false };
    const mischief = makeMischief(servers, random, lies ? [...GARBAGE, ...LIES] : GARBAGE, done, result);
    const share = Math.ceil(requests / CLIENTS);
    await Promise.all(
      Array.from({ length: CLIENTS }, async (_, id) => {
        const asked = opened.add(await connect(port));
        await new Talker(asked, id, seededRandom(seed + 1 + id), result, { requests, lies }, onProgress).talk(share);
      }),
    );
    done.isDone = true;
    await mischief;
    result.memory.end = memoryNow();
  } finally {
    await opened.run();
  }
  return result;
}

/** One client: it writes keys of its own and reads everybody's. */
class Talker {
  readonly #asked: TestConnection;
  readonly #id: number;
  readonly #random: Random;
  readonly #result: ChaosResult;
  readonly #requests: number;
  readonly #lies: boolean;
  readonly #onProgress: (result: Readonly<ChaosResult>) => void;
  /** Per key of its own: how often it was written, and the last of these that was acknowledged. */
  readonly #written = new Int32Array(KEYS_PER_CLIENT);
  readonly #known = new Int32Array(KEYS_PER_CLIENT);

  constructor(
    asked: TestConnection,
    id: number,
    random: Random,
    result: ChaosResult,
    { requests, lies }: { readonly requests: number; readonly lies: boolean },
    onProgress: (result: Readonly<ChaosResult>) => void,
  ) {
    this.#asked = asked;
    this.#id = id;
    this.#random = random;
    this.#result = result;
    this.#requests = requests;
    this.#lies = lies;
    this.#onProgress = onProgress;
  }

  async talk(requests: number): Promise<void> {
    const result = this.#result;
    for (let i = 0; i < requests;) {
      const dice = this.#random.next();
      if (dice < 0.3) await this.#write();
      else if (dice < 0.35) await this.#remove();
      else if (dice < 0.8) await this.#read(1);
      else await this.#read(5);
      i++;
      result.requests++;
      if (result.requests === Math.floor(this.#requests / 2)) result.memory.half = memoryNow();
      if (result.requests % 1000 === 0) this.#onProgress(result);
    }
  }

  async #write(): Promise<void> {
    const k = this.#random.int(KEYS_PER_CLIENT);
    const version = ++this.#written[k]!;
    const key = keyOf(this.#id, k);
    const value = `${key}/${version}/${"x".repeat(this.#random.int(40) === 0 ? 60_000 : this.#random.int(100))}`;
    const answer = await this.#ask(`set ${key} 0 0 ${value.length}\r\n${value}\r\n`, /^[^\n]*\n/);
    if (answer === "STORED\r\n") {
      this.#known[k] = version;
      this.#result.stored++;
    } else {
      this.#error(answer);
    }
  }

  async #remove(): Promise<void> {
    const k = this.#random.int(KEYS_PER_CLIENT);
    const answer = await this.#ask(`delete ${keyOf(this.#id, k)}\r\n`, /^[^\n]*\n/);
    // What was written before it must not be seen again.
    if (answer === "DELETED\r\n" || answer === "NOT_FOUND\r\n") this.#known[k] = this.#written[k]! + 1;
    else this.#error(answer);
    this.#written[k]!++;
  }

  async #read(count: number): Promise<void> {
    const isOwn = this.#random.int(2) === 0;
    const id = isOwn ? this.#id : this.#random.int(CLIENTS);
    const keys = Array.from({ length: count }, () => this.#random.int(KEYS_PER_CLIENT));
    const names = keys.map((k) => keyOf(id, k));
    const end = /^(?:(?:VALUE \S+ \d+ \d+\r\n[^\r]*\r\n)*END|[A-Z_]*ERROR[^\r\n]*)\r\n/;
    const answer = await this.#ask(`get ${names.join(" ")}\r\n`, end);
    if (!answer.endsWith("END\r\n")) {
      this.#error(answer);
      return;
    }
    let at = -1;
    for (const [, name = "", value = ""] of answer.matchAll(/VALUE (\S+) \d+ \d+\r\n([^\r]*)\r\n/g)) {
      const [key, version = "", padding = "-"] = value.split("/");
      at = names.indexOf(name, at + 1);
      if (at < 0) this.#wrong(`row of ${name}, asked for ${names.join(" ")}`);
      else if (key !== name) this.#wrong(`${name} has the value of ${key ?? ""}`);
      else if (/[^x]/.test(padding)) this.#wrong(`${name} has bytes of another value`);
      else if (!this.#lies && id === this.#id && Number(version) < this.#known[keys[at]!]!) {
        this.#wrong(`${name} is of version ${version}, last acknowledged was ${this.#known[keys[at]!]!}`);
      } else this.#result.hits++;
    }
    this.#result.misses += count - (answer.match(/^VALUE /gm)?.length ?? 0);
  }

  async #ask(request: string, end: RegExp): Promise<string> {
    this.#asked.send(request);
    return this.#asked.readUntil(end, 30_000);
  }

  #error(answer: string): void {
    if (answer.startsWith("SERVER_ERROR ")) this.#result.errors++;
    else this.#wrong(`answered ${JSON.stringify(answer.slice(0, 60))}`);
  }

  #wrong(what: string): void {
    if (this.#result.wrong.length < 20) this.#result.wrong.push(`client ${this.#id}: ${what}`);
  }
}

function keyOf(id: number, k: number): string {
  return `${(id * 31 + k) * 7919}-${id}-${k}`;
}

/** Does one thing after another to the servers until all is done; then lets them be. */
async function makeMischief(
  servers: readonly FaultyServer[],
  random: Random,
  garbage: readonly string[],
  done: { readonly isDone: boolean },
  result: ChaosResult,
): Promise<void> {
  const calm = new Map<FaultProxy, number>();
  while (!done.isDone) {
    await sleep(MISCHIEF_MS);
    const now = performance.now();
    for (const [fault, untilMs] of calm) {
      if (untilMs > now) continue;
      fault.heal();
      calm.delete(fault);
    }
    const { fault } = servers[random.int(servers.length)]!;
    if (calm.has(fault)) continue;
    result.mischiefs++;
    calm.set(fault, now + random.int(3) * 300);
    spoil(fault, random, garbage);
  }
  for (const { fault } of servers) fault.heal();
}

function spoil(fault: FaultProxy, random: Random, garbage: readonly string[]): void {
  switch (random.int(9)) {
    case 0:
      fault.up.stalled = true;
      break;
    case 1:
      fault.down.stalled = true;
      break;
    case 2:
      fault.refuse = true;
      fault.cut();
      break;
    case 3:
      fault.cut();
      break;
    case 4:
      // In the middle of an answer.
      fault.cutAfter("down", 1 + random.int(400));
      break;
    case 5:
      fault.cutAfter("up", 1 + random.int(400));
      break;
    case 6:
      fault.down.splitBytes = 1 + random.int(20);
      fault.up.splitBytes = 1 + random.int(20);
      break;
    case 7:
      fault.garbage("down", Buffer.from(random.pick(garbage), "latin1"));
      break;
    default:
      fault.down.delayMs = random.int(50);
  }
}

/** Some of it looks like answers: they must not be taken for those of the requests under way. */
const GARBAGE = [
  "\x00\x01\x02\xff\xfe",
  "HTTP/1.1 400 Bad Request\r\n\r\n",
  "VALUE nobodys 0 5\r\nwrong\r\nEND\r\n",
  "VALUE ",
  "VA 5\r\nwrong\r\n",
  "TOUCHED\r\n",
] as const;

const LIES = ["STORED\r\n", "END\r\n", "DELETED\r\n", "SERVER_ERROR out of memory\r\n"] as const;

function memoryNow(): number {
  globalThis.gc?.();
  return process.memoryUsage().rss;
}

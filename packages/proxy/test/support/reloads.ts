// Clients that ask a proxy all the while its configuration is changed under them. Each has keys of its own, pipelines a
// batch, and checks every answer: in its place, no error, its own value. Who changes the configuration, in this process or
// by a file, is the caller's.

import { connect, seededRandom, type Random, type TestConnection } from "@marugoto/testing";

/**
 * What changes: "settings" leaves every key where it is, so that a read must give the last write; "servers" moves keys
 * there and back, so that a read may miss or give an earlier value of the same key.
 */
export type ReloadKind = "settings" | "servers";

export interface ReloadOptions {
  readonly kind: ReloadKind;
  /** Where the pool that clients use listens. */
  readonly port: number;
  /** Ports of four servers; three of them are in the first configuration. */
  readonly servers: readonly number[];
  readonly reloads: number;
  readonly clients: number;
  readonly seed: number;
  /** Makes this text the configuration in force. */
  apply(config: string): Promise<void>;
  /** Told after each reload. */
  progress?(reloads: number, result: ReloadResult): void;
}

export interface ReloadResult {
  requests: number;
  /** Answers that were errors, not in their place, or of another key; connections that were closed. The first few. */
  readonly faults: string[];
  faultCount: number;
}

/** The pool of the test, before and after `number` changes. */
export function reloadConfig(kind: ReloadKind, number: number, servers: readonly number[]): string {
  const change = kind === "settings" ? settingsOf(number) : [];
  const members = kind === "settings" ? [0, 1, 2] : membersOf(number);
  const pool = [
    "pool:",
    "  listen: 127.0.0.1:0",
    "  placement: rendezvous",
    ...change.map((line) => `  ${line}`),
    "  servers:",
    ...members.map((i) => `   - 127.0.0.1:${servers[i]!}:1 s${i}`),
  ];
  // Another pool that comes and goes, on a port of its own.
  const guest = ["guest:", "  listen: 127.0.0.1:0", `  servers: ["127.0.0.1:${servers[3]!}"]`];
  return [...pool, ...(number % 3 === 1 ? guest : []), ""].join("\n");
}

function settingsOf(number: number): string[] {
  switch (number % 5) {
    case 1:
      return ["timeout: 4000"];
    case 2:
      return ["server_connections: 3", "timeouts: {request: 6s}"];
    case 3:
      return ["server_connections: 2", "limits: {server_bytes: 32m}"];
    case 4:
      return ["server_retry_timeout: 1000", "auto_eject_hosts: true"];
    default:
      return [];
  }
}

function membersOf(number: number): number[] {
  switch (number % 4) {
    case 1:
      return [0, 1, 2, 3];
    case 2:
      return [3, 1, 0];
    case 3:
      return [1, 2];
    default:
      return [0, 1, 2];
  }
}

/** Runs the clients while the configuration is changed `reloads` times. */
export async function reloadUnderLoad(options: ReloadOptions): Promise<ReloadResult> {
  const { kind, port, servers, reloads, clients, seed } = options;
  const result: ReloadResult = { requests: 0, faults: [], faultCount: 0 };
  const loads = await Promise.all(
    Array.from({ length: clients }, async (_, i) => new Load(await connect(port), i, seed + i, kind, result)),
  );
  const ended = loads.map((load) => load.run());
  try {
    for (let number = 1; number <= reloads; number++) {
      const before = result.requests;
      await options.apply(reloadConfig(kind, number, servers));
      // Some work under each configuration.
      while (result.requests < before + 20 * clients && result.faultCount === 0) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      options.progress?.(number, result);
    }
  } finally {
    for (const load of loads) load.stop();
    await Promise.all(ended);
  }
  return result;
}

const KEYS = 20;
const BATCH = 10;

interface Batch {
  readonly lines: readonly string[];
  /** Per line: what was wanted, when the answer is not that. */
  readonly checks: ((answer: string) => string | undefined)[];
}

class Load {
  readonly #connection: TestConnection;
  readonly #name: string;
  readonly #random: Random;
  readonly #isStrict: boolean;
  readonly #result: ReloadResult;
  /** The last version that was stored under each key; 0 = none. */
  readonly #versions = new Array<number>(KEYS).fill(0);
  #stopped = false;

  constructor(connection: TestConnection, number: number, seed: number, kind: ReloadKind, result: ReloadResult) {
    this.#connection = connection;
    this.#name = `c${number}`;
    this.#random = seededRandom(seed);
    this.#isStrict = kind === "settings";
    this.#result = result;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Asks until it is stopped or something is wrong. */
  async run(): Promise<void> {
    try {
      let sent = this.#send();
      while (!this.#stopped && this.#result.faultCount === 0) {
        // Two batches are under way, so that a change comes between requests of one client.
        const next = this.#send();
        await this.#read(sent);
        sent = next;
      }
      if (this.#result.faultCount === 0) await this.#read(sent);
    } catch (error) {
      this.#fault(String(error));
    } finally {
      await this.#connection.close();
    }
  }

  #send(): Batch {
    const lines: string[] = [];
    const checks: Batch["checks"] = [];
    for (let i = 0; i < BATCH; i++) {
      const k = this.#random.int(KEYS);
      switch (this.#random.int(4)) {
        case 0:
        case 1: {
          const version = ++this.#versions[k]!;
          const value = this.#value(k, version);
          lines.push(`set ${this.#key(k)} 0 0 ${value.length}\r\n${value}\r\n`);
          checks.push((answer) => (answer === "STORED\r\n" ? undefined : "STORED"));
          break;
        }
        case 2: {
          const version = this.#versions[k]!;
          lines.push(`get ${this.#key(k)}\r\n`);
          checks.push((answer) => this.#check(answer, [k], [version]));
          break;
        }
        default: {
          const keys = [k, (k + 7) % KEYS, (k + 13) % KEYS];
          const versions = keys.map((key) => this.#versions[key]!);
          lines.push(`get ${keys.map((key) => this.#key(key)).join(" ")}\r\n`);
          checks.push((answer) => this.#check(answer, keys, versions));
        }
      }
    }
    this.#connection.send(lines.join(""));
    return { lines, checks };
  }

  async #read({ lines, checks }: Batch): Promise<void> {
    for (const [i, check] of checks.entries()) {
      const answer = await this.#connection.readUntil(/^(?:STORED|(?:VALUE [^]*?\r\n)?END|[^V\r][^\r]*)\r\n/, 20_000);
      const wanted = check(answer);
      this.#result.requests++;
      if (wanted !== undefined) this.#fault(`${JSON.stringify(lines[i])} → ${JSON.stringify(answer)}, not ${wanted}`);
    }
  }

  /** @returns what was wanted, when the answer is not that */
  #check(answer: string, keys: readonly number[], versions: readonly number[]): string | undefined {
    const rows = keys.map((key, i) => ({ key, version: versions[i]! })).filter(({ version }) => version > 0);
    if (this.#isStrict) {
      const wanted = rows.map(({ key, version }) => this.#row(key, version)).join("");
      return answer === `${wanted}END\r\n` ? undefined : JSON.stringify(`${wanted}END`);
    }
    let rest = answer;
    for (const { key, version } of rows) {
      const found = /^VALUE (\S+) 0 \d+\r\n\S+:(\d+)\r\n/.exec(rest);
      if (found?.[1] !== this.#key(key)) continue;
      const seen = Number(found[2]);
      if (seen > version || found[0] !== this.#row(key, seen)) return `some version of ${this.#key(key)}`;
      rest = rest.slice(found[0].length);
    }
    return rest === "END\r\n" ? undefined : "END behind the values";
  }

  #row(k: number, version: number): string {
    const value = this.#value(k, version);
    return `VALUE ${this.#key(k)} 0 ${value.length}\r\n${value}\r\n`;
  }

  #key(k: number): string {
    return `${this.#name}-${k * 7919}`;
  }

  #value(k: number, version: number): string {
    return `${this.#key(k)}:${version}`;
  }

  #fault(text: string): void {
    this.#result.faultCount++;
    if (this.#result.faults.length < 10) this.#result.faults.push(text);
  }
}

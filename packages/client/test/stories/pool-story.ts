// A pool under observation: after each step it is known which server holds which key with which value, and the whole
// story can be printed as a table.

import type { CreateBackend, ReplayBackend, ReplayClient } from "../failover/backend.ts";
import { createSimulated } from "../failover/simulated-backend.ts";
import type { Outcome, Transcript } from "../failover/transcript.ts";

interface Row {
  readonly step: string;
  readonly calls: string;
  /** Per server: what it holds, or null when it is down. */
  readonly held: readonly (Record<string, string> | null)[];
}

export class PoolStory {
  readonly ports: readonly number[];
  readonly #backend: ReplayBackend;
  readonly #rows: Row[] = [];
  #client: ReplayClient;

  private constructor(backend: ReplayBackend, client: ReplayClient, ports: readonly number[]) {
    this.#backend = backend;
    this.#client = client;
    this.ports = ports;
  }

  static async begin(
    about: Pick<Transcript, "class" | "config">,
    ports: readonly number[],
    create: CreateBackend = createSimulated,
  ): Promise<PoolStory> {
    const backend = await create({ ...about, servers: ports.map((port) => `127.0.0.1:${port}`) });
    await backend.alignToSecond();
    return new PoolStory(backend, await backend.createClient(), ports);
  }

  /** As the next request of a PHP site: a new object with the same servers. */
  async newPage(): Promise<void> {
    await this.#client.close();
    this.#client = await this.#backend.createClient();
  }

  /** Sets each key to the value that `value` makes of it; the results, in order. */
  async set(step: string, keys: readonly string[], value: (key: string) => string): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    for (const key of keys) outcomes.push(await this.#client.run("set", key, value(key)));
    await this.#note(step, "set", keys, outcomes);
    return outcomes;
  }

  /** Reads each key; value or false. */
  async get(step: string, keys: readonly string[]): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    for (const key of keys) outcomes.push(await this.#client.run("get", key, undefined));
    await this.#note(step, "get", keys, outcomes);
    return outcomes;
  }

  async stop(port: number): Promise<void> {
    await this.#backend.stop(port);
  }

  async start(port: number): Promise<void> {
    await this.#backend.start(port);
  }

  async wait(ms: number): Promise<void> {
    await this.#backend.wait(ms);
  }

  /** Port → what it holds; null when it is down. */
  async stored(): Promise<Record<string, Record<string, string> | null>> {
    const stored: Record<string, Record<string, string> | null> = {};
    for (const port of this.ports) stored[port] = await this.#backend.stored(port);
    return stored;
  }

  async end(): Promise<void> {
    await this.#client.close();
    await this.#backend.close();
  }

  async #note(step: string, verb: string, keys: readonly string[], outcomes: readonly Outcome[]): Promise<void> {
    const calls = keys.map((key, i) => {
      const { result, code } = outcomes[i]!;
      return `${verb} ${key}: ${String(result)}${code === undefined || code === 0 ? "" : ` (${code})`}`;
    });
    const stored = await this.stored();
    this.#rows.push({ step, calls: calls.join(", "), held: this.ports.map((port) => stored[port] ?? null) });
  }

  /** Step by step: the calls, and what each server holds after them. */
  table(title: string): string {
    const cells = this.#rows.map(({ step, calls, held }) => [
      step,
      calls,
      ...held.map((items) => (items === null ? "down" : listOf(items))),
    ]);
    const all = [["step", "calls", ...this.ports.map(String)], ...cells];
    const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
    const lines = all.map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join("  ")
        .trimEnd(),
    );
    return [title, ...lines].join("\n");
  }
}

function listOf(items: Record<string, string>): string {
  return Object.entries(items)
    .map(([key, value]) => `${key}=${value}`)
    .join(" ");
}

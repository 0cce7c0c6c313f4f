// Simulated servers under a virtual clock, and clients that do with the failover rules what PHP's classes do: one call
// at a time, a connection per server, dialled by the call that needs it. The rules under test are the real ones.

import { CacheError } from "@marugoto/core";
import {
  Operation,
  Refusal,
  type FailoverPolicy,
  type FailureReason,
  type PoolServer,
} from "../../src/failover/failover.ts";
import { LibmemcachedPolicy } from "../../src/failover/libmemcached.ts";
import { PeclMemcachePolicy } from "../../src/failover/pecl-memcache.ts";
import type { CreateBackend, ReplayBackend, ReplayClient } from "./backend.ts";
import { libmemcachedOptions, peclMemcacheOptions, pollTimeoutMs } from "./settings.ts";
import { SimulatedServer, type Answer, type Command, type Exchange } from "./simulated-server.ts";
import type { Outcome, Transcript, Verb } from "./transcript.ts";
import { VirtualClock } from "./virtual-clock.ts";

type Single = Exclude<Verb, "getMulti">;

const operations: Record<Single, Operation> = {
  get: Operation.read,
  set: Operation.set,
  add: Operation.conditional,
  replace: Operation.conditional,
  append: Operation.conditional,
  prepend: Operation.conditional,
  incr: Operation.arithmetic,
  decr: Operation.arithmetic,
  delete: Operation.delete,
  touch: Operation.touch,
};

/** A try that brought no answer. */
interface Failure {
  reason: FailureReason;
}

/** Connections of one client, and the bookkeeping that a pool does for its rules. */
class Wire {
  readonly policy: FailoverPolicy;
  readonly #servers: readonly SimulatedServer[];
  readonly #lives: (number | undefined)[];
  readonly #clock: VirtualClock;
  readonly #timeoutMs: number;
  /** Copies that leave with the next request to their server. */
  readonly #waiting: Command[][];

  constructor(policy: FailoverPolicy, servers: readonly SimulatedServer[], clock: VirtualClock, timeoutMs: number) {
    this.policy = policy;
    this.#servers = servers;
    this.#lives = servers.map(() => undefined);
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#waiting = servers.map(() => []);
  }

  /** Dials unless connected. */
  connect(server: number): Failure | undefined {
    if (this.#lives[server] !== undefined) return undefined;
    const life = this.#servers[server]!.connect();
    if (life === undefined) {
      this.policy.connectFailed(server, new CacheError("connection_lost", "connection refused"));
      return { reason: "connect_failed" };
    }
    this.#lives[server] = life;
    this.policy.connected(server);
    return undefined;
  }

  exchange(server: number, commands: readonly Command[]): Answer[] | Failure {
    const copies = this.#waiting[server]!.splice(0);
    const exchange: Exchange = this.#servers[server]!.exchange(this.#lives[server]!, [...copies, ...commands]);
    if (exchange === "lost") {
      this.#lives[server] = undefined;
      this.policy.connectionLost(server, false, new CacheError("connection_lost", "the server has gone"));
      return { reason: "connection_lost" };
    }
    if (exchange === "silent") {
      this.#lives[server] = undefined;
      this.#clock.advance(this.#timeoutMs);
      this.policy.timedOut(server);
      return { reason: "timeout" };
    }
    this.policy.answered(server);
    return exchange.slice(copies.length);
  }

  /** Sends a command whose answer nobody wants. */
  copy(server: number, command: Command): void {
    if (this.connect(server)) return;
    if (this.policy.copiesWait && command.verb !== "delete") this.#waiting[server]!.push(command);
    else this.exchange(server, [command]);
  }

  close(): void {
    this.#waiting.forEach((commands, server) => {
      if (commands.length > 0) this.exchange(server, []);
    });
  }

  request(server: number, command: Command): Answer | Failure {
    const refused = this.connect(server);
    if (refused) return refused;
    const answers = this.exchange(server, [command]);
    return Array.isArray(answers) ? answers[0]! : answers;
  }
}

/** Texts as the rules take them: bytes with an end. */
function bytesOf(key: string): Buffer {
  return Buffer.from(key, "utf8");
}

// ---- class Memcache ----

class SimulatedMemcache implements ReplayClient {
  readonly #wire: Wire;
  readonly #policy: PeclMemcachePolicy;
  readonly #ports: readonly number[];

  constructor(wire: Wire, policy: PeclMemcachePolicy, ports: readonly number[]) {
    this.#wire = wire;
    this.#policy = policy;
    this.#ports = ports;
  }

  async run(verb: Verb, key: string | string[], value: string | undefined): Promise<Outcome> {
    if (verb === "getMulti") return { result: this.#getMulti(key as string[]) };
    return { result: this.#single(verb, key as string, value) };
  }

  async owner(key: string): Promise<number | null> {
    const bytes = bytesOf(key);
    return this.#ports[this.#policy.owner(bytes, 0, bytes.length)] ?? null;
  }

  async close(): Promise<void> {
    // Nothing is open.
  }

  #single(verb: Single, key: string, value: string | undefined): unknown {
    const operation = operations[verb];
    const bytes = bytesOf(key);
    const command = { verb, key: this.#wireKey(key), value };
    const first = this.#policy.first(bytes, 0, bytes.length);
    if (first < 0) return false;
    const copies: number[] = [];
    this.#policy.copies(bytes, 0, bytes.length, operation, first, copies);
    // A copy whose server can't be reached is written nowhere else.
    const answers = [
      this.#withFailover(bytes, first, command),
      ...copies.map((server) => answerOf(this.#wire.request(server, command))),
    ];
    // Any answer that says no makes it false, whichever server said it.
    let result: unknown = null;
    for (const answer of answers) {
      if (answer === undefined) continue;
      if (answer.kind === "value" || answer.kind === "number") result = answer.value;
      else if (answer.kind === "stored" || answer.kind === "deleted" || answer.kind === "touched") result ??= true;
      else result = false;
    }
    return result ?? false;
  }

  #withFailover(key: Buffer, first: number, command: Command): Answer | undefined {
    const failed: number[] = [];
    const trail = { failed, reason: "connection_lost" as FailureReason, probes: 0 };
    for (let server = first; server >= 0;) {
      const answer = this.#wire.request(server, command);
      if ("kind" in answer) return answer;
      failed.push(server);
      trail.reason = answer.reason;
      server = this.#policy.next(key, 0, key.length, operations[command.verb], trail);
    }
    return undefined;
  }

  /** One request per server; the keys of a server that fails are looked up anew, one by one. */
  #getMulti(keys: readonly string[]): Record<string, string> {
    const found: Record<string, string> = {};
    let pending = [...keys];
    for (let round = 0; pending.length > 0 && round < 10; round++) {
      const batches = new Map<number, string[]>();
      for (const key of pending) {
        const bytes = bytesOf(key);
        const server = this.#policy.first(bytes, 0, bytes.length);
        if (server >= 0) batches.set(server, [...(batches.get(server) ?? []), key]);
      }
      pending = [];
      for (const [server, batch] of batches) {
        const commands = batch.map((key): Command => ({ verb: "get", key: this.#wireKey(key), value: undefined }));
        const answers = this.#wire.connect(server) ?? this.#wire.exchange(server, commands);
        if (!Array.isArray(answers)) {
          if (this.#policy.placement?.allowFailover) pending.push(...batch);
          continue;
        }
        answers.forEach((answer, i) => {
          if (answer.kind === "value") found[batch[i]!] = answer.value;
        });
      }
    }
    return found;
  }

  #wireKey(key: string): string {
    const bytes = bytesOf(key);
    const wire = Buffer.alloc(512);
    return wire.toString("utf8", 0, this.#policy.placement!.wireKey(bytes, 0, bytes.length, wire));
  }
}

function answerOf(end: Answer | Failure): Answer | undefined {
  return "kind" in end ? end : undefined;
}

// ---- class Memcached ----

const codes: Record<Exclude<Answer["kind"], "value" | "number">, [result: boolean, code: number]> = {
  stored: [true, 0],
  deleted: [true, 0],
  touched: [true, 0],
  not_stored: [false, 14],
  not_found: [false, 16],
  client_error: [false, 9],
};

class SimulatedMemcached implements ReplayClient {
  readonly #wire: Wire;
  readonly #policy: LibmemcachedPolicy;
  readonly #ports: readonly number[];

  constructor(wire: Wire, policy: LibmemcachedPolicy, ports: readonly number[]) {
    this.#wire = wire;
    this.#policy = policy;
    this.#ports = ports;
  }

  async run(verb: Verb, key: string | string[], value: string | undefined): Promise<Outcome> {
    return verb === "getMulti" ? this.#getMulti(key as string[]) : this.#single(verb, key as string, value);
  }

  async owner(key: string): Promise<number | null> {
    const bytes = bytesOf(key);
    return this.#ports[this.#policy.owner(bytes, 0, bytes.length)] ?? null;
  }

  async close(): Promise<void> {
    this.#wire.close();
  }

  #single(verb: Single, key: string, value: string | undefined): Outcome {
    const bytes = bytesOf(key);
    const wireKey = this.#wireKey(bytes);
    if (wireKey === "") return { result: false, code: 33 };
    const command = { verb, key: wireKey, value };
    const connected = this.#connect(bytes, operations[verb]);
    if (connected >= 0 || verb === "delete") {
      const owner = connected >= 0 ? connected : this.#policy.owner(bytes, 0, bytes.length);
      const copies: number[] = [];
      this.#policy.copies(bytes, 0, bytes.length, operations[verb], owner, copies);
      for (const copy of copies) this.#wire.copy(copy, command);
    }
    // touch.cc:66: whatever kept it from being sent.
    if (connected < 0)
      return { result: false, code: verb === "touch" && connected !== Refusal.noServer ? 5 : -connected };
    const answers = this.#wire.exchange(connected, [command]);
    if (!Array.isArray(answers)) return { result: false, code: answers.reason === "timeout" ? 31 : 3 };
    const answer = answers[0]!;
    if (answer.kind === "value" || answer.kind === "number") return { result: answer.value, code: 0 };
    const [result, code] = codes[answer.kind];
    return { result, code };
  }

  /** A server that is connected, or the negative code. */
  #connect(key: Buffer, operation: Operation): number {
    const failed: number[] = [];
    const trail = { failed, reason: "connect_failed" as FailureReason, probes: 0 };
    let server = this.#policy.first(key, 0, key.length, operation);
    while (server >= 0 && this.#wire.connect(server)) {
      failed.push(server);
      server = this.#policy.next(key, 0, key.length, operation, trail);
    }
    return server === Refusal.lastError ? Refusal.connectionLost : server;
  }

  /**
   * What is found, with code 16 when that is nothing; false when nobody could be asked, with the last reason, or when
   * nothing is found and somebody who was asked gave no answer.
   */
  #getMulti(keys: readonly string[]): Outcome {
    const found: Record<string, string> = {};
    const batches = new Map<number, string[]>();
    let failure = 0;
    for (const key of keys) {
      const server = this.#connect(bytesOf(key), Operation.read);
      if (server >= 0) batches.set(server, [...(batches.get(server) ?? []), key]);
      else failure = -server;
    }
    let answered = 0;
    let unanswered = 0;
    for (const [server, batch] of batches) {
      const answers = this.#wire.exchange(
        server,
        batch.map((key) => ({ verb: "get", key: this.#wireKey(bytesOf(key)), value: undefined })),
      );
      if (!Array.isArray(answers)) {
        failure = unanswered = answers.reason === "timeout" ? 31 : 3;
        continue;
      }
      answered++;
      answers.forEach((answer, i) => {
        if (answer.kind === "value") found[batch[i]!] = answer.value;
      });
    }
    if (answered === 0) return { result: false, code: failure };
    if (unanswered !== 0 && Object.keys(found).length === 0) return { result: false, code: unanswered };
    return { result: found, code: Object.keys(found).length === 0 ? 16 : 0 };
  }

  #wireKey(bytes: Buffer): string {
    const wire = Buffer.alloc(512);
    return wire.toString("utf8", 0, this.#policy.placement!.wireKey(bytes, 0, bytes.length, wire));
  }
}

// ---- the backend ----

class SimulatedBackend implements ReplayBackend {
  readonly clock = new VirtualClock();
  readonly #transcript: Pick<Transcript, "class" | "config" | "servers">;
  readonly #members: readonly PoolServer[];
  readonly #servers: readonly SimulatedServer[];

  constructor(transcript: Pick<Transcript, "class" | "config" | "servers">) {
    this.#transcript = transcript;
    this.#members = transcript.servers.map((name) => {
      const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(name) ?? [];
      return { name, endpoint: { kind: "tcp", host, port: Number(port) }, weight: 1 };
    });
    this.#servers = this.#members.map(({ endpoint }) => {
      return new SimulatedServer(endpoint.kind === "tcp" ? endpoint.port : 0);
    });
  }

  async createClient(): Promise<ReplayClient> {
    const { config } = this.#transcript;
    const ports = this.#servers.map((server) => server.port);
    if (this.#transcript.class === "Memcache") {
      const policy = new PeclMemcachePolicy(peclMemcacheOptions(config), this.clock);
      policy.setServers(this.#members);
      const wire = new Wire(policy, this.#servers, this.clock, (config.timeout ?? 1) * 1000);
      return new SimulatedMemcache(wire, policy, ports);
    }
    const policy = new LibmemcachedPolicy(libmemcachedOptions(config), this.clock);
    policy.setServers(this.#members);
    return new SimulatedMemcached(new Wire(policy, this.#servers, this.clock, pollTimeoutMs(config)), policy, ports);
  }

  async stop(port: number): Promise<void> {
    this.#server(port).stop();
  }

  async start(port: number): Promise<void> {
    this.#server(port).start();
  }

  async freeze(port: number): Promise<void> {
    this.#server(port).freeze();
  }

  async thaw(port: number): Promise<void> {
    this.#server(port).thaw();
  }

  async wait(ms: number): Promise<void> {
    this.clock.advance(ms);
  }

  async alignToSecond(): Promise<void> {
    this.clock.align();
  }

  async stored(port: number): Promise<Record<string, string> | null> {
    return this.#server(port).stored;
  }

  async close(): Promise<void> {
    // Nothing is open.
  }

  #server(port: number): SimulatedServer {
    const server = this.#servers.find((candidate) => candidate.port === port);
    if (!server) throw new Error(`no server has port ${port}`);
    return server;
  }
}

export const createSimulated: CreateBackend = async (transcript) => new SimulatedBackend(transcript);

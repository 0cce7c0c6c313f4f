// Real servers, our own, as processes: stopped by SIGKILL, frozen by SIGSTOP; and our Memcache and Memcached as clients.
// The servers keep their recorded names, which are hashed, and listen wherever there is a free port. Sockets, processes and
// timeouts are real; the seconds of the rules are counted by a clock that waits move, so that a slow machine proves the same.

import { appCommand, connect, spawnServer, type AppCommand, type ServerProcess } from "@marugoto/testing";
import type { PoolClock } from "../../src/failover/failover.ts";
import { Memcache } from "../../src/php/memcache.ts";
import { Memcached } from "../../src/php/memcached.ts";
import { ResultCode } from "../../src/php/result-codes.ts";
import type { CreateBackend, ReplayBackend, ReplayClient } from "./backend.ts";
import { libmemcachedOptions, peclMemcacheOptions, pollTimeoutMs } from "./settings.ts";
import type { Outcome, Transcript, TranscriptConfig, Verb } from "./transcript.ts";
import { VirtualClock } from "./virtual-clock.ts";

/** One server of a lane: a process, or none while it is stopped. */
interface Slot {
  process: ServerProcess | undefined;
  /** Where it listens, in every life. */
  readonly realPort: number;
  frozen: boolean;
}

interface Member {
  readonly name: string;
  readonly port: number;
  readonly slot: Slot;
}

/** Looked up once: it makes sure that the built file is no older than its sources. */
let app: AppCommand | undefined;

/** @param port -1: any that is free */
async function startServer(port: number): Promise<ServerProcess> {
  app ??= appCommand("server");
  const args = [...app.args, "-l", "127.0.0.1", "-m", "8", "-p", String(port)];
  return spawnServer({ command: app.command, args, ready: "port-file" });
}

class LiveMemcache implements ReplayClient {
  readonly #client: Memcache;
  readonly #members: readonly Member[];

  constructor(config: TranscriptConfig, members: readonly Member[], clock: PoolClock) {
    const options = peclMemcacheOptions(config);
    this.#client = new Memcache({ ...options, clock });
    this.#members = members;
    const pool = this.#client.client.pool;
    pool.addServers(
      members.map(({ name, slot: { realPort } }) => ({
        address: `127.0.0.1:${realPort}`,
        name,
        retryIntervalSec: options.retryIntervalSec ?? 15,
      })),
    );
    const timeoutMs = (config.timeout ?? 1) * 1000;
    pool.setTimeouts(timeoutMs, timeoutMs);
  }

  async run(verb: Verb, key: string | string[], value = ""): Promise<Outcome> {
    const client = this.#client;
    if (verb === "getMulti") return { result: Object.fromEntries(await client.get<string>(key as string[])) };
    const one = key as string;
    switch (verb) {
      case "get":
        return { result: (await client.get<string>(one)) ?? false };
      case "set":
      case "add":
      case "replace":
        return { result: await client[verb](one, value) };
      case "delete":
        return { result: await client.delete(one) };
      case "incr":
        return { result: plain(await client.increment(one)) };
      case "decr":
        return { result: plain(await client.decrement(one)) };
      default:
        throw new Error(`class Memcache has no ${verb}`);
    }
  }

  async owner(key: string): Promise<number | null> {
    const name = this.#client.findServer(key);
    return this.#members.find((member) => member.name === name)?.port ?? null;
  }

  async close(): Promise<void> {
    this.#client.destroy();
  }
}

class LiveMemcached implements ReplayClient {
  readonly #client: Memcached;
  readonly #members: readonly Member[];

  constructor(config: TranscriptConfig, members: readonly Member[], clock: PoolClock) {
    const prefixKey = String(config.options?.OPT_PREFIX_KEY ?? "");
    const pollMs = pollTimeoutMs(config);
    this.#client = new Memcached({ ...libmemcachedOptions(config), prefixKey, pollTimeoutMs: pollMs, clock });
    this.#members = members;
    this.#client.client.pool.addServers(
      members.map(({ name, slot: { realPort } }) => ({ address: `127.0.0.1:${realPort}`, name })),
    );
  }

  async run(verb: Verb, key: string | string[], value = ""): Promise<Outcome> {
    const result = await this.#call(verb, key, value);
    return { result, code: this.#client.getResultCode() };
  }

  async #call(verb: Verb, key: string | string[], value: string): Promise<unknown> {
    const client = this.#client;
    if (verb === "getMulti") {
      const found = await client.getMulti<string>(key as string[]);
      // With any other code PHP gives false.
      const isAnswer = [ResultCode.SUCCESS, ResultCode.NOTFOUND].includes(client.getResultCode() as 0 | 16);
      return isAnswer ? Object.fromEntries(found) : false;
    }
    const one = key as string;
    switch (verb) {
      case "get":
        return (await client.get<string>(one)) ?? false;
      case "set":
      case "add":
      case "replace":
      case "append":
      case "prepend":
        return client[verb](one, value);
      case "delete":
      case "touch":
        return client[verb](one);
      case "incr":
        return plain(await client.increment(one));
      case "decr":
        return plain(await client.decrement(one));
    }
  }

  async owner(key: string): Promise<number | null> {
    const server = this.#client.getServerByKey(key);
    return this.#members.find((member) => member.slot.realPort === server?.port)?.port ?? null;
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}

/** PHP's incr gives an int. */
function plain(value: bigint | false): number | false {
  return value === false ? false : Number(value);
}

class LiveBackend implements ReplayBackend {
  readonly #transcript: Transcript;
  readonly #members: readonly Member[];
  readonly #keys: readonly string[];
  readonly #clock = new VirtualClock();

  constructor(transcript: Transcript, members: readonly Member[]) {
    this.#transcript = transcript;
    this.#members = members;
    const { ini = {}, options = {} } = transcript.config;
    const prefix = String(ini.prefix_static_key ?? options.OPT_PREFIX_KEY ?? "");
    this.#keys = [...new Set(transcript.events.flatMap(({ key = [] }) => key))].map((key) => prefix + key);
  }

  async createClient(): Promise<ReplayClient> {
    const { class: name, config } = this.#transcript;
    return name === "Memcache"
      ? new LiveMemcache(config, this.#members, this.#clock)
      : new LiveMemcached(config, this.#members, this.#clock);
  }

  async stop(port: number): Promise<void> {
    const { slot } = this.#member(port);
    await slot.process?.close();
    slot.process = undefined;
    slot.frozen = false;
  }

  async start(port: number): Promise<void> {
    const { slot } = this.#member(port);
    slot.process = await startServer(slot.realPort);
  }

  async freeze(port: number): Promise<void> {
    const { slot } = this.#member(port);
    slot.process?.signal("SIGSTOP");
    slot.frozen = true;
  }

  async thaw(port: number): Promise<void> {
    const { slot } = this.#member(port);
    slot.process?.signal("SIGCONT");
    slot.frozen = false;
    // It first does what it was sent while it stood still: once it answers another connection, it has.
    await this.stored(port);
  }

  /** The seconds that the rules count pass at once. */
  async wait(ms: number): Promise<void> {
    this.#clock.advance(ms);
  }

  async alignToSecond(): Promise<void> {
    this.#clock.align();
  }

  async stored(port: number): Promise<Record<string, string> | null> {
    const { slot } = this.#member(port);
    if (!slot.process) return null;
    const connection = await connect(slot.process.endpoint);
    try {
      const held: Record<string, string> = {};
      for (const key of this.#keys) {
        connection.send(`get ${key}\r\n`);
        const answer = await connection.readUntil("END\r\n");
        const value = /^VALUE \S+ \d+ \d+\r\n(.*)\r\nEND\r\n$/.exec(answer)?.[1];
        if (value !== undefined) held[key] = value;
      }
      return held;
    } finally {
      await connection.close();
    }
  }

  async close(): Promise<void> {
    // The servers are the lane's.
  }

  #member(port: number): Member {
    const member = this.#members.find((candidate) => candidate.port === port);
    if (!member) throw new Error(`no server has port ${port}`);
    return member;
  }
}

/** Servers that serve one transcript after the other. */
export class LiveLane {
  readonly #slots: Slot[] = [];

  /** For `replay`: the lane's servers, all up and empty. */
  readonly create: CreateBackend = async (about) => {
    const transcript = about as Transcript;
    const members: Member[] = [];
    for (const [index, name] of transcript.servers.entries()) {
      const slot = (this.#slots[index] ??= await newSlot());
      await makeFresh(slot);
      members.push({ name, port: Number(/:(\d+)$/.exec(name)?.[1]), slot });
    }
    return new LiveBackend(transcript, members);
  };

  async close(): Promise<void> {
    for (const { process } of this.#slots) await process?.close();
  }
}

async function newSlot(): Promise<Slot> {
  const process = await startServer(-1);
  return { process, realPort: process.port, frozen: false };
}

async function makeFresh(slot: Slot): Promise<void> {
  if (slot.frozen) slot.process?.signal("SIGCONT");
  slot.frozen = false;
  slot.process ??= await startServer(slot.realPort);
  const connection = await connect(slot.process.endpoint);
  await connection.ask("flush_all");
  await connection.close();
}

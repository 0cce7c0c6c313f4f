// Two nodes as processes that keep their addresses over every restart, started with the same command line each time, and
// what stands between them: nothing, or a proxy on each way. Knows the binary's flags and `stats replication`.

import { createServer } from "node:net";
import { CacheError } from "@marugoto/core";
import {
  connect,
  eventually,
  freePort,
  spawnServer,
  startFaultProxy,
  type Cleanup,
  type FaultProxy,
  type ServerProcess,
  type TestConnection,
} from "@marugoto/testing";
import type { Program } from "../../measure/programs.ts";

/** A node of a pair: 0 or 1. */
export type Side = 0 | 1;

export const other = (side: Side): Side => (side === 0 ? 1 : 0);

export interface PairOptions {
  /** More flags, the same for both or each its own. */
  readonly flags?: readonly string[] | ((side: Side) => readonly string[]);
  /** Every link goes through a proxy that can cut and delay it. Default false. */
  readonly proxied?: boolean;
}

// A node tells its port to those who are linked, not its address. As the proxies dial from 127.0.0.1, what a peer makes of
// that is a port of 127.0.0.1, where no node listens: whoever goes round a proxy finds nobody.
const HOSTS = ["127.0.0.2", "127.0.0.3"] as const;

interface Running {
  readonly process: ServerProcess;
  readonly control: TestConnection;
}

export class Pair {
  /** Where clients connect. */
  readonly ports: readonly [number, number];
  /** Where the nodes listen for each other: on HOSTS. */
  readonly replicationPorts: readonly [number, number];
  /** Through which each node dials the other one; empty when they are linked directly. */
  readonly links: readonly FaultProxy[];
  readonly #program: Program;
  readonly #opened: Cleanup;
  readonly #flagsOf: (side: Side) => readonly string[];
  readonly #running: [Running | undefined, Running | undefined] = [undefined, undefined];

  private constructor(
    program: Program,
    opened: Cleanup,
    flagsOf: (side: Side) => readonly string[],
    ports: readonly [number, number],
    replicationPorts: readonly [number, number],
    links: readonly FaultProxy[],
  ) {
    this.#program = program;
    this.#opened = opened;
    this.#flagsOf = flagsOf;
    this.ports = ports;
    this.replicationPorts = replicationPorts;
    this.links = links;
  }

  /** Chooses the addresses and starts nothing but the proxies. All ends with `opened`. */
  static async create(program: Program, opened: Cleanup, options: PairOptions = {}): Promise<Pair> {
    const ports = [await freePort(), await freePort()] as const;
    const replicationPorts = [await freePortOf(HOSTS[0]), await freePortOf(HOSTS[1])] as const;
    const links: FaultProxy[] = [];
    if (options.proxied === true) {
      for (const peer of [1, 0] as const) {
        const target = { kind: "tcp", host: HOSTS[peer], port: replicationPorts[peer] } as const;
        links.push(opened.add(await startFaultProxy(target)));
      }
    }
    const { flags = [] } = options;
    const flagsOf = typeof flags === "function" ? flags : () => flags;
    return new Pair(program, opened, flagsOf, ports, replicationPorts, links);
  }

  /** Both nodes, the first of them master, the second in step. */
  static async start(program: Program, opened: Cleanup, options: PairOptions = {}): Promise<Pair> {
    const pair = await Pair.create(program, opened, options);
    await pair.start(0);
    await pair.start(1);
    await pair.inStep(0);
    return pair;
  }

  /** The command line of a node: the same at every start. */
  argsOf(side: Side): string[] {
    const link = this.links[side];
    const peer = link === undefined ? this.replicationAddress(other(side)) : { host: "127.0.0.1", port: link.port };
    const own = this.replicationAddress(side);
    return [
      ...["-l", "127.0.0.1", "-p", String(this.ports[side]), "-v"],
      ...["--replication-listen", `${own.host}:${own.port}`],
      ...["--peer", `${peer.host}:${peer.port}`],
      ...this.#flagsOf(side),
    ];
  }

  /** Starts a process and waits for nothing. */
  async spawn(side: Side): Promise<ServerProcess> {
    const [command, ...leading] = this.#program.command;
    const args = [...leading, ...this.argsOf(side)];
    return this.#opened.add(await spawnServer({ command, args, ready: "none" }));
  }

  /** Waits until a spawned process serves clients. */
  async serves(side: Side, process: ServerProcess, withinMs = 20_000): Promise<void> {
    const control = await eventually(
      () => {
        if (!process.alive) throw new CacheError("listen_failed", `a node has ended: ${process.stderr}`);
        return connect(this.ports[side]);
      },
      { withinMs, everyMs: 2 },
    );
    this.#running[side] = { process, control: this.#opened.add(control) };
  }

  /** Starts a node and waits until it serves clients: it is master, or has its first copy. */
  async start(side: Side): Promise<void> {
    await this.serves(side, await this.spawn(side));
  }

  process(side: Side): ServerProcess {
    return this.#get(side).process;
  }

  /** Ends a node and waits until it is gone. */
  async stop(side: Side, signal: NodeJS.Signals): Promise<void> {
    const { process, control } = this.#get(side);
    this.#running[side] = undefined;
    await process.stop(signal, 10_000);
    await control.close();
  }

  /** A connection of a client; closed with the run. */
  async client(side: Side): Promise<TestConnection> {
    return this.#opened.add(await connect(this.ports[side]));
  }

  /** Where a node listens for the other one. */
  replicationAddress(side: Side): { readonly host: string; readonly port: number } {
    return { host: HOSTS[side], port: this.replicationPorts[side] };
  }

  /** The rows of `stats replication`. */
  async stats(side: Side): Promise<ReadonlyMap<string, string>> {
    const { control } = this.#get(side);
    control.send("stats replication\r\n");
    const rows = new Map<string, string>();
    const text = await control.readUntil("END\r\n");
    for (const [, name = "", value = ""] of text.matchAll(/^STAT (\S+) (.*)\r$/gm)) rows.set(name, value);
    return rows;
  }

  /** A number of `stats replication`. @throws CacheError `protocol_violation` when there is no such row */
  async count(side: Side, name: string): Promise<number> {
    const value = (await this.stats(side)).get(name);
    if (value === undefined) throw new CacheError("protocol_violation", `stats replication has no ${name}`);
    return Number(value);
  }

  /** Is this node master, with a replica that has applied all there is? */
  async isInStep(master: Side): Promise<boolean> {
    const rows = await this.stats(master);
    return (
      rows.get("role") === "master" &&
      rows.get("replicas_in_step") === "1" &&
      rows.get("replica_0_applied") === rows.get("offset")
    );
  }

  async inStep(master: Side, withinMs = 20_000): Promise<void> {
    await eventually(() => this.isInStep(master), { withinMs, everyMs: 2 });
  }

  /** Waits until a slave has all that its master has. Sooner seen than `inStep`, which the slave's next heartbeat tells. */
  async caughtUp(slave: Side, withinMs = 20_000): Promise<void> {
    await eventually(
      async () => {
        const [rows, offset] = [await this.stats(slave), await this.count(other(slave), "offset")];
        return rows.get("complete") === "1" && rows.has("master") && Number(rows.get("offset")) === offset;
      },
      { withinMs, everyMs: 2 },
    );
  }

  /** Waits until one node is master and the other one follows it, in step. @returns the master */
  async settled(withinMs = 20_000): Promise<Side> {
    return eventually(
      async () => {
        const [first, second] = [await this.stats(0), await this.stats(1)];
        const roles = [first.get("role"), second.get("role")];
        if (roles.join() === "master,slave") return (await this.isInStep(0)) ? { master: 0 as const } : false;
        if (roles.join() === "slave,master") return (await this.isInStep(1)) ? { master: 1 as const } : false;
        return false;
      },
      { withinMs, everyMs: 2 },
    ).then(({ master }) => master);
  }

  #get(side: Side): Running {
    const running = this.#running[side];
    if (running === undefined) throw new TypeError(`node ${side} does not run`);
    return running;
  }
}

async function freePortOf(host: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, host, resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new TypeError("a TCP server without a port");
  return address.port;
}

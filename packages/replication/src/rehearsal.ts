// A takeover, played through inside the process soon after the start: two small servers attach over memory, one of them is
// gone, the other becomes master and answers what waited. It changes nothing outside. The engine compiles a function when it
// is first called, and nothing of a takeover has been called before the first one, when clients wait for it.

import { createServer, type ByteHandler, type Server, type Transport } from "@marugoto/server";
import { AttachedReplication } from "./attach.ts";
import { MemoryNetwork } from "./net/memory-network.ts";
import type { TcpEndpoint } from "./options.ts";

const MEMORY_BYTES = 2 * 1024 * 1024;
const MAX_ITEM_BYTES = 512 * 1024;

/** A rehearsal that hasn't come to its end by then is given up, in milliseconds. */
const WITHIN_MS = 2000;

/** How often: the first time compiles, the next ones have seen the shapes of all objects. */
const TIMES = 3;

/**
 * Plays it through.
 *
 * @returns true when it came to its end each time; false when the machine had no time for it, which does no harm
 */
export async function rehearse(): Promise<boolean> {
  for (let i = 0; i < TIMES; i++) if (!(await once())) return false;
  return true;
}

async function once(): Promise<boolean> {
  const network = new MemoryNetwork();
  const first = new Player(network, address(1), address(2));
  const second = new Player(network, address(2), address(1));
  try {
    const untilMs = performance.now() + WITHIN_MS;
    const until = async (isSo: () => boolean) => {
      while (!isSo() && performance.now() < untilMs) await new Promise((resolve) => setImmediate(resolve));
      return isSo();
    };
    const started = Promise.all([first.start(), second.start()]);
    const roles = () => [first.replication.role, second.replication.role];
    if (!(await until(() => roles().includes("master") && roles().includes("slave")))) return false;
    await started;
    const [master, slave] = first.replication.role === "master" ? [first, second] : [second, first];
    for (const player of [master, slave]) {
      player.ask("set k 1 0 5\r\nvalue\r\nset n 0 60 1\r\n1\r\n");
      player.ask("incr n 1\r\ndelete k\r\ntouch n 90\r\nms k 1 T60\r\nx\r\nmg k v t\r\n");
      if (!(await until(() => player.answers === 7))) return false;
    }
    // What is under way when the master goes is what a takeover is about.
    slave.ask("set under 0 0 3\r\nway\r\nget under\r\n");
    network.cut(master.at);
    await master.replication.close();
    return await until(() => slave.answers === 9);
  } finally {
    await Promise.all([first.close(), second.close()]);
  }
}

const address = (port: number): TcpEndpoint => ({ kind: "tcp", host: "127.0.0.1", port });

/** A node and its clients. */
class Player {
  readonly at: TcpEndpoint;
  readonly replication: AttachedReplication;
  /** Answers that its clients have had. */
  answers = 0;
  readonly #server: Server;

  constructor(network: MemoryNetwork, at: TcpEndpoint, other: TcpEndpoint) {
    this.at = at;
    this.replication = new AttachedReplication({ listen: at, peers: [other] }, { network: network.of(at) });
    const options = { listeners: [], memoryBytes: MEMORY_BYTES, maxItemBytes: MAX_ITEM_BYTES };
    this.#server = createServer(options, this.replication.hooks);
  }

  start(): Promise<void> {
    return this.replication.start(this.#server);
  }

  /** One more client comes, asks, and stays until the end. */
  ask(requests: string): void {
    new CountingClient(this).ask(this.#server, requests);
  }

  async close(): Promise<void> {
    await this.replication.close();
    await this.#server.close({ graceMs: 0 });
  }
}

/** Counts its answers: each has one line that no value has. */
class CountingClient implements Transport {
  readonly remote = "unix:rehearsal";
  readonly local = "unix:rehearsal";
  readonly isRemote = false;
  readonly waiting = 0;
  readonly #player: Player;
  #session: ByteHandler | undefined;

  constructor(player: Player) {
    this.#player = player;
  }

  ask(server: Server, requests: string): void {
    const bytes = Buffer.from(requests);
    this.#session = server.accept(this);
    this.#session?.onBytes(bytes, 0, bytes.length);
  }

  write(buffer: Buffer, start: number, end: number): boolean {
    const text = buffer.toString("latin1", start, end);
    this.#player.answers += text.match(/^(STORED|\d+|DELETED|TOUCHED|HD|VA .*|END)\r$/gm)?.length ?? 0;
    return true;
  }

  writePieces(pieces: readonly Buffer[], done: () => void): boolean {
    for (const piece of pieces) this.write(piece, 0, piece.length);
    done();
    return true;
  }

  pause(): void {
    // Every request is whole when it is given.
  }

  resume(): void {
    // See pause.
  }

  end(): void {
    this.destroy();
  }

  destroy(): void {
    setImmediate(() => this.#session?.onClosed(undefined));
  }
}

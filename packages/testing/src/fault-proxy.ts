// A TCP proxy on 127.0.0.1 that stands between a client and a server and spoils the connection as told, at any time.
// It forwards bytes and knows no protocol.

import { connect as dial, createServer, type Server, type Socket } from "node:net";
import { CacheError, type Endpoint } from "@marugoto/core";

/** Bytes towards the server, or back to the client. */
export type Direction = "up" | "down";

/** What to do to the bytes of one direction. Fields can be changed while connections are open. */
export interface Faults {
  /** Forward at most this many bytes per write; 0 = as they come. */
  splitBytes: number;
  /** Wait this many milliseconds before each write; order is kept. */
  delayMs: number;
  /** Forward each piece this many milliseconds after it came, however many are under way: a long cable. */
  latencyMs: number;
  /** Forward nothing and read nothing while true: the sender meets a full window. */
  stalled: boolean;
}

const none = (): Faults => ({ splitBytes: 0, delayMs: 0, latencyMs: 0, stalled: false });

/** A running proxy. `up` and `down` are its switches; `close()` ends it. */
export class FaultProxy {
  readonly up: Faults = none();
  readonly down: Faults = none();
  /** While true, a new connection is accepted and reset at once. */
  refuse = false;
  /** Bytes forwarded so far. */
  readonly forwarded: Record<Direction, number> = { up: 0, down: 0 };
  /** Connections accepted so far, refused ones included. */
  accepted = 0;
  readonly #server: Server;
  readonly #target: Endpoint;
  readonly #pairs = new Set<readonly [client: Socket, server: Socket]>();
  readonly #cutAfter: Record<Direction, number> = { up: Infinity, down: Infinity };
  #closed = false;

  constructor(target: Endpoint, server: Server) {
    this.#target = target;
    this.#server = server;
    server.on("connection", (client) => {
      this.#accept(client);
    });
  }

  get endpoint(): Endpoint {
    return { kind: "tcp", host: "127.0.0.1", port: this.port };
  }

  get port(): number {
    const address = this.#server.address();
    return address === null || typeof address === "string" ? 0 : address.port;
  }

  /** Connections open now. */
  get open(): number {
    return this.#pairs.size;
  }

  /** Resets every open connection. New ones are taken. */
  cut(): void {
    for (const [client, server] of this.#pairs) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  /** Resets a connection once this many more bytes have gone in `direction`, over all connections: mid-answer. */
  cutAfter(direction: Direction, bytes: number): void {
    this.#cutAfter[direction] = this.forwarded[direction] + bytes;
  }

  /** Writes bytes of no one's into every open connection. */
  garbage(direction: Direction, bytes: Uint8Array): void {
    for (const [client, server] of this.#pairs) (direction === "up" ? server : client).write(bytes);
  }

  /** Takes all faults back. */
  heal(): void {
    Object.assign(this.up, none());
    Object.assign(this.down, none());
    this.refuse = false;
    this.#cutAfter.up = this.#cutAfter.down = Infinity;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const [client, server] of this.#pairs) {
      client.destroy();
      server.destroy();
    }
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client: Socket): void {
    this.accepted++;
    if (this.refuse || this.#closed) {
      client.on("error", ignoreReset);
      client.resetAndDestroy();
      return;
    }
    const to = this.#target;
    const server = dial({
      ...(to.kind === "unix" ? { path: to.path } : { host: to.host, port: to.port }),
      allowHalfOpen: true,
    });
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    for (const [socket, other] of [pair, [server, client] as const]) {
      socket.setNoDelay(true);
      socket.on("error", ignoreReset);
      socket.on("close", () => {
        this.#pairs.delete(pair);
        // What the one side said before it left has been written; the other is closed after it has gone out.
        other.destroySoon();
      });
    }
    void this.#pump("up", client, server);
    void this.#pump("down", server, client);
  }

  async #pump(direction: Direction, from: Socket, to: Socket): Promise<void> {
    const faults = this[direction];
    try {
      let last = Promise.resolve();
      for await (const chunk of from as AsyncIterable<Buffer>) {
        last = this.#forward(direction, chunk, to, performance.now() + faults.latencyMs, last);
        // On a long cable the next is read while this one is under way; what fails there is told at the end.
        if (faults.latencyMs === 0) await last;
        else last.catch(() => from.destroy());
      }
      await last;
      await this.#hold(faults, to);
      to.end();
    } catch {
      // One of the two is gone; "close" takes the other along.
      from.destroy();
    }
  }

  /** Forwards what was read, piece by piece, after what was read before and not before `dueMs`. */
  async #forward(direction: Direction, chunk: Buffer, to: Socket, dueMs: number, before: Promise<void>): Promise<void> {
    const faults = this[direction];
    await before;
    const early = dueMs - performance.now();
    if (early > 0) await pause(early);
    const step = faults.splitBytes > 0 ? faults.splitBytes : chunk.length;
    for (let at = 0; at < chunk.length; at += step) {
      await this.#hold(faults, to);
      const left = this.#cutAfter[direction] - this.forwarded[direction];
      const piece = chunk.subarray(at, Math.min(at + step, chunk.length, at + left));
      this.forwarded[direction] += piece.length;
      await new Promise<void>((resolve, reject) => {
        to.write(piece, (error) => {
          if (error) reject(error);
          else resolve();
        });
      });
      if (this.forwarded[direction] >= this.#cutAfter[direction]) {
        this.#cutAfter[direction] = Infinity;
        this.cut();
        throw new CacheError("connection_lost", "cut, as was asked");
      }
    }
  }

  async #hold(faults: Faults, to: Socket): Promise<void> {
    if (faults.delayMs > 0) await pause(faults.delayMs);
    while (faults.stalled && !to.destroyed) await pause(5);
  }
}

/** Starts a proxy to `target` (a TCP port of 127.0.0.1, or any endpoint) on a free port of 127.0.0.1. */
export async function startFaultProxy(target: Endpoint | number): Promise<FaultProxy> {
  const to: Endpoint = typeof target === "number" ? { kind: "tcp", host: "127.0.0.1", port: target } : target;
  const server = createServer({ allowHalfOpen: true });
  const proxy = new FaultProxy(to, server);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return proxy;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function ignoreReset(): void {
  // Resets are this program's trade; "close" follows and cleans up.
}

// The network over node:net: dials and listens for pairs of connections. Knows nothing of what they carry.

import { randomBytes } from "node:crypto";
import net, { type Socket } from "node:net";
import { CacheError, formatEndpoint } from "@marugoto/core";
import type { DialFailure, Link, Network } from "../environment.ts";
import type { TcpEndpoint } from "../options.ts";
import { PairedLink, PREFACE_BYTES, readPreface, Way, writePreface } from "./paired-link.ts";

/** A connection that has not found its other half by then is closed, in milliseconds. */
const PAIRING_MS = 2000;

/** Connections that wait for their other half; more are closed at once. */
const MAX_UNPAIRED = 128;

export class NetNetwork implements Network {
  dial(endpoint: TcpEndpoint, done: (result: Link | DialFailure) => void): () => void {
    const token = randomBytes(16);
    const up = net.connect({ host: endpoint.host, port: endpoint.port });
    const down = net.connect({ host: endpoint.host, port: endpoint.port });
    let open = 0;
    let isOver = false;
    const finish = (result: Link | DialFailure) => {
      isOver = true;
      done(result);
    };
    const fail = (error: NodeJS.ErrnoException) => {
      if (isOver) return;
      up.destroy();
      down.destroy();
      finish(error.code === "ECONNREFUSED" ? "refused" : "unreachable");
    };
    for (const [socket, way] of [
      [up, Way.up],
      [down, Way.down],
    ] as const) {
      // One that is closed before both are open, without an error, was turned away.
      socket.on("close", () => {
        fail(new Error("closed"));
      });
      socket.on("error", fail);
      socket.on("connect", () => {
        socket.setNoDelay(true);
        socket.write(writePreface(way, token));
        if (++open < 2 || isOver) return;
        for (const each of [up, down]) each.removeAllListeners("close");
        finish(new PairedLink(down, up, Buffer.alloc(0)));
      });
    }
    return () => {
      if (isOver) return;
      isOver = true;
      up.destroy();
      down.destroy();
    };
  }

  async listen(
    endpoint: TcpEndpoint,
    accept: (link: Link) => void,
    admits: (host: string) => boolean,
    failed: (error: Error) => void,
  ): Promise<{ readonly port: number; close(): void }> {
    const pairing = new Pairing(accept);
    const server = net.createServer((socket) => {
      socket.on("error", () => undefined);
      if (admits(socket.remoteAddress ?? "")) pairing.take(socket);
      else socket.destroy();
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error: NodeJS.ErrnoException) => {
        const code = error.code === "EADDRINUSE" ? "address_in_use" : "listen_failed";
        const why = error.code ?? error.message;
        reject(new CacheError(code, `cannot listen on ${formatEndpoint(endpoint)}: ${why}`, { cause: error }));
      });
      server.listen({ host: endpoint.host, port: endpoint.port }, resolve);
    });
    // Too many open files, most of all: whoever wants to connect tries again.
    server.on("error", failed);
    const address = server.address();
    return {
      port: address === null || typeof address === "string" ? endpoint.port : address.port,
      close: () => {
        server.close();
        pairing.close();
      },
    };
  }
}

interface Half {
  readonly socket: Socket;
  readonly way: Way;
  readonly early: Buffer;
}

/** Brings the two connections of a link together. */
class Pairing {
  readonly #accept: (link: Link) => void;
  readonly #halves = new Map<string, Half>();
  readonly #waiting = new Set<Socket>();
  readonly #timers = new WeakMap<Socket, NodeJS.Timeout>();

  constructor(accept: (link: Link) => void) {
    this.#accept = accept;
  }

  take(socket: Socket): void {
    if (this.#waiting.size >= MAX_UNPAIRED) {
      socket.destroy();
      return;
    }
    this.#waiting.add(socket);
    const timer = setTimeout(() => {
      socket.destroy();
    }, PAIRING_MS);
    socket.on("close", () => {
      clearTimeout(timer);
      this.#waiting.delete(socket);
    });
    let bytes: Buffer = Buffer.alloc(0);
    const read = (chunk: Buffer) => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      if (bytes.length < PREFACE_BYTES) return;
      socket.off("data", read);
      socket.pause();
      const preface = readPreface(bytes);
      if (preface === undefined) {
        socket.destroy();
        return;
      }
      this.#pair({ socket, way: preface.way, early: bytes.subarray(PREFACE_BYTES) }, preface.token, timer);
    };
    socket.on("data", read);
  }

  close(): void {
    for (const socket of this.#waiting) socket.destroy();
  }

  #pair(half: Half, token: string, timer: NodeJS.Timeout): void {
    const other = this.#halves.get(token);
    if (other === undefined) {
      this.#halves.set(token, half);
      half.socket.on("close", () => {
        if (this.#halves.get(token) === half) this.#halves.delete(token);
      });
      this.#timers.set(half.socket, timer);
      return;
    }
    this.#halves.delete(token);
    if (other.way === half.way || other.socket.remoteAddress !== half.socket.remoteAddress) {
      half.socket.destroy();
      other.socket.destroy();
      return;
    }
    clearTimeout(timer);
    clearTimeout(this.#timers.get(other.socket));
    const [up, down] = half.way === Way.up ? [half, other] : [other, half];
    for (const { socket } of [up, down]) {
      socket.removeAllListeners("close");
      this.#waiting.delete(socket);
    }
    const link = new PairedLink(up.socket, down.socket, up.early);
    for (const { socket } of [up, down]) socket.resume();
    this.#accept(link);
  }
}

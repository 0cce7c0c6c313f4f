// nutcracker's stats port: who connects gets one line of JSON, and the connection is closed. Nothing is read from it.

import net from "node:net";
import { CacheError, formatEndpoint, type Endpoint } from "@marugoto/core";

/** A reader that takes longer than this, in ms, is cut off. */
const PATIENCE_MS = 5000;

export class StatsPort {
  readonly #read: () => string;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();

  /** @param read gives the line, at the moment somebody asks */
  constructor(read: () => string) {
    this.#read = read;
    this.#server = net.createServer((socket) => {
      this.#answer(socket);
    });
  }

  /**
   * @param port 0 = any free one
   * @returns where it listens, with the real port
   * @throws CacheError `address_in_use`, `listen_failed`
   */
  listen(host: string, port: number): Promise<Endpoint> {
    const asked = formatEndpoint({ kind: "tcp", host, port });
    return new Promise((resolve, reject) => {
      this.#server.once("error", (error: NodeJS.ErrnoException) => {
        const code = error.code === "EADDRINUSE" ? "address_in_use" : "listen_failed";
        reject(
          new CacheError(code, `cannot listen on ${asked} for stats: ${error.code ?? error.message}`, { cause: error }),
        );
      });
      this.#server.listen({ host, port }, () => {
        const address = this.#server.address() as net.AddressInfo;
        resolve({ kind: "tcp", host: address.address, port: address.port });
      });
    });
  }

  /** Accepts no more, and ends what is open. */
  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => {
      if (!this.#server.listening) resolve();
      else this.#server.close(() => resolve());
    });
  }

  #answer(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.setTimeout(PATIENCE_MS, () => socket.destroy());
    socket.resume();
    socket.end(this.#read());
  }
}

// Where clients arrive: one listening socket, TCP or Unix. It accepts, and decides nothing about whom.

import { chmodSync, lstatSync, unlinkSync } from "node:fs";
import net from "node:net";
import { CacheError, formatEndpoint, type Endpoint } from "@marugoto/core";
import type { ListenConfig } from "../config/types.ts";
import { ClientSocket, type ClientHandler } from "./client-socket.ts";
import { socketReadingInto, takeAccepts } from "./shared-read.ts";

/** Size of the one read buffer of a thread: the most that a session is given at once. */
export const READ_BUFFER_BYTES = 64 * 1024;

export interface ListenerOwner {
  /** Shared by all listeners of a thread, `READ_BUFFER_BYTES` long. */
  readonly readBuffer: Buffer;
  /** Takes a connection; undefined when it was refused and has been ended. */
  accept(socket: ClientSocket): ClientHandler | undefined;
  onError(what: string, error: unknown): void;
}

export class Listener {
  readonly config: ListenConfig;
  readonly #owner: ListenerOwner;
  readonly #server: net.Server;
  /** Where it listens, with the real port. */
  #endpoint: Endpoint;

  constructor(config: ListenConfig, owner: ListenerOwner) {
    this.config = config;
    this.#owner = owner;
    this.#endpoint = config.endpoint;
    this.#server = new net.Server({ allowHalfOpen: true, pauseOnConnect: true });
    this.#server.on("connection", (socket) => {
      this.#adopt(socket, undefined);
    });
  }

  get endpoint(): Endpoint {
    return this.#endpoint;
  }

  /**
   * Opens it. A stale Unix socket file is removed first; a file of another kind is left alone.
   *
   * @returns where it listens, with the real port
   * @throws CacheError `address_in_use`, `listen_failed`
   */
  async listen(): Promise<Endpoint> {
    const { endpoint, backlog, reusePort, mode } = this.config;
    const server = this.#server;
    if (endpoint.kind === "unix") removeStaleSocket(endpoint.path);
    await new Promise<void>((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException) => {
        const code = error.code === "EADDRINUSE" ? "address_in_use" : "listen_failed";
        const message = `cannot listen on ${formatEndpoint(endpoint)}: ${error.code ?? error.message}`;
        reject(new CacheError(code, message, { cause: error }));
      };
      server.once("error", fail);
      const ready = () => {
        server.off("error", fail);
        server.on("error", (error) => {
          this.#owner.onError("accept", error);
        });
        resolve();
      };
      if (endpoint.kind === "unix") server.listen({ path: endpoint.path, backlog }, ready);
      else server.listen({ host: endpoint.host, port: endpoint.port, backlog, reusePort }, ready);
    });
    if (endpoint.kind === "unix" && mode !== undefined) chmodSync(endpoint.path, mode);
    takeAccepts(
      server,
      (handle) => {
        this.#adopt(undefined, handle);
      },
      (errno) => {
        this.#owner.onError("accept", new Error(`accept failed: errno ${errno}`));
      },
    );
    const address = server.address();
    if (address !== null && typeof address !== "string") {
      this.#endpoint = { kind: "tcp", host: address.address, port: address.port };
    }
    return this.#endpoint;
  }

  /** Accepts no more; open connections stay. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      if (!this.#server.listening) {
        resolve();
        return;
      }
      // Sockets built around handles are unknown to the server, so this waits for the listener alone.
      this.#server.close(() => {
        resolve();
      });
    });
  }

  #adopt(accepted: net.Socket | undefined, handle: unknown): void {
    const { readBuffer } = this.#owner;
    const { endpoint } = this.config;
    let handler: ClientHandler | undefined;
    const socket =
      accepted ??
      socketReadingInto(handle, readBuffer, (length) => {
        handler?.onBytes(readBuffer, 0, length);
      });
    let failure: Error | undefined;
    socket.on("error", (error) => {
      failure = error;
    });
    if (endpoint.kind === "tcp") socket.setNoDelay(true);
    const client = new ClientSocket(socket, endpoint.kind === "unix" ? endpoint.path : undefined);
    const session = this.#owner.accept(client);
    if (session === undefined) return;
    handler = session;
    client.onDrain = () => {
      session.onDrain();
    };
    if (accepted) {
      socket.on("data", (chunk: Buffer) => {
        session.onBytes(chunk, 0, chunk.length);
      });
    }
    socket.on("end", () => {
      session.onInputEnd();
    });
    socket.on("close", () => {
      handler = undefined;
      session.onClosed(failure);
    });
    socket.resume();
  }
}

function removeStaleSocket(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isSocket()) unlinkSync(path);
}

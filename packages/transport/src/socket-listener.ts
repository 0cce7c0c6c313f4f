// Where connections arrive: one listening socket, TCP or Unix. It accepts, and decides nothing about whom.

import { chmodSync, lstatSync, unlinkSync } from "node:fs";
import net from "node:net";
import { CacheError, formatEndpoint, type Endpoint } from "@marugoto/core";
import { ByteSocket, type SocketHandler } from "./byte-socket.ts";
import { socketReadingInto, takeAccepts } from "./shared-read.ts";

export interface SocketListenerOptions {
  /** Port 0 = any free one. */
  readonly endpoint: Endpoint;
  /** Connections that may wait to be accepted. */
  readonly backlog: number;
  /** Permission bits of a Unix socket; undefined = what the process's umask leaves. */
  readonly mode?: number | undefined;
  /** SO_REUSEPORT, so that several processes can listen on one port. Default false. */
  readonly reusePort?: boolean;
  /** TCP keepalive on what is accepted. Default false. */
  readonly keepAlive?: boolean;
  /** What arrives is read into this buffer. May be shared by all listeners of a thread. */
  readonly readBuffer: Buffer;
  /** Where in it the bytes begin; what lies before is the handler's. Default 0. */
  readonly readOffset?: number;
  /** Takes a connection; undefined when it was refused and has been ended. */
  readonly accept: (socket: ByteSocket) => SocketHandler | undefined;
  /** What failed after it was open. */
  readonly onError: (what: string, error: unknown) => void;
  /** True = plain streams even where the shared read buffer and direct writes are possible. Default false. */
  readonly plainStreams?: boolean;
}

/** One listener. Opens nothing before `listen`. */
export class SocketListener {
  readonly #options: SocketListenerOptions;
  readonly #server: net.Server;
  readonly #readInto: Buffer;

  constructor(options: SocketListenerOptions) {
    this.#options = options;
    this.#readInto = options.readBuffer.subarray(options.readOffset ?? 0);
    this.#server = new net.Server({ allowHalfOpen: true, pauseOnConnect: true });
    this.#server.on("connection", (socket) => {
      this.#adopt(socket, undefined);
    });
  }

  /**
   * Opens it. A stale Unix socket file is removed first; a file of another kind is left alone.
   *
   * @returns where it listens, with the real port
   * @throws CacheError `address_in_use`, `listen_failed`
   */
  async listen(): Promise<Endpoint> {
    const { endpoint, backlog, reusePort = false, mode, onError } = this.#options;
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
          onError("accept", error);
        });
        resolve();
      };
      if (endpoint.kind === "unix") server.listen({ path: endpoint.path, backlog }, ready);
      else server.listen({ host: endpoint.host, port: endpoint.port, backlog, reusePort }, ready);
    });
    if (endpoint.kind === "unix" && mode !== undefined) chmodSync(endpoint.path, mode);
    if (this.#options.plainStreams !== true) {
      takeAccepts(
        server,
        (handle) => {
          this.#adopt(undefined, handle);
        },
        (errno) => {
          onError("accept", new Error(`accept failed: errno ${errno}`));
        },
      );
    }
    const address = server.address();
    if (address === null || typeof address === "string") return endpoint;
    return { kind: "tcp", host: address.address, port: address.port };
  }

  /** Accepts no more; open connections stay, and are not waited for. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    // Its port or path is free now; its handle is gone after this pass of the loop.
    await new Promise((resolve) => setImmediate(resolve));
  }

  #adopt(accepted: net.Socket | undefined, handle: unknown): void {
    const { readBuffer, readOffset = 0, endpoint, keepAlive = false, accept, plainStreams } = this.#options;
    let handler: SocketHandler | undefined;
    const socket =
      accepted ??
      socketReadingInto(handle, this.#readInto, (length) => {
        handler?.onBytes(readBuffer, readOffset, readOffset + length);
      });
    let failure: Error | undefined;
    socket.on("error", (error) => {
      failure = error;
    });
    if (endpoint.kind === "tcp") {
      socket.setNoDelay(true);
      if (keepAlive) socket.setKeepAlive(true);
    }
    const out = new ByteSocket(socket, plainStreams !== true);
    const sink = accept(out);
    if (sink === undefined) return;
    handler = sink;
    out.onDrain = () => {
      sink.onDrain();
    };
    if (accepted) {
      socket.on("data", (chunk: Buffer) => {
        sink.onBytes(chunk, 0, chunk.length);
      });
    }
    socket.on("end", () => {
      sink.onInputEnd();
    });
    socket.on("close", () => {
      handler = undefined;
      out.closed();
      sink.onClosed(failure);
    });
    socket.resume();
  }
}

function removeStaleSocket(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isSocket()) unlinkSync(path);
}

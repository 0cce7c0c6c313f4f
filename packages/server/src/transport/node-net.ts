// The transport over node:net: listeners for TCP and Unix sockets, and one Transport per accepted socket.

import { chmodSync, lstatSync, unlinkSync } from "node:fs";
import net from "node:net";
import { CacheError, formatEndpoint, type Endpoint } from "@marugoto/core";
import type { ListenerOptions } from "../options.ts";
import { DirectWriter } from "./direct-write.ts";
import { socketReadingInto, takeAccepts } from "./shared-read.ts";
import { READ_HEADROOM_BYTES, type Accept, type ByteHandler, type Transport } from "./transport.ts";

class NodeTransport implements Transport {
  readonly socket: net.Socket;
  readonly remote: string;
  readonly local: string;
  readonly isRemote: boolean;
  /** Tells the session that nothing waits any more. */
  onDrain: () => void = () => undefined;
  readonly #direct: DirectWriter | undefined;

  constructor(socket: net.Socket, listener: ListenerOptions, directWrite: boolean) {
    this.socket = socket;
    this.isRemote = listener.kind === "tcp";
    if (directWrite && DirectWriter.isPossible(socket)) {
      this.#direct = new DirectWriter(socket, () => {
        this.onDrain();
      });
    }
    if (listener.kind === "unix") {
      this.remote = `unix:${listener.path}`;
      this.local = `unix:${listener.path}`;
    } else {
      const host = socket.remoteAddress ?? "";
      const family = host.includes(":") ? "tcp6" : "tcp";
      this.remote = `${family}:${family === "tcp6" ? `[${host}]` : host}:${socket.remotePort ?? 0}`;
      this.local = `tcp:${formatEndpoint({ kind: "tcp", host: socket.localAddress ?? "", port: socket.localPort ?? 0 })}`;
    }
  }

  get waiting(): number {
    return this.#direct === undefined ? this.socket.writableLength : this.#direct.waiting;
  }

  write(buffer: Buffer, start: number, end: number): boolean {
    const bytes = buffer.subarray(start, end);
    if (this.#direct !== undefined) return this.#direct.write(bytes);
    this.socket.write(bytes, this.#onWritten);
    return this.socket.writableLength === 0;
  }

  writePieces(pieces: readonly Buffer[], done: () => void): boolean {
    if (this.#direct !== undefined) return this.#direct.writePieces(pieces, done);
    const { socket } = this;
    const last = pieces.length - 1;
    socket.cork();
    for (let i = 0; i < last; i++) socket.write(pieces[i]!);
    socket.write(pieces[last]!, () => {
      done();
      this.#onWritten();
    });
    socket.uncork();
    return socket.writableLength === 0;
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  end(): void {
    this.socket.destroySoon();
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** The socket is gone. */
  closed(): void {
    this.#direct?.close();
  }

  /** The stream tells of `drain` only above its high-water mark: after each write instead. */
  readonly #onWritten = (): void => {
    if (this.socket.writableLength === 0 && !this.socket.destroyed) this.onDrain();
  };
}

export interface NodeListenerConfig {
  readonly listener: ListenerOptions;
  readonly backlog: number;
  /** Shared by all listeners of a thread; begins with READ_HEADROOM_BYTES of scratch. */
  readonly readBuffer: Buffer;
  readonly accept: Accept;
  readonly onError: (what: string, error: unknown) => void;
  /** False = plain streams even where the shared read buffer and direct writes are possible; tests run both ways. */
  readonly sharedRead: boolean;
}

/** One open listener. */
export class NodeListener {
  readonly #config: NodeListenerConfig;
  readonly #server: net.Server;

  constructor(config: NodeListenerConfig) {
    this.#config = config;
    this.#server = new net.Server({ allowHalfOpen: true, pauseOnConnect: true });
    this.#server.on("connection", (socket) => {
      this.#adopt(socket, undefined);
    });
  }

  /**
   * Opens the listener. A stale Unix socket file is removed first; a file of another kind is left alone.
   *
   * @returns where it listens, with the real port
   * @throws CacheError `address_in_use` or `listen_failed`
   */
  async listen(): Promise<Endpoint> {
    const { listener, backlog, onError } = this.#config;
    const wanted: Endpoint =
      listener.kind === "tcp" ? { kind: "tcp", host: listener.host, port: listener.port } : listener;
    if (listener.kind === "unix") removeStaleSocket(listener.path);
    await new Promise<void>((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException) => {
        const code = error.code === "EADDRINUSE" ? "address_in_use" : "listen_failed";
        reject(
          new CacheError(code, `cannot listen on ${formatEndpoint(wanted)}: ${error.code ?? error.message}`, {
            cause: error,
          }),
        );
      };
      this.#server.once("error", fail);
      const ready = () => {
        this.#server.off("error", fail);
        this.#server.on("error", (error) => {
          onError("accept", error);
        });
        resolve();
      };
      if (listener.kind === "tcp") {
        this.#server.listen({ host: listener.host, port: listener.port, backlog }, ready);
      } else {
        this.#server.listen({ path: listener.path, backlog }, ready);
      }
    });
    if (listener.kind === "unix") chmodSync(listener.path, listener.mode);
    if (this.#config.sharedRead) {
      takeAccepts(
        this.#server,
        (handle) => {
          this.#adopt(undefined, handle);
        },
        (errno) => {
          onError("accept", new Error(`accept failed: errno ${errno}`));
        },
      );
    }
    const address = this.#server.address();
    if (address === null || typeof address === "string") return wanted;
    return { kind: "tcp", host: address.address, port: address.port };
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
    const { readBuffer, listener, accept } = this.#config;
    let handler: ByteHandler | undefined;
    const socket =
      accepted ??
      socketReadingInto(handle, readBuffer.subarray(READ_HEADROOM_BYTES), (length) => {
        handler?.onBytes(readBuffer, READ_HEADROOM_BYTES, READ_HEADROOM_BYTES + length);
      });
    let failure: Error | undefined;
    socket.on("error", (error) => {
      failure = error;
    });
    if (listener.kind === "tcp") {
      socket.setNoDelay(true);
      socket.setKeepAlive(true);
    }
    const transport = new NodeTransport(socket, listener, this.#config.sharedRead);
    handler = accept(transport);
    if (!handler) return;
    const sink = handler;
    transport.onDrain = () => {
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
      transport.closed();
      sink.onClosed(failure);
    });
    socket.resume();
  }
}

function removeStaleSocket(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isSocket()) unlinkSync(path);
}

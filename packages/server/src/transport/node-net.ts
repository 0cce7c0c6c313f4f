// A session's transport over the sockets of @marugoto/transport: addresses as memcached prints them.

import { formatEndpoint, type Endpoint } from "@marugoto/core";
import { SocketListener, type ByteSocket } from "@marugoto/transport";
import type { ListenerOptions } from "../options.ts";
import { READ_HEADROOM_BYTES, type Accept, type Transport } from "./transport.ts";

class NodeTransport implements Transport {
  readonly remote: string;
  readonly local: string;
  readonly isRemote: boolean;
  readonly #socket: ByteSocket;

  constructor(socket: ByteSocket, listener: ListenerOptions) {
    this.#socket = socket;
    this.isRemote = listener.kind === "tcp";
    if (listener.kind === "unix") {
      this.remote = `unix:${listener.path}`;
      this.local = `unix:${listener.path}`;
    } else {
      const { remoteHost: host, remotePort, localHost, localPort } = socket;
      const family = host.includes(":") ? "tcp6" : "tcp";
      this.remote = `${family}:${family === "tcp6" ? `[${host}]` : host}:${remotePort}`;
      this.local = `tcp:${formatEndpoint({ kind: "tcp", host: localHost, port: localPort })}`;
    }
  }

  get waiting(): number {
    return this.#socket.waiting;
  }

  write(buffer: Buffer, start: number, end: number): boolean {
    return this.#socket.write(buffer.subarray(start, end));
  }

  writePieces(pieces: readonly Buffer[], done: () => void): boolean {
    return this.#socket.writePieces(pieces, done);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
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

/** A listener whose connections become sessions. */
export function nodeListener({ listener, sharedRead, accept, ...rest }: NodeListenerConfig): SocketListener {
  const endpoint: Endpoint =
    listener.kind === "tcp" ? { kind: "tcp", host: listener.host, port: listener.port } : listener;
  return new SocketListener({
    ...rest,
    endpoint,
    mode: listener.kind === "unix" ? listener.mode : undefined,
    keepAlive: true,
    readOffset: READ_HEADROOM_BYTES,
    plainStreams: !sharedRead,
    accept: (socket) => accept(new NodeTransport(socket, listener)),
  });
}

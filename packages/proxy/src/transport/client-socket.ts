// A client's socket as its session uses it, with the addresses that logs and stats name.

import type { ByteSocket, SocketHandler } from "@marugoto/transport";

/** What a client's socket reports to. */
export type ClientHandler = SocketHandler;

export class ClientSocket {
  /** Where it comes from: `host:port`, or "unix". */
  readonly remote: string;
  /** Where it was accepted: `host:port`, or the path. */
  readonly local: string;
  readonly #socket: ByteSocket;

  /** @param path of the Unix socket that accepted it; undefined for TCP */
  constructor(socket: ByteSocket, path: string | undefined) {
    this.#socket = socket;
    const at = (host: string, port: number) => (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`);
    this.remote = path === undefined ? at(socket.remoteHost, socket.remotePort) : "unix";
    this.local = path ?? at(socket.localHost, socket.localPort);
  }

  /** Bytes handed over and not yet with the kernel. */
  get waiting(): number {
    return this.#socket.waiting;
  }

  /**
   * Hands buffers on in one write. They may be read later, so they must stay as they are unless true comes back.
   *
   * @returns true when all bytes, these and earlier ones, are with the kernel
   */
  write(pieces: readonly Buffer[]): boolean {
    return pieces.length === 1 ? this.#socket.write(pieces[0]!) : this.#socket.writePieces(pieces);
  }

  /** No more `onBytes` until `resume`. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Closes after what was written has left. */
  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

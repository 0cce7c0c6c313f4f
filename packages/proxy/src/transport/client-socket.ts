// A client's socket as its session uses it: bytes out, the brakes, and how much the client has not taken yet.

import type net from "node:net";
import { DirectWriter } from "./direct-write.ts";

/** What a client's socket reports to. */
export interface ClientHandler {
  /** `buffer[start, end)` is valid during the call only. */
  onBytes(buffer: Buffer, start: number, end: number): void;
  /** All that was written is with the kernel. */
  onDrain(): void;
  /** The client sends no more; it may still read. */
  onInputEnd(): void;
  /** The connection is gone; `error` when that was not by agreement. */
  onClosed(error: Error | undefined): void;
}

export class ClientSocket {
  /** Where it comes from: `host:port`, or "unix". */
  readonly remote: string;
  /** Where it was accepted: `host:port`, or the path. */
  readonly local: string;
  /** Tells the session that nothing waits any more. */
  onDrain: () => void = () => undefined;
  readonly #socket: net.Socket;
  readonly #direct: DirectWriter | undefined;

  /** @param path of the Unix socket that accepted it; undefined for TCP */
  constructor(socket: net.Socket, path: string | undefined) {
    this.#socket = socket;
    const at = (host: string | undefined, port: number | undefined) =>
      host?.includes(":") === true ? `[${host}]:${port ?? 0}` : `${host ?? ""}:${port ?? 0}`;
    this.remote = path === undefined ? at(socket.remoteAddress, socket.remotePort) : "unix";
    this.local = path ?? at(socket.localAddress, socket.localPort);
    if (DirectWriter.isPossible(socket)) {
      this.#direct = new DirectWriter(socket, () => {
        this.onDrain();
      });
    }
  }

  /** Bytes handed over and not yet with the kernel. */
  get waiting(): number {
    return this.#direct === undefined ? this.#socket.writableLength : this.#direct.waiting;
  }

  /**
   * Hands buffers on in one write. They may be read later, so they must stay as they are unless true comes back.
   *
   * @returns true when all bytes, these and earlier ones, are with the kernel
   */
  write(pieces: readonly Buffer[]): boolean {
    if (this.#direct !== undefined) {
      return pieces.length === 1 ? this.#direct.write(pieces[0]!) : this.#direct.writePieces(pieces);
    }
    const last = pieces.length - 1;
    this.#socket.cork();
    for (let i = 0; i < last; i++) this.#socket.write(pieces[i]!);
    this.#socket.write(pieces[last]!, this.#onWritten);
    this.#socket.uncork();
    return this.#socket.writableLength === 0;
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
    this.#socket.destroySoon();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** The stream tells of `drain` only above its high-water mark: after each write instead. */
  readonly #onWritten = (): void => {
    if (this.#socket.writableLength === 0 && !this.#socket.destroyed) this.onDrain();
  };
}
